"""Has what we wrote taken effect? Judged on a fresh reading; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Readiness
from bizops.providers.rabbitmq.declared.specs import QueueSpec
from bizops.providers.rabbitmq.live import effective_settings, observations, queue_state, snapshots
from bizops.providers.rabbitmq.naming import patterns
from bizops.providers.rabbitmq.naming.names import is_derived_policy, topology_of_policy
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Change, Step
    from bizops.providers.rabbitmq.api.policy_repair import Left
    from bizops.providers.rabbitmq.live.effective_settings import Policy, Version
    from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Snapshot, Vhost
    from bizops.providers.rabbitmq.policies.policy_write import PolicyWrite
    from bizops.resource import Address, Observation

SETTLED = Readiness(settled=True)


def is_immediate(step: Step) -> bool:
    """True where the answer to the write says all: the broker has it in its store by then (3.10.8 and 4.0.5).

    A queue whose policy changed has to be looked at; so has a policy that was deleted.
    """
    if step.write is not None:
        return step.action is Action.CREATE
    assert step.change is not None  # noqa: S101 - one of the two is always there
    return not (step.change.address.kind == "queue" and step.action is Action.UPDATE)


def topology_of(step: Step) -> str:
    """Give the topology of a step, as its policy or the observation in it knows it."""
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        return topology_of_policy(payload.policy.name)
    assert step.change is not None  # noqa: S101 - one of the two is always there
    seen: queue_state.QueueState = step.change.observed.raw
    return seen.topology


def readiness(step: Step, snapshot: Snapshot, found: Mapping[Address, Observation]) -> Readiness:
    """Give the readiness of a deleted policy, or of a queue that was changed in place."""
    vhost = snapshot.vhosts[vhost_of(step, snapshot.section_vhost)]
    if vhost.problem:
        return Readiness(detail=vhost.problem)
    if step.write is not None:
        return _deleted(step, snapshot)
    assert step.change is not None  # noqa: S101 - one of the two is always there
    return _updated(step.change, found[step.change.address])


def vhost_of(step: Step, section_vhost: str) -> str:
    """Give the vhost that a step is about."""
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        return payload.vhost
    assert step.change is not None  # noqa: S101 - one of the two is always there
    return step.change.address.scope or section_vhost


def left_behind(steps: Sequence[Step], snapshot: Snapshot, vhost: str) -> Left:
    """Give the queues of these steps that the broker left under a policy that does not apply to them.

    Where a policy cannot be read here nobody can say what should apply, so then there are none.
    """
    found = snapshot.vhosts[vhost]
    if found.unread():
        return {}
    names = {name for step in steps for name in _left_by(step, snapshot, vhost)}
    return {name: _strongest(found.queues[name], found, snapshot.version) for name in names}


def _left_by(step: Step, snapshot: Snapshot, name: str) -> list[str]:
    """Give the queues that a step is about and that were left behind: all that a deleted policy may have applied to."""
    vhost, version = snapshot.vhosts[name], snapshot.version
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        policy = payload.policy
        matched = frozenset(patterns.among(policy.pattern, vhost.queues.keys()))
        about = [
            queue
            for queue in vhost.queues.values()
            if queue.policy == policy.name
            or (
                queue.name in matched
                and effective_settings.is_applicable(policy, snapshots.subject(queue, version))
            )
        ]
    else:
        assert step.change is not None  # noqa: S101 - one of the two is always there
        queue = vhost.queues.get(step.change.address.name)
        about = [queue] if queue is not None else []
    return [queue.name for queue in about if _is_left(queue, vhost, version, topology_of(step))]


def _is_left(queue: LiveQueue, vhost: Vhost, version: Version, topology: str) -> bool:
    """True where its policy is gone, or is weaker than one of ours that applies. Of equals the broker takes any.

    What lies on a node that is down shows nothing of its process. 4.0.5 and 4.3.6 match it anew when it is back; 3.10.8
    keeps what it had, and the next run moves it.
    """
    if queue.away:
        return False
    has = vhost.policies.get(queue.policy)
    if has is None and queue.policy:
        return True
    best = _strongest(queue, vhost, version)
    is_ours = best is not None and is_derived_policy(best.name, topology)
    return is_ours and best is not None and (has is None or has.priority < best.priority)


def _strongest(queue: LiveQueue, vhost: Vhost, version: Version) -> Policy | None:
    found = effective_settings.matching(
        vhost.candidates(queue.name), snapshots.subject(queue, version)
    )
    return found[0] if found else None


def _deleted(step: Step, snapshot: Snapshot) -> Readiness:
    assert step.write is not None  # noqa: S101 - told apart by the caller
    payload: PolicyWrite = step.write.payload
    if payload.policy.name in snapshot.vhosts[payload.vhost].policies:
        return Readiness(detail="it is still there")
    left = _left_by(step, snapshot, payload.vhost)
    if left:
        others = f" and {len(left) - 1} more" if len(left) > 1 else ""
        detail = f"it is gone, and the broker has not matched {left[0]}{others} to another yet"
        return Readiness(detail=detail)
    return SETTLED


def _updated(change: Change, observed: Observation) -> Readiness:
    """Compare what is in force with what is wanted.

    While an old policy of ours waits for other steps before it goes, the broker may apply either, and that is enough.
    """
    if observed.presence is Presence.UNREADABLE:
        return Readiness(detail=observed.why)
    if observed.presence is Presence.ABSENT:
        return Readiness(failed=True, detail="the queue is gone")
    assert change.resource is not None  # noqa: S101 - only a deletion has none
    spec, seen = change.resource.spec, observed.raw
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    assert isinstance(seen, queue_state.QueueState)  # noqa: S101 - what an observation of a queue carries
    if seen.queue is not None and seen.queue.policy and seen.winner is None:
        return Readiness(detail=f"it is still under {_policy_text(seen)}")
    found = observations.queue_fields(seen, spec)
    for changed in change.fields:
        value = found[changed.path].value if changed.path in found else None
        if value == changed.after:
            continue
        if changed.after is None and changed.path in found and not found[changed.path].ours:
            continue
        if len(seen.covering) > 1:
            continue
        shown = "not set" if value is None else value
        return Readiness(detail=f"{changed.name} is still {shown}, under {_policy_text(seen)}")
    detail = ", ".join(f"{f.name} is {f.after}" for f in change.fields if f.after is not None)
    if observed.away:
        when = (
            "with the next apply once"
            if seen.subject.version < effective_settings.KHEPRI_ERA
            else "when"
        )
        detail = f"written; it lies {observed.away}, and this takes effect {when} that is back"
    return Readiness(settled=True, detail=detail)


def _policy_text(seen: queue_state.QueueState) -> str:
    name = seen.queue.policy if seen.queue is not None else ""
    if not name:
        return "no policy"
    return f"policy {name}" if seen.winner is not None else f"policy {name}, which is gone"
