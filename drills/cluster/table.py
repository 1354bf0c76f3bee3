"""The table of the cluster drills, for a terminal and for the documents."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drills.cluster.command import BEYOND, DEADLINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drills.cluster.outage import Row

PAGE = Path(__file__).parent / "page.md"
WIDTH = 160
"""Characters of what was said that the page shows."""


def line(row: Row) -> str:
    """Give a row for a terminal, with the promises that were broken beneath."""
    head = f"{'BAD' if row.broken else 'ok '} {row.system}, {row.situation}: {row.command}"
    text = f"{head}: exit {row.code}, {row.seconds:.1f} s: {row.words}"
    return "\n".join([text, *(f"      {broken}" for broken in row.broken)])


@dataclass(frozen=True, slots=True)
class Drilled:
    """All that a run of the drills found.

    `servers` says which they were, `faults` which drills proved nothing and why, `part` what was chosen of the
    drills, empty where it was all of them.
    """

    rows: Sequence[Row]
    faults: Sequence[str]
    servers: Sequence[str]
    seconds: float
    part: str


def page(drilled: Drilled) -> str:
    """Give docs/drills-cluster.md."""
    return PAGE.read_text("utf-8").format(
        machine=f"{os.cpu_count()} cores, Python {platform.python_version()}",
        servers="; ".join(drilled.servers),
        minutes=f"{drilled.seconds / 60:.0f}",
        slowest=f"{max((row.seconds for row in drilled.rows), default=0):.1f}",
        limit=f"{DEADLINE + BEYOND:g}",
        deadline=f"{DEADLINE:g}",
        part=f" It was a part of the drills: `{drilled.part}`." if drilled.part else "",
        verdict=_verdict(drilled.rows, drilled.faults),
        tables="\n\n".join(_tables(drilled.rows)),
    )


def _verdict(rows: Sequence[Row], faults: Sequence[str]) -> str:
    broken = sum(bool(row.broken) for row in rows)
    found = [f"{broken} of {len(rows)} runs broke a promise"] if broken else []
    found += [f"not drilled: {fault.splitlines()[0]}" for fault in faults]
    return f"**{'; '.join(found)}.**" if found else f"{len(rows)} runs, and every promise was kept."


def _tables(rows: Sequence[Row]) -> list[str]:
    found = []
    for system in dict.fromkeys(row.system for row in rows):
        head = [
            "| situation | command | exit | seconds | said | broken |",
            "|---|---|--:|--:|---|---|",
        ]
        lines = [_cells(row) for row in rows if row.system == system]
        found.append("\n".join([f"### {system}\n", *head, *lines]))
    return found


def _cells(row: Row) -> str:
    words = row.words if len(row.words) <= WIDTH else f"{row.words[: WIDTH - 1]}…"
    code = "none" if row.code is None else str(row.code)
    cells = (row.situation, row.command, code, f"{row.seconds:.1f}", words, "; ".join(row.broken))
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"
