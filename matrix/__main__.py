"""`python -m matrix`: run the parts that have not passed, write docs/compatibility.md; 1 where one failed."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from matrix.page import PAGE, page
from matrix.parts import choose
from matrix.results import read, write
from matrix.run import run
from stack.state import open_state

if TYPE_CHECKING:
    from matrix.parts import Part
    from matrix.results import Result

ROOT = Path(__file__).parent.parent
# What a run itself writes is no change of what was tested.
WRITTEN = (":!matrix/results", ":!docs/compatibility.md")
INTERRUPTED = 130


def main(arguments: list[str]) -> int:
    """Run parts; gives the exit code."""
    parser = argparse.ArgumentParser(prog="python -m matrix", description=__doc__)
    parser.add_argument(
        "--only", default="", help="these parts, names or globs with commas between"
    )
    parser.add_argument("--fresh", action="store_true", help="what has passed, too")
    parser.add_argument("--list", action="store_true", help="show the parts, and end")
    parser.add_argument("--page", action="store_true", help="write the page alone, and end")
    options = parser.parse_args(arguments)
    try:
        chosen = choose(options.only)
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        for part in chosen:
            print(part.name)
        return 0
    bad = [] if options.page else [part.name for part in chosen if not _settle(part, options)]
    _write_page()
    if bad:
        print(f"failed: {', '.join(bad)}")
    return 1 if bad else 0


def _settle(part: Part, options: argparse.Namespace) -> bool:
    """Run a part, unless it has passed and nobody asked for it; gives whether it is good."""
    last = read(part.name)
    if last is not None and last.is_good and not options.only and not options.fresh:
        print(f"{part.name}: passed at {last.commit}", flush=True)
        return True
    print(f"{part.name}: begins", flush=True)
    logs = open_state(os.environ).logs / "matrix"
    result = run(part, describe_commit(), logs)
    write(result)
    _write_page()
    print(tell(result), flush=True)
    if not result.is_good:
        print(f"    logs: {logs}/{part.name}*", flush=True)
    return result.is_good


def tell(result: Result) -> str:
    """Give a result for a terminal: one line, and one for each failure."""
    head = (
        f"{result.part}: {'ok' if result.is_good else 'FAILED'} on {result.version or 'nothing'}, "
        f"{result.passed} passed, {len(result.failures)} failed, {result.skipped} skipped, "
        f"{result.seconds} s"
    )
    return "\n".join([head, *(f"    {each.what}: {each.reason}" for each in result.failures)])


def describe_commit() -> str:
    """Give the short commit that is checked out, with a `+` where files differ from it."""
    command = ["git", "-C", str(ROOT)]
    head = subprocess.check_output([*command, "rev-parse", "--short=9", "HEAD"], text=True).strip()
    changed = ["status", "--porcelain", "--", ".", *WRITTEN]
    return head + ("+" if subprocess.check_output([*command, *changed], text=True).strip() else "")


def _write_page() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
    except KeyboardInterrupt:
        print("interrupted; the next `make matrix` goes on here", file=sys.stderr)
        code = INTERRUPTED
    sys.exit(code)
