"""The drills of the systems: one after the other here, or each system in a process of its own."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drills.cluster.between import at_moments, between_writes
from drills.cluster.harm import Harm
from drills.cluster.lab import opened
from drills.cluster.outage import Outage, Row
from drills.cluster.rabbitmq import Rabbitmq
from drills.cluster.state import DrillError, UnreadableError
from drills.cluster.table import line
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from drills.cluster.state import Subject

BETWEEN = "between"


class Run:
    """The rows so far, the drills that proved nothing and why, and which servers these were."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.faults: list[str] = []
        self.servers: list[str] = []

    def tell(self, row: Row) -> None:
        """Keep a row, and print it."""
        self.rows.append(row)
        print(line(row), flush=True)

    def open_and_drill(self, system: str, chosen: str, version: str, *, is_kept: bool) -> None:
        """Start the cluster of a system, and drill it; one that does not start is a fault."""
        try:
            with opened(system, version, is_kept=is_kept) as subject:
                self.drill(subject, chosen)
        except (StackError, UnreadableError, subprocess.CalledProcessError) as error:
            self.fail(f"{system} did not start: {error}")

    def drill(self, subject: Subject, chosen: str) -> None:
        """Drill a system with each harm and in the middle of an apply, or only the drill that is chosen."""
        self.servers.append(subject.versions())
        for name, do in self._drills(subject).items():
            if chosen in {"", name}:
                try:
                    subject.wait_until_whole()
                    do()
                except (DrillError, UnreadableError, StackError) as error:
                    self.fail(f"{subject.system}, {name}: {error}")
                    subject.members.heal()

    def fail(self, fault: str) -> None:
        """Keep what proved nothing, and print it."""
        self.faults.append(fault)
        print(f"BAD {fault}", flush=True)

    def write(self, path: Path) -> None:
        """Write all of it for `read`."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        found = {"rows": rows, "faults": self.faults, "servers": self.servers}
        path.write_text(json.dumps(found), encoding="utf-8")

    def read(self, path: Path) -> None:
        """Add what another process has written."""
        found = json.loads(path.read_text("utf-8"))
        self.rows += [Row(**{**row, "broken": tuple(row["broken"])}) for row in found["rows"]]
        self.faults += found["faults"]
        self.servers += found["servers"]

    def _drills(self, subject: Subject) -> Mapping[str, Callable[[], None]]:
        harms = {harm.name.lower(): Outage(subject, harm, self.tell).run for harm in Harm}
        if isinstance(subject, Rabbitmq):
            # First: 3.10 answers declarations with 500 for minutes after a partition, however it is healed.
            return {BETWEEN: partial(between_writes, subject, self.tell), **harms}
        return {**harms, BETWEEN: partial(at_moments, subject, self.tell)}


def drill_side_by_side(systems: Sequence[str], arguments: Sequence[str]) -> Run:
    """Drill each system in a process of its own: most of a drill is waiting for a cluster.

    An interrupt is handed on to the processes, and waited for: each removes what it has started.
    """
    run = Run()
    with tempfile.TemporaryDirectory() as folder:
        files = {system: Path(folder, f"{system}.json") for system in systems}
        command = [sys.executable, "-m", "drills.cluster", *arguments]
        started = [
            subprocess.Popen([*command, "--only", system, "--rows", str(file)])
            for system, file in files.items()
        ]
        try:
            for process in started:
                process.wait()
        except KeyboardInterrupt:
            for process in started:
                process.send_signal(signal.SIGINT)
            for process in started:
                process.wait()
            raise
        for system, file in files.items():
            if file.exists():
                run.read(file)
            else:
                run.fail(f"{system}: the drills ended without a result")
    return run
