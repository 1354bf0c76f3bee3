"""What one object alone may have, such as a published port: who takes it waits until another has given it up; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.change import Change
    from bizops.resource import Address


def in_turn(changes: Sequence[Change]) -> list[Change]:
    """Give the changes, of which those that take something wait for those that give it up.

    Two that swap something wait for neither: no order of them would do.
    """
    has = {change.address: _holds(change) for change in changes if change.action is not Action.NOOP}
    given_up = {
        (address.provider, each): address
        for address, (before, after) in has.items()
        for each in before - after
    }
    waits: dict[Address, set[Address]] = {}
    for address, (before, after) in has.items():
        for each in after - before:
            other = given_up.get((address.provider, each), address)
            if other != address:
                waits.setdefault(address, set()).add(other)
    return [_waiting(change, waits) for change in changes]


def _waiting(change: Change, waits: dict[Address, set[Address]]) -> Change:
    others = {
        other
        for other in waits.get(change.address, ())
        if change.address not in waits.get(other, ())
    }
    return replace(change, waits=tuple(sorted({*change.waits, *others}))) if others else change


def _holds(change: Change) -> tuple[frozenset[str], frozenset[str]]:
    """Give what it has alone before and after."""
    kind = provider.definition(change.address.provider).kind(change.address.kind)
    live = {path: field.value for path, field in change.observed.fields}
    before = kind.exclusive(live)
    if change.action is Action.DELETE:
        return before, frozenset()
    return before, kind.exclusive({**live, **{f.path: f.after for f in change.fields}})
