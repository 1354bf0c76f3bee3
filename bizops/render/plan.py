"""The plan as people read it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from bizops.change import Action
from bizops.render.entry import (
    COLOURS,
    DEGRADED,
    NOTED,
    REFUSED,
    UNMANAGED,
    Entry,
    Writer,
    counts_text,
)
from bizops.render.heading import Heading, heading_lines
from bizops.render.tally import summary_line, writes_besides
from bizops.render.values import Values, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bizops.change import Change, Plan, Refusal, Write
    from bizops.render.style import Style
    from bizops.resource import Address

_LEGEND = {
    Action.CREATE.value: "create",
    Action.UPDATE.value: "change in place",
    Action.REPLACE.value: "replace",
    Action.DELETE.value: "destroy",
    REFUSED: "refused",
    DEGRADED: "degraded",
    UNMANAGED: "unmanaged",
    NOTED: "note",
}
_SAID_ONCE_FROM = 3
_EXCLUSIONS_NAMED = 6


def plan_text(plan: Plan, style: Style, *, heading: Heading, verbose: bool) -> str:
    """Print a whole plan, without a last newline. `verbose` adds unchanged resources and every field of new ones."""
    writer = Writer(style, Values(), verbose)
    entries = [*_changes(plan, writer, heading), *_unmanaged(plan)]
    lines = heading_lines(heading, plan.systems, style)
    symbols = {entry.symbol for entry in entries}
    shown = [f"{symbol} {meaning}" for symbol, meaning in _LEGEND.items() if symbol in symbols]
    if shown:
        lines += ["", f"  {'   '.join(shown)}"]
    body = [*_entry_lines(entries, style), *_unread(plan, style), *_besides(plan, writer)]
    lines += ["", *body] if body else []
    lines += _warnings(plan, style)
    lines += ["", style.paint(summary_line(plan), "bold"), *_hints(plan, style)]
    return "\n".join(line.rstrip() for line in lines)


def _changes(plan: Plan, writer: Writer, heading: Heading) -> Iterable[Entry]:
    refusals: dict[Address, list[Refusal]] = {}
    for refusal in plan.refusals:
        if refusal.address is not None:
            refusals.setdefault(refusal.address, []).append(refusal)
    writes = _writes_by_address(plan)
    degraded = frozenset(plan.degraded)
    for change in plan.changes:
        refused = refusals.pop(change.address, [])
        entry = _change(
            change,
            refused,
            writes.get(change.address, ()),
            writer,
            is_degraded=change.address in degraded,
        )
        if entry is not None:
            source = change.resource.source if change.resource else None
            yield Entry(
                entry.symbol, entry.address, heading.source_text(source), entry.remark, entry.body
            )
    for address, refused in sorted(refusals.items()):
        lines = [line for each in refused for line in writer.refusal(each.why, each.remedies)]
        yield Entry(REFUSED, str(address), body=tuple(lines))
    for each in plan.refusals:
        if each.address is None:
            body = tuple(writer.refusal(each.why, each.remedies))
            yield Entry(REFUSED, "the plan as a whole", body=body)


def _change(
    change: Change,
    refused: Sequence[Refusal],
    writes: Sequence[Write],
    writer: Writer,
    *,
    is_degraded: bool,
) -> Entry | None:
    address = printable(str(change.address))
    if refused:
        return Entry(REFUSED, address, body=writer.change_body(change, refused, ()))
    if change.action is not Action.NOOP:
        return Entry(change.action.value, address, body=writer.change_body(change, (), writes))
    if is_degraded:
        return Entry(DEGRADED, address, body=writer.change_body(change, (), ()))
    said = [printable(note) for note in change.observed.notes]
    said += [f"{writer.difference(field)}: ignored" for field in change.unmanaged]
    if said:
        return Entry(NOTED, address, remark="; ".join(said))
    return Entry(" ", address) if writer.verbose else None


def _unmanaged(plan: Plan) -> Iterable[Entry]:
    for observed in plan.unmanaged:
        said = [counts_text(observed), *observed.notes]
        text = "; ".join(printable(part) for part in said if part)
        yield Entry(UNMANAGED, printable(str(observed.address)), remark=text)


def _writes_by_address(plan: Plan) -> Mapping[Address, list[Write]]:
    """List each write once: beneath the first change in plan order that it is shown under."""
    refused = plan.refused()
    order = [
        change.address
        for change in plan.changes
        if change.action is not Action.NOOP and change.address not in refused
    ]
    found: dict[Address, list[Write]] = {}
    for write in plan.writes:
        under = next((address for address in order if address in write.shown_under), None)
        if under is not None:
            found.setdefault(under, []).append(write)
    return found


def _entry_lines(entries: Sequence[Entry], style: Style) -> list[str]:
    remarks = max((len(entry.address) for entry in entries if entry.remark), default=0)
    sources = max((len(entry.source) for entry in entries), default=0)
    column = style.width - sources
    lines = []
    for _, same in groupby(entries, key=lambda entry: entry.group):
        group = list(same)
        is_said_once = len(group) >= _SAID_ONCE_FROM
        for position, entry in enumerate(group):
            lines += _head(entry, style, column, remarks)
            if not is_said_once:
                lines += entry.body
            elif position == len(group) - 1:
                lines += [f"      each of these {len(group)}:", *entry.body]
    return lines


def _head(entry: Entry, style: Style, column: int, remarks: int) -> list[str]:
    plain = f"{entry.symbol:>3} {entry.address}"
    colour = COLOURS.get(entry.symbol)
    head = style.paint(plain, colour) if colour else plain
    if entry.remark:
        beside = f"{entry.address.ljust(min(remarks, 48))}   {entry.remark}"
        first, *rest = style.wrap(beside, f"{entry.symbol:>3} ", " " * 8)
        return [style.paint(first, colour) if colour else first, *rest]
    if not entry.source:
        return [head]
    gap = " " * max(column - len(plain), 2)
    return [f"{head}{gap}{style.paint(entry.source, 'dim')}"]


def _unread(plan: Plan, style: Style) -> list[str]:
    """Name what could not be read, except where its whole system could not: that stands at the top."""
    down = {system.provider for system in plan.systems if system.problem}
    return [
        line
        for observed in plan.unreadable
        if observed.address.provider not in down
        for line in style.wrap(
            f"{style.glyph('✗')} {observed.address}   not read: {printable(observed.why)}",
            "  ",
            "        ",
        )
    ]


def _besides(plan: Plan, writer: Writer) -> list[str]:
    writes = writes_besides(plan)
    if not writes:
        return []
    lines = [
        line
        for write in writes
        for line in writer.style.wrap(writer.write(write), "      ", "          ")
    ]
    return ["  written besides", *lines]


def _warnings(plan: Plan, style: Style) -> list[str]:
    lines = [
        line
        for text in plan.warnings
        for line in style.wrap(f"{style.glyph('⚠')} {printable(text)}", "  ", "    ")
    ]
    return ["", *(style.paint(line, "yellow") for line in lines)] if lines else []


def _hints(plan: Plan, style: Style) -> list[str]:
    if not plan.refusals:
        return []
    pruned = {change.address for change in plan.changes if change.resource is None}
    refused = sorted(str(address) for address in plan.refused() - pruned)
    text = "Nothing is applied while a change is refused."
    if pruned & plan.refused():
        text += " What nobody declares stays without --prune."
    if not refused:
        return [text]
    if len(refused) > _EXCLUSIONS_NAMED:
        return [f"{text} Without them: --exclude ADDRESS for each (globs are allowed)."]
    without = "it" if len(refused) == 1 else "them"
    flags = [f"--exclude {address}" for address in refused]
    one_line = f"{text} Without {without}: {' '.join(flags)}"
    if len(one_line) <= style.width:
        return [one_line]
    return [f"{text} Without {without}:", *style.flow(flags, "  ", " ")]
