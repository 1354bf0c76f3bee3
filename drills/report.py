"""The table of the drills, for a terminal and for the documents."""

from __future__ import annotations

import dataclasses
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drills.drill import Row

COLUMNS = {
    "published": "published",
    "completed": "completed",
    "dead_lettered": "dead-lettered",
    "lost": "lost",
    "run_twice": "run twice",
    "overlapped": "overlapped",
    "stuck": "stuck",
    "astray": "astray",
}
PAGE = Path(__file__).parent / "page.md"


def line(row: Row) -> str:
    """Give a drill's row for a terminal; where it is broken, why, and where the workers' logs are."""
    counts = dataclasses.asdict(row.counts)
    numbers = "  ".join(f"{COLUMNS[name]} {counts[name]}" for name in COLUMNS)
    text = f"{'ok ' if row.is_good else 'BAD'} {row.drill.name:<36} {numbers}  {row.seconds:.0f} s"
    if row.fault:
        text += f"\n    {row.fault}"
    return text if row.is_good else f"{text}\n    logs: {row.logs}"


def page(rows: Sequence[Row], servers: str) -> str:
    """Give docs/drills.md; `servers` says which they were."""
    head = ("drill", "what is done", *COLUMNS.values(), "seconds")
    table = [f"| {' | '.join(head)} |", "|---|---|" + "--:|" * (len(head) - 2)]
    for row in rows:
        counts = dataclasses.asdict(row.counts)
        cells = (*(str(counts[name]) for name in COLUMNS), f"{row.seconds:.0f}")
        table.append(f"| {row.drill.name} | {row.drill.what} | {' | '.join(cells)} |")
    broken = [row.drill.name for row in rows if not row.is_good]
    return PAGE.read_text("utf-8").format(
        machine=f"{os.cpu_count()} cores, Python {platform.python_version()}",
        servers=servers,
        verdict=f"Broken: {', '.join(broken)}." if broken else "Every promise was kept.",
        table="\n".join(table),
    )
