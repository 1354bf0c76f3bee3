"""Derived policies: the settings of queues that may change, written so that no queue is ever without them; pure.

A derived policy is never updated. The new ones of a plan are created first, and the old ones deleted when the new
ones stand. Meanwhile both match a queue at equal priority and the broker applies either; never none of them, and so
never a foreign one of lower priority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Effect, EffectKind
from bizops.provider import Derived, Observations, Scope
from bizops.providers.rabbitmq.changes import (
    dead_letters,
    deprecated_features,
    precheck,
    queue_types,
    vhost_limits,
)
from bizops.providers.rabbitmq.declared.specs import Settings
from bizops.providers.rabbitmq.live import effective_settings
from bizops.providers.rabbitmq.naming import patterns
from bizops.providers.rabbitmq.naming.names import (
    is_derived,
    is_derived_policy,
    is_protected_queue,
    queue_address,
)
from bizops.providers.rabbitmq.policies import (
    declared_policies,
    grouping,
    matching_cost,
    required_policies,
)
from bizops.providers.rabbitmq.policies.policy_writes import PolicyWrites, queue_changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.effective_settings import Policy
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost
    from bizops.resource import Address


def derive(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Give the policy writes that these changes take, and what stands in the way: policies, types, limits, features."""
    snapshot: Snapshot | None = observations.context
    if snapshot is None:
        return Derived()
    parts = [
        _Derivation(changes, vhost, snapshot, scope).derived()
        for _, vhost in sorted(snapshot.vhosts.items())
        if not vhost.problem
    ]
    writes = [write for part in parts for write in part.writes]
    parts += [
        dead_letters.derived(changes, snapshot),
        deprecated_features.derived(changes, snapshot),
        queue_types.derived(changes, snapshot),
        vhost_limits.derived(changes, snapshot, scope.topology),
        precheck.derived(changes, writes, snapshot),
        matching_cost.derived(writes, snapshot),
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
        settings = scope.settings if isinstance(scope.settings, Settings) else Settings()
        self._scope = "" if vhost.name == snapshot.section_vhost else vhost.name
        self._is_partial = scope.is_partial
        self._all_changes = changes
        self._changes = queue_changes(changes, self._scope)
        self._declared = declared_policies.Declared(
            [c for c in changes if c.address.kind == "policy" and c.address.scope == self._scope],
            vhost,
            snapshot,
        )
        live = {
            name: policy
            for name, policy in sorted(vhost.policies.items())
            if is_derived_policy(name, scope.topology)
        }
        self._context = grouping.Context(
            scope.topology,
            settings.policy_priority,
            snapshot.version,
            live,
            frozenset(name[:-1] for name in vhost.queues if name.endswith("\n")),
        )

    def derived(self) -> Derived:
        """Give the writes of this vhost: creations, then deletions, each sorted by name."""
        live = self._context.live
        found = dict(self._claims())
        definitions = {name: claim.definition for name, claim in found.items()}
        wanted = grouping.groups(definitions, self._context)
        created = [wanted[name] for name in sorted(wanted) if name not in live]
        deleted = [policy for name, policy in live.items() if name not in wanted]
        place = (self._vhost, self._scope)
        writes = PolicyWrites(place, self._all_changes, created, deleted, found)
        return Derived(
            (*writes.creations(), *writes.deletions()),
            tuple(refusal for claim in found.values() for refusal in claim.refusals),
            tuple(self._warnings(found)),
            (*self._notes(found), *self._declared.effects(created, deleted, self._gone())),
        )

    def _notes(
        self, found: Mapping[str, required_policies.RequiredPolicy]
    ) -> Iterator[tuple[Address, Effect]]:
        for name, claim in found.items():
            for text in claim.notes:
                yield queue_address(name, self._scope), Effect(EffectKind.NOTE, text)

    def _gone(self) -> frozenset[str]:
        """Give the queues that this plan deletes or replaces."""
        goes = {Action.DELETE, Action.REPLACE}
        return frozenset(name for name, c in self._changes.items() if c.action in goes)

    def _claims(self) -> Iterator[tuple[str, required_policies.RequiredPolicy]]:
        covering = self._covering()
        for name in sorted({*self._vhost.queues, *self._changes}):
            change = self._changes.get(name)
            if change is None or (change.resource is not None and change.resource.external):
                if name in covering:
                    yield name, self._claim_of_undeclared(name, covering[name])
            elif change.action is not Action.DELETE:
                yield (
                    name,
                    required_policies.of_change(
                        change, self._declared.view(change), self._context.priority
                    ),
                )

    def _claim_of_undeclared(self, name: str, covering: Policy) -> required_policies.RequiredPolicy:
        """Keep what the queue has, unless it left the file and another topology has written the same for it."""
        twins = (
            other
            for other in self._vhost.candidates(name)
            if is_derived(other.name)
            and other.name not in self._context.live
            and required_policies.is_same(other, covering.definition, covering.priority)
        )
        is_left_to_others = not self._is_partial and any(twins)
        return (
            required_policies.RequiredPolicy()
            if is_left_to_others
            else required_policies.of_undeclared(covering)
        )

    def _covering(self) -> Mapping[str, Policy]:
        """Give the policy of ours that each live queue has, whatever this plan says about it.

        A queue whose name is one of ours and a line feed may be matched too. It is not meant.
        """
        live, queues = self._context.live, self._vhost.queues
        found = {
            name: live[queue.policy]
            for name, queue in queues.items()
            if queue.policy in live and patterns.names(live[queue.policy].pattern) is None
        }
        for policy in live.values():
            for name in patterns.among(policy.pattern, queues.keys()):
                if name not in found or queues[name].policy == policy.name:
                    found[name] = policy
        return {name: policy for name, policy in found.items() if not is_protected_queue(name)}

    def _warnings(self, found: Mapping[str, required_policies.RequiredPolicy]) -> Iterator[str]:
        if not any(claim.definition for claim in found.values()):
            return
        for name, policy in sorted(self._vhost.policies.items()):
            if not effective_settings.is_understood(policy):
                where = f"policy {name} of vhost {self._vhost.name}"
                yield f"{where}: its pattern cannot be read here, so it is not compared"
