"""What apply did: one line for each resource, the numbers at the end, and what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops import sensitive
from bizops.change import Action, Status
from bizops.render.plan_json import ACTIONS
from bizops.render.sensitive.concealment import declared_fields
from bizops.render.style import Style, count_text, duration_text, list_text
from bizops.render.values import Values, printable

if TYPE_CHECKING:
    from bizops.change import ApplyResult, Change, Outcome, Plan, Step, Write

_DONE = {Action.CREATE: "created", Action.UPDATE: "changed", Action.DELETE: "destroyed"}
_GLYPHS = {Status.APPLIED: ("✓", "green"), Status.FAILED: ("✗", "red"), Status.RETRY: ("✗", "red")}
_TIME_WIDTH = 12
_NAMED = 3


def step_text(step: Step) -> str:
    """Name a step: its address, or the text of a write, which has none."""
    if step.change is not None:
        return printable(str(step.change.address))
    return printable(step.write.text) if step.write is not None else ""


def is_shown(outcome: Outcome) -> bool:
    """Tell whether an outcome gets a line: one for each resource, so half of a replace only where it says something.

    What carries order only gets none, nor a write that went well.
    """
    is_news = outcome.status is not Status.APPLIED or bool(outcome.lines)
    return is_listed(outcome.step) or (not outcome.step.only_orders and is_news)


def is_listed(step: Step) -> bool:
    """Tell whether a step gets a line when all goes well."""
    if step.change is None or step.only_orders:
        return False
    return not (step.action is Action.DELETE and step.change.action is Action.REPLACE)


def outcome_text(outcome: Outcome, style: Style) -> str:
    """Print `✓ kafka.topic/domain.orders   6 partitions, all brokers   0.9 s`, further lines beneath."""
    glyph, colour = _GLYPHS.get(outcome.status, ("…", "yellow"))
    detail = printable(outcome.detail) or _said(outcome)
    if outcome.status is Status.SKIPPED:
        detail = f"skipped: {detail}"
    name = step_text(outcome.step)
    left = f"  {style.glyph(glyph)} {name.ljust(max(style.width // 2 - 4, 20))}  {detail}"
    time = duration_text(outcome.seconds) if outcome.status is not Status.SKIPPED else ""
    room = style.width - _TIME_WIDTH
    further = [part for line in outcome.lines for part in printable(line).splitlines()]
    if len(left) > room:
        short = f"  {style.glyph(glyph)} {name}"
        further = [
            *style.wrap(detail, "      ", "      "),
            *(f"        {text}" for text in further),
        ]
        left = short
    else:
        further = [f"      {text}" for text in further]
    line = f"{left.ljust(room)}{time.rjust(_TIME_WIDTH)}" if time else left
    marked = f"  {style.glyph(glyph)}"
    return "\n".join(
        [f"  {style.paint(style.glyph(glyph), colour)}{line[len(marked) :]}", *further]
    )


def _said(outcome: Outcome) -> str:
    change = outcome.step.change
    if outcome.status is Status.APPLIED:
        if change is not None and change.action is Action.REPLACE:
            return "replaced" if is_listed(outcome.step) else "the old one is gone"
        return _DONE.get(outcome.step.action, "done")
    return {Status.RUNNING: "still settling", Status.SKIPPED: "not begun"}.get(
        outcome.status, "failed"
    )


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Give one outcome for a line of JSON; `seconds` is the only value that differs between equal runs."""
    step = outcome.step
    return {
        "type": "outcome",
        "address": str(step.change.address) if step.change is not None else None,
        "write": step.write.identity if step.write is not None else None,
        "actions": ACTIONS[step.action],
        "status": outcome.status.value,
        "detail": outcome.detail,
        "lines": list(outcome.lines),
        "seconds": round(outcome.seconds, 3),
    }


def result_json(result: ApplyResult, plan: Plan) -> dict[str, Any]:
    """Give the numbers at the end for the last line of JSON."""
    return {
        "type": "summary",
        **_counts(result),
        "interrupted": result.interrupted,
        "left": _left(result, plan),
        "lost": [str(change.address) for change in _lost(result)],
    }


def result_text(
    result: ApplyResult, plan: Plan, style: Style, seconds: float, word: str = "Apply"
) -> str:
    """Print `Apply: 3 added, 4 changed, … in 2 min 12 s.` and what to do next."""
    counts = _counts(result)
    words = ["added", "changed", "destroyed", "failed", "skipped"]
    words += ["settling"] if counts["settling"] else []
    numbers = [f"{counts[name]} {name}" for name in words]
    if counts["writes"] and not result.is_ok:
        numbers.append(f"{count_text(counts['writes'], 'further writes')} done")
    summary = f"{word}: {', '.join(numbers)} in {duration_text(seconds)}."
    lines = [style.paint(summary, "bold"), *_next(result, plan, style)]
    return "\n".join(lines)


def _counts(result: ApplyResult) -> dict[str, int]:
    """Count as the plan did: a replace is one added and one destroyed, and a write that failed counts as such.

    `writes` are those that were done: what they are for may be skipped all the same.
    """
    shown = [outcome for outcome in result.outcomes if is_shown(outcome)]
    applied = [
        (outcome.step.action, outcome.step.change)
        for outcome in result.outcomes
        if outcome.status is Status.APPLIED and outcome.step.change is not None
    ]
    done = [action for action, _ in applied]
    died = sum(action is Action.CREATE and bool(change.dies_with) for action, change in applied)
    statuses = [outcome.status for outcome in shown]
    return {
        "added": done.count(Action.CREATE),
        "changed": done.count(Action.UPDATE),
        "destroyed": done.count(Action.DELETE) + died,
        "failed": statuses.count(Status.FAILED) + statuses.count(Status.RETRY),
        "skipped": statuses.count(Status.SKIPPED),
        "settling": statuses.count(Status.RUNNING),
        "writes": len(_written(result)),
    }


def _written(result: ApplyResult) -> list[Write]:
    """Give the writes without an address that were done."""
    return [
        outcome.step.write
        for outcome in result.outcomes
        if outcome.status is Status.APPLIED and outcome.step.write is not None
    ]


def _lost(result: ApplyResult) -> list[Change]:
    """Give what died with a replaced object, was not made again, and is declared nowhere: no later run knows it."""
    gone = {
        outcome.step.change.address
        for outcome in result.outcomes
        if outcome.step.change is not None
        and outcome.step.action is Action.DELETE
        and outcome.status is Status.APPLIED
    }
    return [
        change
        for outcome in result.outcomes
        if (change := outcome.step.change) is not None
        and change.dies_with in gone
        and change.resource is not None
        and change.resource.source is None
        and outcome.status is not Status.APPLIED
    ]


def _left(result: ApplyResult, plan: Plan) -> list[str]:
    """Give the addresses that are not what the plan says and that another run brings about, in plan order."""
    lost = {change.address for change in _lost(result)}
    done: dict[str, list[Status]] = {}
    for outcome in result.outcomes:
        if outcome.step.change is not None:
            done.setdefault(str(outcome.step.change.address), []).append(outcome.status)
    return [
        str(change.address)
        for change in plan.changes
        if (change.is_awaited or change.action is not Action.NOOP)
        and change.address not in lost
        and any(
            status is not Status.APPLIED for status in done.get(str(change.address), [Status.RETRY])
        )
    ]


def _next(result: ApplyResult, plan: Plan, style: Style) -> list[str]:
    if result.is_ok:
        return []
    lost = [line for change in _lost(result) for line in _lost_lines(change, style)]
    return [*lost, *_what_is_left(result, plan, style)]


def _lost_lines(change: Change, style: Style) -> list[str]:
    fields = declared_fields(change.resource) if change.resource else {}
    shown = ", ".join(
        f"{'.'.join(path)} {Values().text(sensitive.hide(path, value))}"
        for path, value in fields.items()
    )
    text = (
        f"{change.address} went with {change.dies_with} and is declared nowhere: "
        f"no other run makes it again. Make it by hand: {shown}"
    )
    return style.wrap(printable(text), "")


def _what_is_left(result: ApplyResult, plan: Plan, style: Style) -> list[str]:
    addresses = _left(result, plan)
    left = [printable(address) for address in addresses]
    if not left and _lost(result):
        return []
    if not left and result.interrupted and set(_written(result)).issuperset(plan.writes):
        return style.wrap("Interrupted when all was done: nothing is left.", "")
    counts = _counts(result)
    lead = "Fix it and run the same command again" if counts["failed"] else "Run it again to finish"
    if result.interrupted:
        lead = f"Interrupted: nothing more was started. {lead}"
    if not left:
        return style.wrap(f"{lead}: only writes without an address are left.", "")
    served = {str(address) for write in _written(result) for address in write.serves}
    begun = len(served.intersection(addresses))
    part = "" if len(left) == 1 else f"{begun} of them "
    and_part = f", {part}written in part" if begun else ""
    if len(left) <= _NAMED:
        verb = "is" if len(left) == 1 else "are"
        return style.wrap(f"{lead}: only {list_text(left)} {verb} left{and_part}.", "")
    return style.wrap(f"{lead}: {count_text(len(left), 'resources')} are left{and_part}.", "")
