"""`python -m drills.cluster`: drill three clusters, print the table, and exit with 1 where a promise was broken."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path

from drills.cluster.harm import Harm
from drills.cluster.run import BETWEEN, Run, drill_side_by_side
from drills.cluster.table import Drilled, page

SYSTEMS = ("rabbitmq", "kafka", "swarm")
INTERRUPTED = 130
DRILLS = (*(harm.name.lower() for harm in Harm), BETWEEN)


def main(arguments: list[str]) -> int:
    """Run the drills; gives the exit code."""
    options = _parse(arguments)
    # What was started is removed then, too; a shell lets its background processes ignore SIGINT.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    begun = time.monotonic()
    if options.only:
        run = Run()
        run.open_and_drill(
            options.only, options.drill, options.rabbitmq_version, is_kept=options.keep
        )
    else:
        run = drill_side_by_side(SYSTEMS, _without_page(options))
    seconds = time.monotonic() - begun
    if options.rows:
        run.write(options.rows)
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


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m drills.cluster", description=__doc__)
    parser.add_argument("--only", choices=SYSTEMS, help="only this system")
    parser.add_argument("--drill", choices=DRILLS, default="", help="only this drill")
    parser.add_argument(
        "--rabbitmq-version", default="4.0", help="as the stack has it, such as 4.3"
    )
    parser.add_argument("--keep", action="store_true", help="let the clusters stand afterwards")
    parser.add_argument("--page", type=Path, help="write the table there, as a document")
    parser.add_argument("--rows", type=Path, help="write the table there, as JSON")
    return parser.parse_args(arguments)


def _without_page(options: argparse.Namespace) -> list[str]:
    """Give the arguments that each system's own process gets, too."""
    words = ["--rabbitmq-version", options.rabbitmq_version]
    words += ["--drill", options.drill] if options.drill else []
    return [*words, "--keep"] if options.keep else words


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; what was started is removed", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)
