"""Has what we wrote taken effect? Judged on a fresh reading; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Readiness
from bizops.providers.rabbitmq import observing, view
from bizops.providers.rabbitmq.specs import QueueSpec
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bizops.change import Change, Step
    from bizops.providers.rabbitmq.derived import PolicyWrite
    from bizops.providers.rabbitmq.live import Snapshot, Vhost
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


def topology_of(steps: Iterable[Step]) -> str:
    """Give the topology of these steps, as the observations in them know it; "" where there is no queue."""
    views = (step.change.observed.raw for step in steps if step.change is not None)
    return next((seen.topology for seen in views if isinstance(seen, view.View)), "")


def readiness(step: Step, snapshot: Snapshot, found: Mapping[Address, Observation]) -> Readiness:
    """Give the readiness of a deleted policy, or of a queue that was changed in place."""
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        return _deleted(payload, snapshot.vhosts[payload.vhost])
    assert step.change is not None  # noqa: S101 - one of the two is always there
    return _updated(step.change, found[step.change.address])


def _deleted(payload: PolicyWrite, vhost: Vhost) -> Readiness:
    name = payload.policy.name
    under = [queue.name for queue in vhost.queues.values() if queue.policy == name]
    if name in vhost.policies or under:
        return Readiness(detail=f"policy {name} still applies to {len(under)} queues")
    return SETTLED


def _updated(change: Change, observed: Observation) -> Readiness:
    """Compare what is in force with what is wanted.

    While an old policy of ours waits for other steps before it goes, the broker may apply either, and that is enough.
    """
    if observed.presence is not Presence.PRESENT:
        return Readiness(failed=True, detail="the queue is gone")
    assert change.resource is not None  # noqa: S101 - only a deletion has none
    spec, seen = change.resource.spec, observed.raw
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    assert isinstance(seen, view.View)  # noqa: S101 - what an observation of a queue carries
    live = observing.queue_fields(seen, spec)
    for changed in change.fields:
        value = live[changed.path].value if changed.path in live else None
        if value == changed.after:
            continue
        if changed.after is None and changed.path in live and not live[changed.path].ours:
            continue
        if len(seen.covering) > 1:
            continue
        return Readiness(detail=f"{changed.name} is still {value}")
    detail = ", ".join(f"{f.name} is {f.after}" for f in change.fields if f.after is not None)
    return Readiness(settled=True, detail=detail)
