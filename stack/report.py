"""Progress of the steps: a live line each on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress, TaskID


class Step:
    """One step in progress; ``note`` says what it is doing now."""

    def __init__(self, report: Report, name: str) -> None:
        """Belong to ``report``, shown as ``name``."""
        self.report = report
        self.name = name
        self.began = time.monotonic()
        self.last = ""
        self.task: TaskID | None = None

    def note(self, text: str) -> None:
        """Show what this step does from now on; a step that never notes anything stays silent."""
        if text == self.last:
            return
        self.last = text
        self.report.show(self, text)


class Report:
    """Shows steps to people on standard error; may be used from several threads."""

    def __init__(self) -> None:
        """Draw live lines when standard error is a terminal."""
        self._guard = threading.Lock()
        self._progress: Progress | None = None
        self.is_live = sys.stderr.isatty()

    def say(self, text: str) -> None:
        """Write one line that stays."""
        with self._guard:
            if self._progress is not None:
                self._progress.console.print(text, markup=False, highlight=False)
            else:
                print(text, file=sys.stderr, flush=True)

    def show(self, step: Step, text: str) -> None:
        """Show a step's present doing: in its live line, or as a line of its own."""
        if not self.is_live:
            self.say(f"{step.name}: {text}")
            return
        with self._guard:
            progress = self._started()
            if step.task is None:
                step.task = progress.add_task(f"{step.name}: {text}", total=None)
            else:
                progress.update(step.task, description=f"{step.name}: {text}")

    @contextmanager
    def step(self, name: str, done: str) -> Iterator[Step]:
        """Run a step; says that it is ``done``, and the seconds, when it noted anything at all."""
        step = Step(self, name)
        try:
            yield step
        finally:
            if step.task is not None and self._progress is not None:
                self._progress.remove_task(step.task)
        if step.last:
            self.say(f"{name}: {done} ({time.monotonic() - step.began:.1f} s)")

    def close(self) -> None:
        """End the live lines."""
        with self._guard:
            if self._progress is not None:
                self._progress.stop()
                self._progress = None

    def _started(self) -> Progress:
        if self._progress is None:
            from rich.console import Console  # noqa: PLC0415 - only where something is shown live
            from rich.progress import (  # noqa: PLC0415
                Progress,
                SpinnerColumn,
                TextColumn,
                TimeElapsedColumn,
            )

            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
        return self._progress
