"""Desired resources and observations in, a plan out; pure.

Compares only what is declared. What cannot be read is never taken for absent, no difference is dropped, and the same
input gives the same plan.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action, Change, Plan, Refusal
from bizops.planner import exclusive, users
from bizops.planner.comparison import compare, with_effects
from bizops.planner.consequences import recreated
from bizops.planner.needs import without_excluded_needs, without_unread_needs
from bizops.planner.selection import Selection, Targeting, check_named, select, unmatched
from bizops.provider import Derived, Observations, Scope
from bizops.resource import Address, Observation, Presence, Resource, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.change import Effect, System

__all__ = ["Desired", "Targeting", "plan", "select", "unmatched"]


@dataclass(frozen=True, slots=True)
class Desired:
    """What the files declare: resources of all systems, and the scope of each system by provider name."""

    topology: str
    resources: tuple[Resource, ...]
    scopes: Mapping[str, Scope]


def plan(
    desired: Desired,
    observations: Mapping[str, Observations],
    choice: Targeting,
    others: Mapping[str, Observations] | None = None,
) -> Plan:
    """Give the plan. `observations` has one entry for each provider that was asked.

    `others` are those of systems that are no part of it, and whose objects may use what is deleted. Raises UsageError
    where a target names nothing.
    """
    selection = select(desired.resources, choice)
    selection, observations, warnings = without_unread_needs(selection, observations)
    found = {o.address: o for each in observations.values() for o in each.found}
    lost = tuple(
        found.get(r.address, unreadable(r.address, "its system was not asked"))
        for r in selection.resources
        if r.address not in found or found[r.address].presence is Presence.UNREADABLE
    )
    changes, refusals = _changes(desired, selection, found, choice)
    unmanaged = _unmanaged(desired, observations, choice)
    if choice.prune:
        check_named(choice, {*found, *(resource.address for resource in desired.resources)})
        changes += [_deletion(each) for each in unmanaged if not users.claimed(each, choice)]
        unmanaged = [each for each in unmanaged if users.claimed(each, choice)]
    changes = recreated(changes)
    changes, kept = users.with_users(changes, {**observations, **(others or {})})
    changes = exclusive.in_turn(changes)
    refusals += [*kept, *users.claimed_replacements(changes, choice)]
    changes, left_out = without_excluded_needs(changes, found, choice)
    derived = [_derived(changes, observations[name], desired, choice) for name in observations]
    effects = [effect for each in derived for effect in each.effects]
    return Plan(
        desired.topology,
        _sorted(_with_derived(changes, effects), observations),
        tuple(write for each in derived for write in each.writes),
        tuple(refusals) + tuple(refusal for each in derived for refusal in each.refusals),
        tuple(unmanaged),
        lost,
        (
            *warnings,
            *left_out,
            *_warnings(desired, observations, derived, choice),
            *users.unread(others or {}),
        ),
        tuple(each.system for each in observations.values()),
        choice.is_partial,
        _population(desired, observations),
    )


def _sorted(
    changes: Iterable[Change], observations: Mapping[str, Observations]
) -> tuple[Change, ...]:
    """Sort by system, by kind in the order of the provider's definition, and by address."""
    ranks = {
        (name, kind.name): (position, place)
        for position, name in enumerate(observations)
        for place, kind in enumerate(provider.definition(name).kinds)
    }

    def rank(change: Change) -> tuple[tuple[int, int], Address]:
        return ranks[(change.address.provider, change.address.kind)], change.address

    return tuple(sorted(changes, key=rank))


def _population(
    desired: Desired, observations: Mapping[str, Observations]
) -> tuple[tuple[str, int], ...]:
    addresses = {r.address for r in desired.resources if not r.external}
    addresses |= {
        observed.address
        for each in observations.values()
        for observed in each.found
        if observed.presence is Presence.PRESENT
    }
    counted = Counter(address.provider for address in addresses)
    return tuple(sorted(counted.items()))


def _changes(
    desired: Desired,
    selection: Selection,
    found: Mapping[Address, Observation],
    choice: Targeting,
) -> tuple[list[Change], list[Refusal]]:
    changes: list[Change] = []
    refusals: list[Refusal] = []
    for resource in selection.resources:
        observed = found.get(resource.address)
        if observed is None or observed.presence is Presence.UNREADABLE:
            continue
        kind = provider.definition(resource.address.provider).kind(resource.address.kind)
        change, refused = compare(resource, observed, kind, desired.topology, choice)
        if choice.destroy:
            destroyed = _destruction(change, resource)
            if destroyed is None or users.claimed(observed, choice):
                continue
            change = with_effects(destroyed, kind)
            refused = tuple(r for r in refused if not r.field)
        changes.append(change)
        refusals.extend(refused)
    return changes, refusals


def _destruction(change: Change, resource: Resource) -> Change | None:
    """Turn a comparison into a deletion; nothing where it is not there, not ours to delete, or protected."""
    gone = change.observed.presence is Presence.ABSENT
    if gone or resource.external or resource.lifecycle.protect:
        return None
    # Notes say of its settings that they stay, and so on.
    observed = replace(change.observed, notes=())
    bare = replace(change, fields=(), effects=(), unmanaged=(), adopts=False)
    return replace(bare, action=Action.DELETE, observed=observed)


def _deletion(observed: Observation) -> Change:
    kind = provider.definition(observed.address.provider).kind(observed.address.kind)
    change = Change(
        observed.address,
        Action.DELETE,
        None,
        observed,
        needs=tuple(use.address for use in observed.uses),
    )
    return with_effects(change, kind)


def _unmanaged(
    desired: Desired, observations: Mapping[str, Observations], choice: Targeting
) -> list[Observation]:
    declared = {resource.address for resource in desired.resources}
    return sorted(
        (
            observed
            for each in observations.values()
            for observed in each.found
            if observed.address not in declared
            and observed.presence is Presence.PRESENT
            and choice.has(observed.address)
        ),
        key=lambda observed: observed.address,
    )


def _derived(
    changes: Sequence[Change], observations: Observations, desired: Desired, choice: Targeting
) -> Derived:
    if observations.system.problem:
        return Derived()
    name = observations.system.provider
    mine = tuple(
        sorted((c for c in changes if c.address.provider == name), key=lambda c: c.address)
    )
    scope = desired.scopes.get(name, Scope(desired.topology))
    scope = replace(scope, is_partial=choice.is_partial)
    return provider.definition(name).derive(mine, observations, scope)


def _with_derived(
    changes: Iterable[Change], effects: Sequence[tuple[Address, Effect]]
) -> Iterable[Change]:
    by_address: dict[Address, list[Effect]] = {}
    for address, effect in effects:
        by_address.setdefault(address, []).append(effect)
    for change in changes:
        extra = by_address.get(change.address, ())
        yield replace(change, effects=(*change.effects, *extra)) if extra else change


def _warnings(
    desired: Desired,
    observations: Mapping[str, Observations],
    derived: Sequence[Derived],
    choice: Targeting,
) -> tuple[str, ...]:
    protected = [
        f"{resource.address} is protected and stays"
        for resource in desired.resources
        if choice.destroy and resource.lifecycle.protect and choice.has(resource.address)
    ]
    declared = {resource.address for resource in desired.resources}
    claimed = [
        f"{o.address} stays: {users.claims_text(o)}; --adopt {o.address} destroys it"
        for each in observations.values()
        for o in each.found
        if choice.destroy and choice.has(o.address) and users.claimed(o, choice)
        if choice.prune or o.address in declared
    ]
    return (
        *(text for each in observations.values() for text in _of_system(each.system)),
        *(text for each in observations.values() for text in each.warnings),
        *(text for each in derived for text in each.warnings),
        *protected,
        *claimed,
    )


def _of_system(system: System) -> Iterator[str]:
    """Say which members of a cluster are away, and that a version is none that bizops was tried with."""
    if system.cluster.is_degraded:
        yield f"{system.provider}: {system.cluster.text}"
    unknown = provider.definition(system.provider).versions.unknown(system.version)
    if unknown:
        yield f"{system.provider} {system.version}: {unknown}"
