"""What the live systems do differently from what is declared, for people and for programs.

Says `declared` and `live`, as an arrow would point the other way than in a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops import provider
from bizops.change import Action, Change
from bizops.render.entry import Writer, counts_text, pin_text, refusal_text
from bizops.render.plan_json import FORMAT_VERSION, refusal_json, source_json, topology_json
from bizops.render.style import Style, count_text
from bizops.render.tally import upkeep, writes_besides
from bizops.render.values import Values, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bizops.change import FieldChange, Plan, Refusal, Write
    from bizops.render.heading import Heading
    from bizops.resource import Address, Observation

_TAG_WIDTH = 11
_COLOURS = {
    "MISSING": "green",
    "CHANGED": "yellow",
    "DEGRADED": "red",
    "UNMANAGED": "cyan",
    "LEFTOVER": "cyan",
    "NOT READ": "red",
    "REFUSED": "red",
    "NOTE": "dim",
}


@dataclass(frozen=True, slots=True)
class Difference:
    """One address that differs. `change` is there where the address is declared and was read.

    `write` is there, in place of an address, for what has none: a derived policy that an interrupted run left behind.
    """

    tag: str
    address: Address | None
    change: Change | None = None
    refusals: tuple[Refusal, ...] = ()
    observed: Observation | None = None
    write: Write | None = None


def differences(plan: Plan) -> tuple[Difference, ...]:
    """Give all that differs, in plan order: a refusal and an unmanaged object are differences too, upkeep is none."""
    refusals: dict[Address, list[Refusal]] = {}
    for refusal in plan.refusals:
        if refusal.address is not None:
            refusals.setdefault(refusal.address, []).append(refusal)
    found: list[Difference] = []
    degraded = frozenset(plan.degraded)
    for change in plan.changes:
        refused = tuple(refusals.pop(change.address, ()))
        tag = _tag(change, refused) or ("DEGRADED" if change.address in degraded else "")
        if tag:
            found.append(Difference(tag, change.address, change, refused))
    found += [
        Difference("REFUSED", address, refusals=tuple(listed))
        for address, listed in sorted(refusals.items())
    ]
    whole = [refusal for refusal in plan.refusals if refusal.address is None]
    found += [Difference("REFUSED", None, refusals=(refusal,)) for refusal in whole]
    found += [Difference("UNMANAGED", each.address, observed=each) for each in plan.unmanaged]
    found += [
        Difference("LEFTOVER" if write.action is Action.DELETE else "MISSING", None, write=write)
        for write in writes_besides(plan)
        if not write.is_upkeep
    ]
    found += [Difference("NOT READ", each.address, observed=each) for each in plan.unreadable]
    return tuple(found)


def _tag(change: Change, refused: Sequence[Refusal]) -> str:
    if change.action is Action.CREATE:
        return "MISSING"
    if change.action is Action.DELETE:
        return "UNMANAGED"
    if change.is_upkeep:
        return "REFUSED" if refused else ""
    if change.fields:
        return "CHANGED"
    if refused:
        return "REFUSED"
    return "" if change.action is Action.NOOP or change.dies_with else "CHANGED"


def drift_text(plan: Plan, style: Style, *, heading: Heading) -> str:
    """Print one line for each difference and the numbers at the end, without a last newline."""
    writer = Writer(style, Values(), verbose=False)
    found = differences(plan)
    down = {system.provider for system in plan.systems if system.problem}
    lines: list[str] = []
    for each in found:
        if each.tag != "NOT READ":
            lines += _lines(each, writer, heading)
    for system in plan.systems:
        if system.problem:
            lost = [o.address for o in plan.unreadable if o.address.provider == system.provider]
            text = f"{system.provider}: {printable(system.problem)}; {_noun(lost)} not compared"
            lines += _tagged("NOT READ", text, style)
    for each in found:
        if each.tag == "NOT READ" and each.address and each.address.provider not in down:
            why = printable(each.observed.why) if each.observed else ""
            lines += _tagged("NOT READ", f"{each.address}   {why}", style)
    for kept in upkeep(plan):
        whose = "" if isinstance(kept, Change) else f"{kept.provider} "
        lines += _tagged("NOTE", f"{whose}{_upkeep_text(kept, writer.values)}", style)
    for text in plan.warnings:
        lines += style.wrap(f"{style.glyph('⚠')} {printable(text)}", "", " " * _TAG_WIDTH)
    return "\n".join([*lines, style.paint(_summary(plan, found), "bold")])


def _upkeep_text(kept: Change | Write, values: Values) -> str:
    """Say what the next apply writes though nothing differs."""
    if isinstance(kept, Change):
        pins = ", ".join(pin_text(field, values) for field in kept.fields)
        return f"{printable(str(kept.address))} {pins}"
    return printable(kept.text)


def _name(each: Difference) -> str:
    if each.write is not None:
        return f"{each.write.provider} {each.write.text}"
    return str(each.address) if each.address else "the plan as a whole"


def _lines(each: Difference, writer: Writer, heading: Heading) -> list[str]:
    style = writer.style
    change = each.change
    source = heading.source_text(change.resource.source if change and change.resource else None)
    facts = _facts(each, writer)
    name = printable(_name(each))
    line = f"{each.tag:<{_TAG_WIDTH}}{name}"
    if facts and len(line) + 3 + len(facts[0]) + (len(source) and len(source) + 2) <= style.width:
        line += f"   {facts.pop(0)}"
    if source:
        line += " " * max(style.width - len(source) - len(line), 2) + source
    lines = [line.replace(each.tag, style.paint(each.tag, _COLOURS[each.tag]), 1)]
    indent = " " * (_TAG_WIDTH + 2)
    lines += [part for fact in facts for part in style.wrap(fact, indent, f"{indent}  ")]
    for refusal in each.refusals:
        said = refusal_text(refusal.why, refusal.remedies)
        said = said if each.tag == "REFUSED" else f"apply refuses it: {said}"
        lines += style.wrap(said, indent, f"{indent}  ")
        if refusal.remedies:
            lines += style.flow(map(printable, refusal.remedies), f"{indent}  ")
    return lines


def _facts(each: Difference, writer: Writer) -> list[str]:
    facts: list[str] = []
    if each.change is not None:
        change = each.change
        if each.tag == "CHANGED":
            facts += [
                pin_text(field, writer.values)
                if field.pins
                else writer.difference(field, with_origin=True)
                for field in change.fields
            ]
        elif each.tag == "UNMANAGED":
            facts.append(counts_text(change.observed))
        facts += [change.observed.degraded, *change.observed.notes]
    if each.observed is not None:
        facts += [counts_text(each.observed), *each.observed.notes]
    return [printable(fact) for fact in facts if fact]


def _tagged(tag: str, text: str, style: Style) -> list[str]:
    first, *rest = style.wrap(text, f"{tag:<{_TAG_WIDTH}}", " " * (_TAG_WIDTH + 2))
    return [first.replace(tag, style.paint(tag, _COLOURS[tag]), 1), *rest]


def _noun(addresses: Sequence[Address]) -> str:
    """Count addresses as their kind is called in the topology file: `13 topics`."""
    kinds = {(address.provider, address.kind) for address in addresses}
    if len(kinds) != 1:
        return count_text(len(addresses), "objects")
    (name, kind) = kinds.pop()
    return count_text(len(addresses), provider.definition(name).kind(kind).plural)


def _counts(plan: Plan, found: Iterable[Difference]) -> dict[str, int]:
    tags = [each.tag for each in found]
    read = [c for c in plan.changes if not (c.resource and c.resource.external)]
    return {
        "missing": tags.count("MISSING"),
        "changed": tags.count("CHANGED"),
        "degraded": len(plan.degraded),
        "unmanaged": tags.count("UNMANAGED"),
        "leftover": tags.count("LEFTOVER"),
        "refused": tags.count("REFUSED"),
        "not_read": len(plan.unreadable),
        "read": len(read) + len(plan.unmanaged),
    }


def _summary(plan: Plan, found: Sequence[Difference]) -> str:
    counts = _counts(plan, found)
    parts = [
        f"{counts[word]} {word}"
        for word in ("missing", "changed", "degraded", "unmanaged", "leftover", "refused")
        if counts[word]
    ]
    read = f"{counts['read']} read"
    lost = f"; {counts['not_read']} not read" if counts["not_read"] else ""
    partial = " This is a partial comparison." if plan.partial else ""
    if parts:
        return f"Drift: {', '.join(parts)} of {read}{lost}.{partial}"
    if not plan.is_complete:
        return f"Drift: none among the {read}{lost}.{partial}"
    return f"No drift: {plan.topology} matches the live systems, {read}.{partial}"


def drift_json(plan: Plan, *, heading: Heading) -> dict[str, Any]:
    """Give the differences as plain values for JSON."""
    values = Values()
    found = differences(plan)
    return {
        "format_version": FORMAT_VERSION,
        **topology_json(heading, plan.systems),
        "drift": [_json(each, values) for each in found],
        "warnings": list(plan.warnings),
        "summary": _counts(plan, found),
        "partial": plan.partial,
        "complete": plan.is_complete,
        "upkeep": [_upkeep_text(kept, values) for kept in upkeep(plan)],
        "clean": plan.is_complete and not found and plan.is_in_force,
        "errored": False,
    }


def _json(each: Difference, values: Values) -> dict[str, Any]:
    observed = each.observed or (each.change.observed if each.change else None)
    resource = each.change.resource if each.change else None
    fields = each.change.fields if each.change and each.tag == "CHANGED" else ()
    return {
        "kind": each.tag.lower().replace(" ", "_"),
        "address": str(each.address) if each.address else None,
        "source": source_json(resource.source if resource else None),
        "fields": [_field(field, values) for field in fields],
        "refusals": [refusal_json(refusal) for refusal in each.refusals],
        "counts": dict(observed.counts) if observed else {},
        "notes": list(observed.notes) if observed else [],
        "why": each.write.text if each.write else observed.why if observed else "",
    }


def _field(field: FieldChange, values: Values) -> dict[str, Any]:
    return {
        "path": list(field.path),
        "declared": values.json(field.after),
        "live": values.json(field.before),
        "origin": field.origin,
    }
