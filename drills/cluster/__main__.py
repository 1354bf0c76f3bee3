"""`python -m drills.cluster`: drill three clusters, print the table, and exit with 1 where a promise was broken."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from drills.cluster.between import at_moments, between_writes
from drills.cluster.harm import Harm
from drills.cluster.lab import opened
from drills.cluster.outage import Outage
from drills.cluster.rabbitmq import Rabbitmq
from drills.cluster.state import DrillError, UnreadableError
from drills.cluster.table import Drilled, line, page
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drills.cluster.outage import Row
    from drills.cluster.state import Subject

SYSTEMS = ("rabbitmq", "kafka", "swarm")
BETWEEN = "between"
INTERRUPTED = 130
DRILLS = (*(harm.name.lower() for harm in Harm), BETWEEN)


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

    def open_and_drill(self, system: str, options: argparse.Namespace) -> None:
        """Start the cluster of a system, and drill it; one that does not start is a fault."""
        try:
            with opened(system, options.rabbitmq_version, is_kept=options.keep) as subject:
                self.drill(subject, options.drill)
        except (StackError, UnreadableError, subprocess.CalledProcessError) as error:
            self._fail(f"{system} did not start: {error}")

    def drill(self, subject: Subject, chosen: str) -> None:
        """Drill a system with each harm and in the middle of an apply, or do one of DRILLS."""
        self.servers.append(subject.versions())
        for name, do in self._drills(subject).items():
            if chosen in {"", name}:
                try:
                    subject.wait_until_whole()
                    do()
                except (DrillError, UnreadableError, StackError) as error:
                    self._fail(f"{subject.system}, {name}: {error}")
                    subject.members.heal()

    def _fail(self, fault: str) -> None:
        self.faults.append(fault)
        print(f"BAD {fault}", flush=True)

    def _drills(self, subject: Subject) -> Mapping[str, Callable[[], None]]:
        harms = {harm.name.lower(): Outage(subject, harm, self.tell).run for harm in Harm}
        if isinstance(subject, Rabbitmq):
            return {**harms, BETWEEN: partial(between_writes, subject, self.tell)}
        return {**harms, BETWEEN: partial(at_moments, subject, self.tell)}


def main(arguments: list[str]) -> int:
    """Run the drills; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m drills.cluster", description=__doc__)
    parser.add_argument("--only", choices=SYSTEMS, help="only this system")
    parser.add_argument("--drill", choices=DRILLS, default="", help="only this drill")
    parser.add_argument(
        "--rabbitmq-version", default="4.0", help="as the stack has it, such as 4.3"
    )
    parser.add_argument("--keep", action="store_true", help="let the clusters stand afterwards")
    parser.add_argument("--page", type=Path, help="write the table there, as a document")
    options = parser.parse_args(arguments)
    # What was started is removed then, too; a shell lets its background processes ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    run, begun = Run(), time.monotonic()
    for system in [options.only] if options.only else SYSTEMS:
        run.open_and_drill(system, options)
    seconds = time.monotonic() - begun
    if options.page:
        part = " ".join(word for word in (options.only, options.drill) if word)
        drilled = Drilled(run.rows, run.faults, run.servers, seconds, part)
        options.page.write_text(page(drilled), encoding="utf-8")
    broken = sum(bool(row.broken) for row in run.rows)
    print(
        f"{len(run.rows)} runs in {seconds / 60:.1f} min, {broken} broke a promise, "
        f"{len(run.faults)} drills proved nothing"
    )
    return 1 if broken or run.faults or not run.rows else 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; what was started is removed", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)
