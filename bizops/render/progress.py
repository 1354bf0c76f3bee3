"""What apply is doing while it does it: drawn in place on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Self

from bizops.render.outcome import is_shown, outcome_text, step_text
from bizops.render.style import Style, duration_text
from bizops.render.values import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.live import Live
    from rich.text import Text

    from bizops.change import Outcome, Step

_BAR = 20
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_A_SECOND = 8
_RUNNING_SHOWN = 12
_LONG = 10.0
_NOTICED = 1.0


class Lines:
    """One line for each resource when it ends: for logs and pipes. Hears of steps one call at a time.

    What is waited for long gets a line too, one for all that waits. `limit` is the settle timeout in seconds.
    """

    def __init__(self, print_line: Callable[[str], None], style: Style, *, limit: float) -> None:
        self._print = print_line
        self._style = style
        self._limit = limit
        self._waiting: set[tuple[str, str]] = set()
        self._due = _LONG

    def started(self, step: Step) -> None:
        """Say nothing yet."""

    def waiting(self, step: Step, detail: str, seconds: float) -> None:
        """Say what is waited for and since when: after ten seconds, then after twice as long each time."""
        self._waiting.add(step.key)
        if seconds < self._due:
            return
        while self._due <= seconds:
            self._due *= 2
        others = len(self._waiting) - 1
        more = f" and {others} more" if others else ""
        spent = f"{duration_text(seconds)} of {duration_text(self._limit)}"
        glyph = self._style.glyph("…")
        self._print(f"  {glyph} {step_text(step)}{more}: for {spent}: {printable(detail)}")

    def ended(self, outcome: Outcome) -> None:
        """Print the outcome."""
        self._waiting.discard(outcome.step.key)
        if not self._waiting:
            self._due = _LONG
        if is_shown(outcome):
            self._print(outcome_text(outcome, self._style))

    def interrupted(self, *, waits: bool) -> None:
        """Say what happens now: what is in flight is waited for or not."""
        fate = "let finish" if waits else "not waited for"
        self._print(f"Interrupted: what is in flight is {fate}, nothing more is started.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_ignored: object) -> None:
        return None


class Screen:
    """Ended steps scroll by; running ones, a bar and a hint stay at the bottom and are redrawn.

    `total` counts steps that get a line. `limit` is the settle timeout in seconds, shown beside the time taken.
    """

    def __init__(self, stream: IO[str], style: Style, *, total: int, limit: float) -> None:
        self._stream = stream
        self._style = style
        self._total = total
        self._limit = limit
        self._running: dict[tuple[str, str], tuple[Step, float, str]] = {}
        self._ended = 0
        self._is_stopping = False
        self._live: Live | None = None

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 - 44 ms that only a terminal pays for
        from rich.live import Live  # noqa: PLC0415 - likewise

        console = Console(
            file=self._stream,
            width=self._style.width,
            force_terminal=True,
            no_color=not self._style.colour,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )
        self._live = Live(
            get_renderable=self._picture,
            console=console,
            refresh_per_second=_FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        return self

    def __exit__(self, *_ignored: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def started(self, step: Step) -> None:
        """Add a line for the step."""
        if step.change is not None and not step.only_orders:
            self._running[step.key] = (step, time.monotonic(), "")

    def waiting(self, step: Step, detail: str, seconds: float) -> None:
        """Show what the step waits for; a write without an address only where it takes longer than one should."""
        if step.key in self._running or seconds > _NOTICED:
            self._running[step.key] = (step, time.monotonic() - seconds, detail)

    def ended(self, outcome: Outcome) -> None:
        """Let the step's line scroll by, with its result."""
        self._running.pop(outcome.step.key, None)
        if not is_shown(outcome):
            return
        self._ended += 1
        if self._live is not None:
            self._live.console.print(self._ansi(outcome_text(outcome, self._style)))

    def interrupted(self, *, waits: bool) -> None:
        """Change the hint; where nothing is waited for, there is no time to read one."""
        self._is_stopping = waits

    def _ansi(self, text: str) -> Text:
        from rich.text import Text  # noqa: PLC0415 - see above

        return Text.from_ansi(text)

    def _picture(self) -> Text:
        now = time.monotonic()
        lines = screen_lines(
            [(step, now - since, detail) for step, since, detail in list(self._running.values())],
            self._style,
            ended=(self._ended, self._total),
            limit=self._limit,
            frame=int(now * _FRAMES_A_SECOND),
            is_stopping=self._is_stopping,
        )
        return self._ansi("\n".join(lines))


def screen_lines(  # noqa: PLR0913 - everything that is on the screen, so that drawing is pure
    running: list[tuple[Step, float, str]],
    style: Style,
    *,
    ended: tuple[int, int],
    limit: float,
    frame: int,
    is_stopping: bool,
) -> list[str]:
    """Give the lines at the bottom: what runs (step, seconds, detail), a bar with `ended` of all, and a hint."""
    spinner = _FRAMES[frame % len(_FRAMES)] if style.unicode else "|/-\\"[frame % 4] + " "
    lines = []
    for step, seconds, detail in running[:_RUNNING_SHOWN]:
        spent = f"{duration_text(int(seconds))} of {duration_text(limit)}"
        left = f"  {spinner} {step_text(step)}  {printable(detail)}".rstrip()
        room = style.width - len(spent) - 2
        left = left if len(left) <= room else f"{left[: room - 3]}{style.glyph('…')}"
        lines.append(f"{left.ljust(room)}  {style.paint(spent, 'dim')}")
    if len(running) > _RUNNING_SHOWN:
        lines.append(f"    and {len(running) - _RUNNING_SHOWN} more under way")
    done, total = ended
    filled = _BAR * done // total if total else _BAR
    bar = style.glyph("█") * filled + style.glyph("░") * (_BAR - filled)
    hint = (
        "stopping: what runs is let finish. Ctrl-C again: abort"
        if is_stopping
        else f"Ctrl-C: let {_these(len(running))} finish, start nothing more"
    )
    return [*lines, f"  [{bar}] {done}/{total}  {style.paint(hint, 'dim')}"]


def _these(running: int) -> str:
    return {0: "what runs", 1: "this one"}.get(running, f"these {running}")
