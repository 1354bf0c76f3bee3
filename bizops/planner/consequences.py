"""What dies with what: live objects that a deletion takes along and that must be made again; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Action, Change, Effect, EffectKind
from bizops.resource import Observation, Presence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.resource import Address, Resource


def recreated(changes: Sequence[Change]) -> list[Change]:
    """Plan the dependents of replaced objects anew, also those that nobody declares.

    A binding dies with its queue, without a word from the server (RabbitMQ, all versions). Where the object goes
    for good, its dependents are named instead.
    """
    planned = {change.address: change for change in changes}
    for change in changes:
        if change.action is Action.REPLACE:
            for dependent in change.observed.dependents:
                planned[dependent.address] = _again(
                    planned.get(dependent.address), dependent, change.address
                )
        elif change.action is Action.DELETE and change.observed.dependents:
            surviving = [
                dependent.address
                for dependent in change.observed.dependents
                if dependent.address not in planned
            ]
            if surviving:
                names = ", ".join(str(address) for address in surviving)
                data = (("takes_along", len(surviving)),)
                effect = Effect(EffectKind.WARNING, f"takes along {names}", data)
                planned[change.address] = replace(
                    planned[change.address], effects=(*change.effects, effect)
                )
    return list(planned.values())


def _again(change: Change | None, dependent: Resource, parent: Address) -> Change:
    reason = f"dies with {parent} and is made again"
    if change is None:
        live = Observation(dependent.address, Presence.PRESENT)
        only = "declared nowhere, so only this run makes it again"
        needs = tuple(dict.fromkeys((*dependent.needs, parent)))
        return Change(
            dependent.address,
            Action.REPLACE,
            dependent,
            live,
            effects=(Effect(EffectKind.NOTE, only),),
            needs=needs,
            reason=reason,
            dies_with=parent,
        )
    if change.action in {Action.DELETE, Action.CREATE}:
        return change
    return replace(change, action=Action.REPLACE, reason=reason, dies_with=parent)
