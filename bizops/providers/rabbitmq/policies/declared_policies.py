"""Declared policies: what stands once they have changed, and what that does to queues, also of others; pure.

Policies are written in an order (see `writing.phases`): new ones first, then changed ones, and old ones go last. So a
queue passes through three states, and each of them may let a limit bite that another policy kept off.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.change import Action, Effect, EffectKind
from bizops.providers.rabbitmq.changes import message_loss
from bizops.providers.rabbitmq.declared.specs import PolicySpec, QueueSpec
from bizops.providers.rabbitmq.live import effective_settings, queue_state, snapshots
from bizops.providers.rabbitmq.live.effective_settings import Policy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Snapshot, Vhost
    from bizops.providers.rabbitmq.policies.grouping import Group
    from bizops.resource import Address


class Declared:
    """The changes of declared policies in one vhost."""

    def __init__(self, changes: Sequence[Change], vhost: Vhost, snapshot: Snapshot) -> None:
        self._changes = [change for change in changes if change.action is not Action.NOOP]
        self._vhost = vhost
        self._snapshot = snapshot
        self._left = replace(vhost, policies=self._states(vhost.policies)[-1])

    def view(self, change: Change) -> queue_state.QueueState:
        """Give a declared queue among the policies that are left once the declared ones have changed."""
        seen: queue_state.QueueState = change.observed.raw
        if not self._changes:
            return seen
        if seen.queue is None:
            assert change.resource is not None  # noqa: S101 - it is declared
            spec = change.resource.spec
            assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
            return queue_state.of_wanted(
                change.address.name, spec, self._left, self._snapshot, seen.topology
            )
        name = seen.queue.policy
        stays = self._left.policies.get(name) == self._vhost.policies.get(name)
        queue = replace(seen.queue, policy=name if stays else "")
        return queue_state.of_live(queue, self._left, self._snapshot, seen.topology)

    def effects(
        self, created: Iterable[Group], deleted: Iterable[Policy], gone: Collection[str]
    ) -> Iterator[tuple[Address, Effect]]:
        """Give what queues would lose in any state that they pass, at each change of a policy that matches them.

        `created` and `deleted` are derived policies. `gone` are queues that this plan deletes or replaces: what they
        hold is weighed there.
        """
        if not self._changes:
            return
        ours = {group.policy.name: group.policy for group in created}
        states = self._states({**self._vhost.policies, **ours})
        for policy in deleted:
            states[-1].pop(policy.name, None)
        passed = [replace(self._vhost, policies=policies) for policies in states]
        for queue in self._vhost.queues.values():
            if queue.name not in gone:
                yield from self._effects(queue, passed)

    def _states(self, policies: Mapping[str, Policy]) -> list[dict[str, Policy]]:
        """Give the policies after the new ones, after the changed ones, and when the old ones are gone."""
        found = []
        now = dict(policies)
        for action in (Action.CREATE, Action.UPDATE, Action.DELETE):
            for change in self._changes:
                if change.action is action:
                    now.pop(change.address.name, None)
                    now |= {policy.name: policy for policy in _wanted(change)}
            found.append(dict(now))
        return found

    def _effects(
        self, queue: LiveQueue, passed: Iterable[Vhost]
    ) -> Iterator[tuple[Address, Effect]]:
        seen = snapshots.subject(queue, self._snapshot.version)
        texts = dict.fromkeys(text for state in passed for text in self._losses(queue, state))
        for change in self._changes if texts else ():
            before = self._vhost.policies.get(change.address.name)
            sides = (*_wanted(change), *(() if before is None else (before,)))
            if any(effective_settings.is_applicable(policy, seen) for policy in sides):
                data = (("field", "definition"),) if change.action is not Action.DELETE else ()
                text = f"queue {queue.name}: {'; '.join(texts)}"
                yield change.address, Effect(EffectKind.DATA_LOSS, text, data)

    def _losses(self, queue: LiveQueue, state: Vhost) -> list[str]:
        seen = snapshots.subject(queue, self._snapshot.version)
        now = self._vhost.policies.get(queue.policy)
        then = next(iter(effective_settings.matching(state.candidates(queue.name), seen)), None)
        if now == then:
            return []
        operator = next(
            iter(effective_settings.matching(self._vhost.operator_policies, seen)), None
        )
        before = effective_settings.in_force(seen, now, operator)
        after = effective_settings.in_force(seen, then, operator)
        return message_loss.losses(queue_state.QueueState(seen, queue, ""), before, after)


def _wanted(change: Change) -> Iterator[Policy]:
    if change.action is Action.DELETE or change.resource is None:
        return
    spec = change.resource.spec
    assert isinstance(spec, PolicySpec)  # noqa: S101 - the kind's own spec
    yield Policy(change.address.name, spec.pattern, spec.apply_to, spec.priority, spec.definition)
