"""Derived policies: the settings of queues that may change, written so that no queue is ever without them; pure.

A derived policy is never updated. The new ones of a plan are created first, and the old ones deleted when the new
ones stand. Meanwhile both match a queue at equal priority and the broker applies either; never none of them, and so
never a foreign one of lower priority.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Action, Effect, EffectKind, Write
from bizops.provider import Derived, Observations, Scope
from bizops.providers.rabbitmq import claims, declared, effective, grouping, losses, patterns, view
from bizops.providers.rabbitmq.names import (
    PROVIDER,
    is_derived_policy,
    is_protected_queue,
    queue_address,
)
from bizops.providers.rabbitmq.payload import PolicyWrite
from bizops.providers.rabbitmq.specs import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.effective import Policy
    from bizops.providers.rabbitmq.grouping import Group
    from bizops.providers.rabbitmq.live import Snapshot, Vhost
    from bizops.resource import Address

_GIVES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


def derive(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Give the policy writes that these changes take, and the refusals of foreign policies in the way."""
    snapshot: Snapshot | None = observations.context
    if snapshot is None:
        return Derived()
    parts = [
        _Derivation(changes, vhost, snapshot, scope).derived()
        for _, vhost in sorted(snapshot.vhosts.items())
        if not vhost.problem
    ]
    return Derived(
        tuple(write for part in parts for write in part.writes),
        tuple(refusal for part in parts for refusal in part.refusals),
        tuple(text for part in parts for text in part.warnings),
        tuple(effect for part in parts for effect in part.effects),
    )


class _Derivation:
    """The derivation for one vhost."""

    def __init__(
        self, changes: Sequence[Change], vhost: Vhost, snapshot: Snapshot, scope: Scope
    ) -> None:
        self._vhost = vhost
        self._topology = scope.topology
        settings = scope.settings if isinstance(scope.settings, Settings) else Settings()
        self._priority = settings.policy_priority
        self._scope = "" if vhost.name == snapshot.section_vhost else vhost.name
        self._needs = {change.address: change.needs for change in changes}
        self._changes = {
            change.address.name: change
            for change in changes
            if change.address.kind == "queue" and change.address.scope == self._scope
        }
        self._declared = declared.Declared(
            [c for c in changes if c.address.kind == "policy" and c.address.scope == self._scope],
            vhost,
            snapshot,
        )
        self._live = {
            name: policy
            for name, policy in vhost.policies.items()
            if is_derived_policy(name, scope.topology)
        }

    def derived(self) -> Derived:
        """Give the writes of this vhost: creations, then deletions, each sorted by name."""
        found = dict(self._claims())
        definitions = {name: claim.definition for name, claim in found.items()}
        wanted = grouping.groups(definitions, self._topology, self._priority, self._live)
        created = [wanted[name] for name in sorted(wanted) if name not in self._live]
        deleted = [self._live[name] for name in sorted(self._live) if name not in wanted]
        creations = [self._creation(group, deleted) for group in created]
        return Derived(
            (*creations, *self._deletions(deleted, created, found)),
            tuple(refusal for claim in found.values() for refusal in claim.refusals),
            tuple(self._warnings(found)),
            (*self._notes(found), *self._declared.effects(created, deleted, self._gone())),
        )

    def _notes(self, found: Mapping[str, claims.Claim]) -> Iterator[tuple[Address, Effect]]:
        for name, claim in found.items():
            for text in claim.notes:
                yield self._address(name), Effect(EffectKind.NOTE, text)

    def _gone(self) -> frozenset[str]:
        """Give the queues that this plan deletes or replaces."""
        goes = {Action.DELETE, Action.REPLACE}
        return frozenset(name for name, c in self._changes.items() if c.action in goes)

    def _claims(self) -> Iterator[tuple[str, claims.Claim]]:
        for name in sorted({*self._vhost.queues, *self._changes}):
            change = self._changes.get(name)
            if change is None or (change.resource is not None and change.resource.external):
                covering = self._covering(name)
                if covering is not None:
                    yield name, claims.of_undeclared(covering)
            elif change.action is not Action.DELETE:
                yield name, claims.of_change(change, self._declared.view(change), self._priority)

    def _covering(self, name: str) -> Policy | None:
        """Give the policy of ours that a live queue has, though this plan says nothing about it."""
        queue = self._vhost.queues.get(name)
        if queue is None or is_protected_queue(name):
            return None
        if queue.policy in self._live:
            return self._live[queue.policy]
        return next((p for _, p in sorted(self._live.items()) if _matches(p, name)), None)

    def _creation(self, group: Group, deleted: Sequence[Policy]) -> Write:
        moved = self._moved(group.queues)
        count = f"{len(group.queues)} queue{'' if len(group.queues) == 1 else 's'}"
        return Write(
            PROVIDER,
            self._identity(group.policy),
            Action.CREATE,
            f"policy {group.policy.name} ({count})",
            serves=tuple(self._address(n) for n in moved if self._changes[n].action in _GIVES),
            shown_under=self._shown(moved, [p for p in deleted if _share(p, group)]),
            payload=PolicyWrite(self._vhost.name, group.policy, tuple(self._must_be_empty(group))),
        )

    def _deletions(
        self,
        deleted: Sequence[Policy],
        created: Sequence[Group],
        found: Mapping[str, claims.Claim],
    ) -> Iterator[Write]:
        """Give the deletions: after every creation and after the queues that depend on them to their end.

        They come before the steps of the queues that they leave, so those settle on the new values alone. A queue
        that such an end waits for cannot wait in turn; it settles on either.
        """
        ends = {
            policy.name: [n for n in self._covered(policy) if self._outlives(n, found.get(n))]
            for policy in deleted
        }
        waited_for = self._reach([self._address(n) for names in ends.values() for n in names])
        before = tuple(self._identity(group.policy) for group in created)
        for policy in deleted:
            covered = self._covered(policy)
            left = [n for n in covered if self._changes[n].action in _GIVES]
            makers = [group.queues for group in created if _share(policy, group)]
            yield Write(
                PROVIDER,
                self._identity(policy),
                Action.DELETE,
                f"policy {policy.name}",
                serves=tuple(a for a in map(self._address, left) if a not in waited_for),
                after=(*before, *(self._address(name) for name in ends[policy.name])),
                shown_under=self._shown(covered, ()) or self._shown_makers(makers),
                payload=PolicyWrite(self._vhost.name, policy),
            )

    def _outlives(self, name: str, claim: claims.Claim | None) -> bool:
        """True where the old policy must stay until a queue is gone: nothing new applies to it as it is now."""
        change = self._changes[name]
        if change.action is Action.DELETE:
            return True
        if change.action is not Action.REPLACE:
            return False
        seen: view.View = change.observed.raw
        keys = {key for key, _ in claim.definition} if claim is not None else set()
        return not keys or bool(
            keys & effective.unsupported(seen.subject.type, seen.subject.version)
        )

    def _reach(self, addresses: Sequence[Address]) -> frozenset[Address]:
        """Give these addresses and all that they need."""
        found: set[Address] = set()
        frontier = list(addresses)
        while frontier:
            address = frontier.pop()
            if address not in found:
                found.add(address)
                frontier.extend(self._needs.get(address, ()))
        return frozenset(found)

    def _must_be_empty(self, group: Group) -> Iterator[str]:
        """Give the queues that would lose messages to this policy if they held any."""
        for name in self._moved(group.queues):
            seen: view.View = self._changes[name].observed.raw
            if seen.queue is None or not seen.is_known_empty:
                continue
            filled = replace(seen, queue=replace(seen.queue, messages=1))
            after = seen.settings_under(dict(group.policy.definition))
            if losses.losses(filled, seen.settings(), after):
                yield name

    def _moved(self, names: Sequence[str]) -> list[str]:
        """Give those of these queues that this plan changes."""
        return [
            name
            for name in names
            if name in self._changes and self._changes[name].action is not Action.NOOP
        ]

    def _covered(self, policy: Policy) -> list[str]:
        return [name for name in self._moved(sorted(self._changes)) if _matches(policy, name)]

    def _shown(self, names: Sequence[str], old: Sequence[Policy]) -> tuple[Address, ...]:
        """Give what a write is listed beneath: the queues it is for, else those that left the policies it replaces."""
        shown = names or sorted({name for policy in old for name in self._covered(policy)})
        return tuple(self._address(name) for name in shown)

    def _shown_makers(self, members: Sequence[Sequence[str]]) -> tuple[Address, ...]:
        moved = {name for names in members for name in self._moved(names)}
        return tuple(self._address(name) for name in sorted(moved))

    def _warnings(self, found: Mapping[str, claims.Claim]) -> Iterator[str]:
        if not any(claim.definition for claim in found.values()):
            return
        for name, policy in sorted(self._vhost.policies.items()):
            if not effective.is_understood(policy):
                where = f"policy {name} of vhost {self._vhost.name}"
                yield f"{where}: its pattern cannot be read here, so it is not compared"

    def _address(self, name: str) -> Address:
        return queue_address(name, self._scope)

    def _identity(self, policy: Policy) -> str:
        return f"{policy.name}@{self._scope}" if self._scope else policy.name


def _matches(policy: Policy, name: str) -> bool:
    matches = patterns.matcher(policy.pattern)
    return matches is not None and matches(name)


def _share(policy: Policy, group: Group) -> bool:
    return any(_matches(policy, name) for name in group.queues)
