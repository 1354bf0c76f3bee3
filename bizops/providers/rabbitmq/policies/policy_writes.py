"""The writes of derived policies in one vhost: what each is for, what it waits for, where it is shown; pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Action, Write
from bizops.providers.rabbitmq.changes import message_loss
from bizops.providers.rabbitmq.live import effective_settings, queue_state
from bizops.providers.rabbitmq.naming import patterns
from bizops.providers.rabbitmq.naming.names import PROVIDER, queue_address
from bizops.providers.rabbitmq.policies import matching_cost
from bizops.providers.rabbitmq.policies.policy_write import PolicyWrite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.effective_settings import Policy
    from bizops.providers.rabbitmq.live.snapshots import Vhost
    from bizops.providers.rabbitmq.policies.grouping import Group
    from bizops.providers.rabbitmq.policies.required_policies import RequiredPolicy
    from bizops.resource import Address

_GIVES = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


class PolicyWrites:
    """Writes that create and delete policies, for changes of queues. `scope` is the vhost in an address."""

    def __init__(
        self,
        vhost: tuple[Vhost, str],
        changes: Sequence[Change],
        created: Sequence[Group],
        deleted: Sequence[Policy],
        found: Mapping[str, RequiredPolicy],
    ) -> None:
        """Take a vhost and its scope in an address, the changes of all kinds, the policies and the claims."""
        self._vhost, self._scope = vhost[0].name, vhost[1]
        self._matching = matching_cost.seconds(vhost[0], [group.policy for group in created])
        self._needs = {change.address: change.needs for change in changes}
        self._changes = queue_changes(changes, self._scope)
        self._moved = frozenset(
            name for name, change in self._changes.items() if change.action is not Action.NOOP
        )
        self._created, self._deleted = created, deleted
        self._found = found
        group_of = {name: group for group in created for name in group.queues}
        self._makers: dict[str, list[Group]] = {}
        self._replaced: defaultdict[str, list[Policy]] = defaultdict(list)
        for policy in deleted:
            names = patterns.among(policy.pattern, group_of.keys())
            makers = {group_of[name].policy.name: group_of[name] for name in names}
            self._makers[policy.name] = list(makers.values())
            for maker in makers:
                self._replaced[maker].append(policy)
        self._covered = {p.name: patterns.among(p.pattern, self._moved) for p in deleted}

    def creations(self) -> Iterator[Write]:
        """Give the creations, each before the queues that it is for."""
        for group in self._created:
            moved = self._moved_of(group)
            count = f"{len(group.queues)} queue{'' if len(group.queues) == 1 else 's'}"
            is_upkeep = self._is_upkeep(group)
            told = self._told(group) if is_upkeep else ""
            yield Write(
                PROVIDER,
                self._identity(group.policy),
                Action.CREATE,
                f"policy {group.policy.name} ({count}){told}",
                serves=tuple(self._address(n) for n in moved if self._changes[n].action in _GIVES),
                shown_under=self._addresses(moved or self._left(group)),
                payload=PolicyWrite(
                    self._vhost,
                    group.policy,
                    tuple(self._must_be_empty(group)),
                    self._matching,
                ),
                is_upkeep=is_upkeep,
            )

    def deletions(self) -> Iterator[Write]:
        """Give the deletions: after every creation and after the queues that depend on them to their end.

        They come before the steps of the queues that they leave, so those settle on the new values alone. A queue
        that such an end waits for cannot wait in turn; it settles on either.
        """
        ends = {
            policy.name: [n for n in self._covered[policy.name] if self._outlives(n)]
            for policy in self._deleted
        }
        waited_for = self._reach([self._address(n) for names in ends.values() for n in names])
        before = tuple(self._identity(group.policy) for group in self._created)
        for policy in self._deleted:
            covered, makers = self._covered[policy.name], self._makers[policy.name]
            left = [n for n in covered if self._changes[n].action in _GIVES]
            shown = covered or sorted({n for group in makers for n in self._moved_of(group)})
            is_upkeep = bool(makers) and not shown and all(map(self._is_upkeep, makers))
            yield Write(
                PROVIDER,
                self._identity(policy),
                Action.DELETE,
                f"policy {policy.name}{', whose queues are in others' if is_upkeep else ''}",
                serves=tuple(a for a in map(self._address, left) if a not in waited_for),
                after=(*before, *(self._address(name) for name in ends[policy.name])),
                shown_under=self._addresses(shown),
                payload=PolicyWrite(self._vhost, policy, matching=self._matching),
                is_upkeep=is_upkeep,
            )

    def _is_upkeep(self, group: Group) -> bool:
        """True where no queue of it changes, and each has these settings from a policy of ours or of others."""
        if self._moved_of(group) or self._left(group):
            return False
        settings = replace(group.policy, name="", pattern="")
        held = {*self._pinned(group)}
        for policy in self._replaced[group.policy.name]:
            if replace(policy, name="", pattern="") == settings:
                held.update(patterns.among(policy.pattern, group.queues))
        return held.issuperset(group.queues)

    def _pinned(self, group: Group) -> list[str]:
        """Give the queues of a group that have what they declare from policies of others alone."""
        return [name for name in group.queues if self._found[name].pins]

    def _told(self, group: Group) -> str:
        """Say what an upkeep does: `pins what q has from policy ops`."""
        pinned = self._pinned(group)
        if not pinned:
            return ", cut anew with the same settings"
        more = f" and {len(pinned) - 1} more" if len(pinned) > 1 else ""
        givers = sorted({giver for name in pinned for giver in self._found[name].pins})
        return f", pins what {pinned[0]}{more} has today from {' and '.join(givers)}"

    def _left(self, group: Group) -> list[str]:
        """Give the queues of this plan's changes that were under the policies that a group replaces."""
        old = self._replaced[group.policy.name]
        return sorted({name for policy in old for name in self._covered[policy.name]})

    def _outlives(self, name: str) -> bool:
        """True where the old policy must stay until a queue is gone: nothing new applies to it as it is now."""
        change = self._changes[name]
        if change.action is Action.DELETE:
            return True
        if change.action is not Action.REPLACE:
            return False
        seen: queue_state.QueueState = change.observed.raw
        claim = self._found.get(name)
        keys = {key for key, _ in claim.definition} if claim is not None else set()
        return not keys or bool(
            keys & effective_settings.unsupported(seen.subject.type, seen.subject.version)
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
        for name in self._moved_of(group):
            seen: queue_state.QueueState = self._changes[name].observed.raw
            if seen.queue is None or not seen.is_known_empty:
                continue
            filled = replace(seen, queue=replace(seen.queue, messages=1))
            after = seen.settings_under(dict(group.policy.definition))
            if message_loss.losses(filled, seen.settings(), after):
                yield name

    def _moved_of(self, group: Group) -> list[str]:
        """Give those of a group's queues that this plan changes."""
        return [name for name in group.queues if name in self._moved]

    def _addresses(self, names: Sequence[str]) -> tuple[Address, ...]:
        return tuple(map(self._address, names))

    def _address(self, name: str) -> Address:
        return queue_address(name, self._scope)

    def _identity(self, policy: Policy) -> str:
        return f"{policy.name}@{self._scope}" if self._scope else policy.name


def queue_changes(changes: Sequence[Change], scope: str) -> dict[str, Change]:
    """Give the changes of one vhost's queues, by name."""
    return {
        change.address.name: change
        for change in changes
        if change.address.kind == "queue" and change.address.scope == scope
    }
