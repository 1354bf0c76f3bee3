"""What a partial plan does where something that it needs was not read, or is left out; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Action
from bizops.provider import is_match
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Change
    from bizops.planner.selection import Selection, Targeting
    from bizops.provider import Observations
    from bizops.resource import Address, Observation


def without_unread_needs(
    selection: Selection, observations: Mapping[str, Observations]
) -> tuple[Selection, Mapping[str, Observations], tuple[str, ...]]:
    """Let a targeted plan go on where only a pulled-in system cannot be read, and say so.

    Nothing is written for what is merely needed, so not knowing it cannot do harm.
    """
    asked = {r.address.provider for r in selection.resources if r.address not in selection.pulled}
    dropped = {
        name
        for name, each in observations.items()
        if selection.pulled and each.system.problem and name not in asked
    }
    if not dropped:
        return selection, observations, ()
    kept = tuple(r for r in selection.resources if r.address.provider not in dropped)
    missed = [r.address for r in selection.resources if r.address.provider in dropped]
    warnings = tuple(f"{address} is needed by a target and was not read" for address in missed)
    rest = {name: each for name, each in observations.items() if name not in dropped}
    return replace(selection, resources=kept), rest, warnings


def without_excluded_needs(
    changes: Sequence[Change], found: Mapping[Address, Observation], choice: Targeting
) -> tuple[list[Change], tuple[str, ...]]:
    """Leave out creations whose need is excluded and absent: they could only fail."""
    if not choice.excludes or choice.destroy:
        return list(changes), ()
    absent = {
        address
        for address, observed in found.items()
        if observed.presence is Presence.ABSENT
        and any(is_match(str(address), pattern) for pattern in choice.excludes)
    }
    left: dict[Address, Address] = {}
    again = True
    while again:
        again = False
        for change in changes:
            for need in change.needs:
                missing = need in left or need in absent
                if change.action is Action.CREATE and change.address not in left and missing:
                    left[change.address] = need
                    again = True
    texts = tuple(
        f"{address} is left out as well: it needs {need}" for address, need in left.items()
    )
    return [change for change in changes if change.address not in left], texts
