"""The numbers of a plan, and the sentence that ends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.change import Action, EffectKind
from bizops.render.style import count_text

if TYPE_CHECKING:
    from bizops.change import Change, Plan, Write


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of each. A replace is one add and one destroy; what is refused counts as nothing else.

    `writes` are those that stand under no change; `steps` are the addresses that change.
    External resources are not counted, as they are never written.
    """

    add: int
    change: int
    destroy: int
    refused: int
    degraded: int
    unmanaged: int
    unread: int
    warnings: int
    unchanged: int
    writes: int
    steps: int


def tally(plan: Plan) -> Tally:
    """Count a plan."""
    refused = plan.refused()
    actions = [change.action for change in plan.changes if change.address not in refused]
    whole = sum(refusal.address is None for refusal in plan.refusals)
    return Tally(
        add=actions.count(Action.CREATE) + actions.count(Action.REPLACE),
        change=actions.count(Action.UPDATE),
        destroy=actions.count(Action.DELETE) + actions.count(Action.REPLACE),
        refused=len(refused) + whole,
        degraded=len(plan.degraded),
        unmanaged=len(plan.unmanaged),
        unread=len(plan.unreadable),
        warnings=len(plan.warnings) + sum(len(_warnings(change)) for change in plan.changes),
        unchanged=sum(
            is_unchanged(change)
            for change in plan.changes
            if change.address not in refused.union(plan.degraded)
        ),
        writes=len(writes_besides(plan)),
        steps=sum(action is not Action.NOOP for action in actions),
    )


def _warnings(change: Change) -> list[str]:
    return [effect.text for effect in change.effects if effect.kind is EffectKind.WARNING]


def is_unchanged(change: Change) -> bool:
    """Tell whether a change is a managed resource that stays as it is."""
    external = change.resource is not None and change.resource.external
    return change.action is Action.NOOP and not external


def upkeep(plan: Plan) -> tuple[Change | Write, ...]:
    """Give what says anew what is in force already: no difference, though apply carries it out."""
    refused = plan.refused()
    changes = tuple(c for c in plan.changes if c.is_upkeep and c.address not in refused)
    return (*changes, *(write for write in plan.writes if write.is_upkeep))


def writes_besides(plan: Plan) -> tuple[Write, ...]:
    """Give the writes that stand beneath no change that is shown, such as what an interrupted apply left behind."""
    shown = {change.address for change in plan.changes if change.action is not Action.NOOP}
    return tuple(write for write in plan.writes if shown.isdisjoint(write.shown_under))


def summary_line(plan: Plan) -> str:
    """Give the last line of a plan: `Plan: 3 to add, 5 to change, 0 to destroy.` as Terraform, then the rest."""
    found = tally(plan)
    sums = f"{found.add} to add, {found.change} to change, {found.destroy} to destroy"
    rest = [
        f"{number} {word}"
        for number, word in (
            (found.refused, "refused"),
            (found.degraded, "degraded"),
            (found.unmanaged, "unmanaged"),
            (found.unread, "not read"),
        )
        if number
    ]
    rest += [count_text(found.warnings, "warnings")] if found.warnings else []
    rest += [count_text(found.writes, "further writes")] if found.writes else []
    rest += [f"{found.unchanged} unchanged"] if found.unchanged else []
    tail = f" {', '.join(rest)}." if rest else ""
    partial = " This is a partial plan." if plan.partial else ""
    if not plan.is_complete:
        return (
            f"Plan: incomplete, cannot be applied.\nOf what could be read: {sums}.{tail}{partial}"
        )
    if plan.is_empty and not plan.refusals and plan.degraded:
        return f"No changes to write, and not all runs as declared.{tail}{partial}"
    if plan.is_empty and not plan.refusals:
        return f"No changes: {plan.topology} matches the live systems.{tail}{partial}"
    return f"Plan: {sums}.{tail}{partial}"
