"""`python -m drills [NAME...]`: run drills, print the table, and exit with 1 where a promise was broken."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from drills.catalogue import DRILLS
from drills.drill import run
from drills.report import line, page
from drills.room import apply
from drills.servers import first_stack, second_stack


def main(arguments: list[str]) -> int:
    """Run drills; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m drills", description=__doc__)
    parser.add_argument("name", nargs="*", help="only drills whose names contain one of these")
    parser.add_argument("--list", action="store_true", help="show the drills, and end")
    parser.add_argument("--short", action="store_true", help="only short ones, on the first stack")
    parser.add_argument(
        "--keep", action="store_true", help="let the drills' stack stand afterwards"
    )
    parser.add_argument("--page", type=Path, help="write the table there, as a document")
    options = parser.parse_args(arguments)
    chosen = [
        drill
        for drill in DRILLS
        if (drill.is_short or not options.short)
        and (not options.name or any(name in drill.name for name in options.name))
    ]
    if unknown := [n for n in options.name if not any(n in drill.name for drill in DRILLS)]:
        parser.error(f"no drill is called {', '.join(unknown)}; --list shows them")
    if options.list:
        for drill in chosen:
            print(f"{drill.name:<36} {drill.what}")
        return 0
    rows = []
    with (
        nullcontext(first_stack())
        if options.short
        else second_stack(is_kept=options.keep) as servers
    ):
        apply(servers, "/", "kafka.*")
        versions = servers.versions()
        for drill in chosen:
            rows.append(run(drill, servers))
            print(line(rows[-1]), flush=True)
    if options.page:
        options.page.write_text(page(rows, versions), encoding="utf-8")
    bad = [row.drill.name for row in rows if not row.is_good]
    print(f"{len(rows)} drills, {len(bad)} broken{': ' if bad else ''}{', '.join(bad)}")
    return 1 if bad or not rows else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
