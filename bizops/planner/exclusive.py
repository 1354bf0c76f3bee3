"""What one object alone may have, such as a published port: who takes it waits until another has given it up; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.change import Change
    from bizops.resource import Address


def in_turn(changes: Sequence[Change]) -> list[Change]:
    """Give the changes, of which those that take something wait for those that give it up.

    Where the one that gives it up comes behind the one that takes it anyway, nobody waits: by what it needs, or as they
    pass things round, such as two that swap their ports. No order would do.
    """
    waits = _waits(changes)
    after = {
        change.address: {*change.needs, *change.waits, *waits.get(change.address, ())}
        for change in changes
        if change.action is not Action.DELETE
    }
    kept = {
        taker: {giver for giver in givers if not _comes_after(giver, taker, after)}
        for taker, givers in waits.items()
    }
    return [
        replace(change, waits=tuple(sorted({*change.waits, *kept[change.address]})))
        if kept.get(change.address)
        else change
        for change in changes
    ]


def _waits(changes: Sequence[Change]) -> dict[Address, set[Address]]:
    """Give those that give up what one takes, by the one that takes it."""
    has = {change.address: _holds(change) for change in changes if change.action is not Action.NOOP}
    given_up = {
        (address.provider, each): address
        for address, (before, after) in has.items()
        for each in before - after
    }
    waits: dict[Address, set[Address]] = {}
    for address, (before, after) in has.items():
        for each in after - before:
            if giver := given_up.get((address.provider, each)):
                waits.setdefault(address, set()).add(giver)
    return waits


def _comes_after(
    address: Address, other: Address, after: Mapping[Address, Collection[Address]]
) -> bool:
    """True where one is carried out after another; `after` gives what each comes right after."""
    seen: set[Address] = set()
    todo = [address]
    while todo:
        for each in after.get(todo.pop(), ()):
            if each == other:
                return True
            if each not in seen:
                seen.add(each)
                todo.append(each)
    return False


def _holds(change: Change) -> tuple[frozenset[str], frozenset[str]]:
    """Give what it has alone before and after."""
    kind = provider.definition(change.address.provider).kind(change.address.kind)
    live = {path: field.value for path, field in change.observed.fields}
    before = kind.exclusive(live)
    if change.action is Action.DELETE:
        return before, frozenset()
    return before, kind.exclusive({**live, **{f.path: f.after for f in change.fields}})
