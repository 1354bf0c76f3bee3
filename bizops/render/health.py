"""The health of what is declared: one table for each system, the healthy rows left out unless asked for."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bizops import provider
from bizops.errors import BizopsError
from bizops.render.style import Style, count_text, list_text
from bizops.render.values import printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.provider import Health
    from bizops.resource import Address


def health_text(
    healths: Mapping[str, Health | BizopsError], style: Style, *, all_rows: bool
) -> str:
    """Print the state of each cluster, the tables, then how many rows are fine and were left out; no last newline."""
    blocks = _clusters(healths, style)
    fine: Counter[str] = Counter()
    for name, health in healths.items():
        if isinstance(health, BizopsError):
            verdict = f"{name} NOT READ"
            blocks.append(
                f"{style.paint(verdict, 'red', 'bold')}: {printable(str(health))}{_remedy(health)}"
            )
            continue
        shown = [row for row in health.rows if all_rows or row[2]]
        fine.update(_plural(row[0]) for row in health.rows if not (all_rows or row[2]))
        blocks += _table(name, health, shown, style)
    if fine:
        parts = [count_text(number, plural) for plural, number in fine.items()]
        verb = "is" if sum(fine.values()) == 1 else "are"
        blocks.append(f"{list_text(parts)} {verb} fine: --all shows them")
    return "\n".join(blocks)


def _clusters(healths: Mapping[str, Health | BizopsError], style: Style) -> list[str]:
    """Print one line for each cluster whose state is known, and for each system that was not read."""
    known = {name: _cluster(health) for name, health in healths.items()}
    width = max((len(name) for name, (text, _) in known.items() if text), default=0)
    return [
        f"{name:<{width}}  {style.paint(printable(text), colour)}"
        for name, (text, colour) in known.items()
        if text
    ]


def _cluster(health: Health | BizopsError) -> tuple[str, str]:
    if isinstance(health, BizopsError):
        return "not read", "red"
    return health.cluster.text, "red" if health.cluster.is_degraded else "green"


def _table(
    name: str, health: Health, shown: Sequence[tuple[Address, tuple[str, ...], str]], style: Style
) -> list[str]:
    """Print the header with the verdict at its right; text columns to the left, numbers to the right."""
    verdict = f"{name} {health.verdict}"
    colour = "green" if health.verdict == "ok" else "red"
    if not shown:
        return [f"{style.paint(verdict, colour)}"]
    rows = [tuple(printable(cell) for cell in _cells(health, row)) for row in shown]
    widths = [
        max(len(cells[position]) for cells in (health.columns, *rows))
        for position in range(len(health.columns))
    ]
    right = [_is_numeric([cells[position] for cells in rows]) for position in range(len(widths))]
    if not right[-1]:  # nothing stands right of it, so a long text in one row widens no other
        widths[-1] = len(health.columns[-1])
    head = _line(health.columns, widths, right)
    gap = " " * max(style.width - len(head) - len(verdict), 3)
    lines = [f"{style.paint(head, 'bold')}{gap}{style.paint(verdict, colour)}"]
    for cells, (_, _, problem) in zip(rows, shown, strict=True):
        last = "" if right[-1] else cells[-1]
        lines += _row(_line(cells, widths, right), last, problem, style)
    return lines


def _row(line: str, last: str, problem: str, style: Style) -> list[str]:
    """Print one row, its problem at the end; a `last` cell of text that does not fit goes beneath, else the problem."""
    said = f"! {printable(problem)}" if problem else ""
    painted = style.paint(said, "red")
    if len(f"{line}  {said}".rstrip()) <= style.width or not line.endswith(last):
        return [f"{line}  {painted}".rstrip()]
    if not last:
        return [line, *(style.paint(each, "red") for each in style.wrap(said, "    "))]
    short = line.removesuffix(last).rstrip()
    return [f"{short}  {painted}".rstrip(), *style.wrap(last, "    ")]


def _cells(health: Health, row: tuple[Address, tuple[str, ...], str]) -> tuple[str, ...]:
    """Give as many cells as there are columns; the first column is the name where the provider leaves it out."""
    address, cells, _ = row
    if len(cells) == len(health.columns) - 1:
        cells = (address.name, *cells)
    padded = (*cells, *[""] * len(health.columns))
    return padded[: len(health.columns)]


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    parts = (
        cell.rjust(width) if is_right else cell.ljust(width)
        for cell, width, is_right in zip(cells, widths, right, strict=True)
    )
    return "  ".join(parts).rstrip()


def _is_numeric(cells: Sequence[str]) -> bool:
    return all(cell[:1].isdigit() or cell in {"", "-", "?"} for cell in cells)


def _remedy(error: BizopsError) -> str:
    return "".join(f"\n  try  {line}" for line in error.remedy.splitlines())


def _plural(address: Address) -> str:
    return provider.definition(address.provider).kind(address.kind).plural


def health_json(healths: Mapping[str, Health | BizopsError]) -> dict[str, Any]:
    """Give every row of every system as plain values for JSON."""
    return {
        "format_version": "1.0",
        "systems": {name: _system(health) for name, health in healths.items()},
        "complete": not any(isinstance(health, BizopsError) for health in healths.values()),
        "errored": False,
    }


def _system(health: Health | BizopsError) -> dict[str, Any]:
    if isinstance(health, BizopsError):
        return {"verdict": "not read", "problem": str(health), "cluster": "", "rows": []}
    rows = [
        {
            "address": str(row[0]),
            **dict(zip(health.columns, _cells(health, row), strict=True)),
            "problem": row[2],
        }
        for row in health.rows
    ]
    return {
        "verdict": health.verdict,
        "problem": "",
        "cluster": health.cluster.text,
        "rows": rows,
    }
