"""Which request carries out a step, and what its answer means; pure but for the type of client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.change import Action, Outcome, Status
from bizops.providers.rabbitmq.api.client import Answer, Request
from bizops.providers.rabbitmq.declared import field_types
from bizops.providers.rabbitmq.declared.specs import (
    BindingSpec,
    ExchangeSpec,
    PolicySpec,
    QueueSpec,
)
from bizops.providers.rabbitmq.live import queue_state
from bizops.providers.rabbitmq.naming.names import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.change import Change, Step
    from bizops.providers.rabbitmq.live.effective_settings import Policy
    from bizops.providers.rabbitmq.live.snapshots import Vhost
    from bizops.providers.rabbitmq.policies.policy_write import PolicyWrite
    from bizops.resource import Spec

_NOT_FOUND = 404
_GONE = "was gone already"
_SIDE_BY_SIDE = 2
"""The phase of everything that may be written at once: all but policies and the deletions of exchanges."""


def phases(steps: Sequence[Step]) -> Iterator[list[list[Step]]]:
    """Give steps that need nothing of each other in the order that keeps every queue under its policies.

    New policies come first, before the queues that they are for; then changed ones; old ones go when all else is done.
    Declared and derived ones alike: a queue may go from one sort to the other.

    A phase is a list of chains, each to be worked off one by one, side by side with the others. Policies are one chain:
    RabbitMQ 4.0.5 may mix up two at once (see `rematching`), and does them under one lock, so that two at once are no
    faster either. Exchanges go one by one, after the queues: when an exchange and what is bound to it go at the same
    time, 3.10.8 may answer 204 and keep the queue or the exchange that was bound, and 4.0.5 deletes it and answers 400.
    """
    found: dict[int, list[Step]] = {}
    for step in steps:
        found.setdefault(_phase(step), []).append(step)
    for phase in sorted(found):
        members = found[phase]
        yield [[step] for step in members] if phase == _SIDE_BY_SIDE else [members]


def is_old_policy(step: Step) -> bool:
    """True for the deletion of a policy, declared or derived."""
    return _is_policy(step) and step.action is Action.DELETE


def is_new_policy(step: Step) -> bool:
    """True for the creation or change of a policy, declared or derived."""
    return _is_policy(step) and step.action in {Action.CREATE, Action.UPDATE}


def _phase(step: Step) -> int:
    if _is_policy(step):
        return {Action.CREATE: 0, Action.UPDATE: 1, Action.DELETE: 4}[step.action]
    return 3 if step.action is Action.DELETE and _is_of(step, "exchange") else _SIDE_BY_SIDE


def _is_policy(step: Step) -> bool:
    return step.write is not None or _is_of(step, "policy")


def _is_of(step: Step, kind: str) -> bool:
    return step.change is not None and step.change.address.kind == kind


def request(step: Step, section_vhost: str) -> Request | None:
    """Give the request for a step; None where derived policies carry it out, so that nothing else is to be written."""
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        path = f"/policies/{encode(payload.vhost)}/{encode(payload.policy.name)}"
        if step.action is Action.DELETE:
            return Request("DELETE", path)
        return Request("PUT", path, policy_body(payload.policy))
    assert step.change is not None  # noqa: S101 - one of the two is always there
    vhost = encode(step.change.address.scope or section_vhost)
    if step.action is Action.DELETE:
        return _deletion(step, step.change, vhost)
    assert step.change.resource is not None  # noqa: S101 - only a deletion has none
    return _creation(step.change, step.change.resource.spec, vhost, step.action)


def declaration(change: Change, section_vhost: str) -> Request:
    """Give the request that declares a queue or an exchange as it is wanted."""
    assert change.resource is not None  # noqa: S101 - only a deletion has none
    vhost = encode(change.address.scope or section_vhost)
    found = _creation(change, change.resource.spec, vhost, Action.CREATE)
    assert found is not None  # noqa: S101 - only an update may need no request
    return found


def _creation(change: Change, spec: Spec, vhost: str, action: Action) -> Request | None:
    name = encode(change.address.parts[0])
    if isinstance(spec, QueueSpec):
        if action is Action.UPDATE:
            return None
        return Request("PUT", f"/queues/{vhost}/{name}", _queue_body(change))
    if isinstance(spec, ExchangeSpec):
        return Request("PUT", f"/exchanges/{vhost}/{name}", _exchange_body(spec))
    if isinstance(spec, BindingSpec):
        body: dict[str, Any] = {
            "routing_key": spec.routing_key,
            "arguments": field_types.thaw(spec.arguments),
        }
        path = f"/bindings/{vhost}/e/{encode(spec.exchange)}/q/{encode(spec.queue)}"
        return Request("POST", path, body)
    assert isinstance(spec, PolicySpec)  # noqa: S101 - the last of our kinds
    body = {
        "pattern": spec.pattern,
        "apply-to": spec.apply_to,
        "priority": spec.priority,
        "definition": field_types.thaw(spec.definition),
    }
    return Request("PUT", f"/policies/{vhost}/{name}", body)


def _deletion(step: Step, change: Change, vhost: str) -> Request:
    """Guard a deletion without consent as well as the broker allows: only when empty, only when unused.

    An exchange that is replaced gets its bindings back, and one whose bindings of others the plan names takes them
    along, so there nothing is guarded.
    """
    address = change.address
    if address.kind == "binding":
        exchange, _, queue = address.parts
        key = encode(str(change.observed.raw or "~"))
        return Request("DELETE", f"/bindings/{vhost}/e/{encode(exchange)}/q/{encode(queue)}/{key}")
    path = (
        f"/{address.kind.removesuffix('y')}ies" if address.kind == "policy" else f"/{address.kind}s"
    )
    guard = ""
    if not step.consent and address.kind == "queue":
        guard = "?if-empty=true&if-unused=true"
    elif address.kind == "exchange" and change.action is Action.DELETE and not _is_shared(change):
        guard = "?if-unused=true"
    return Request("DELETE", f"{path}/{vhost}/{encode(address.name)}{guard}")


def _is_shared(change: Change) -> bool:
    """True where the plan names bindings of others that go with this one."""
    return any(key == "takes_along" for effect in change.effects for key, _ in effect.data)


def _queue_body(change: Change) -> dict[str, Any]:
    """Give the body of a declaration. It says the type: the default of the vhost may be another tomorrow."""
    assert change.resource is not None  # noqa: S101 - a creation has one
    spec = change.resource.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    return {
        "durable": spec.durable is not False,
        "auto_delete": bool(spec.auto_delete),
        "arguments": queue_state.arguments(
            change.address.name, queue_state.with_type(spec, change.observed.raw)
        ),
    }


def _exchange_body(spec: ExchangeSpec) -> dict[str, Any]:
    return {
        "type": spec.type or "direct",
        "durable": spec.durable is not False,
        "auto_delete": bool(spec.auto_delete),
        "internal": bool(spec.internal),
        "arguments": field_types.thaw(spec.arguments or ()),
    }


def policy_body(policy: Policy) -> dict[str, Any]:
    """Give the body of the request that puts a policy."""
    return {
        "pattern": policy.pattern,
        "apply-to": policy.apply_to,
        "priority": policy.priority,
        "definition": field_types.thaw(policy.definition),
    }


def outcome(step: Step, answer: Answer) -> Outcome:
    """Give what became of a step; deleting what is gone already is done."""
    if answer.is_ok:
        return Outcome(step, Status.APPLIED)
    if step.action is Action.DELETE and answer.status == _NOT_FOUND:
        return Outcome(step, Status.APPLIED, _GONE)
    status = Status.RETRY if answer.is_transient else Status.FAILED
    return Outcome(step, status, answer.reason or f"HTTP {answer.status}")


def unanswered(step: Step, answer: Answer, status: Status) -> Outcome:
    """Give what became of a step that got no answer: `status`, as what we write is the same when it is done twice.

    Only a queue's deletion that was sent is not tried again. A node that was frozen carries out the first one when it
    wakes, and by then the name may belong to a new queue with new messages. What was sent, now or before, may be done.
    """
    if not answer.is_sent:
        return Outcome(step, status, answer.reason)
    is_deletion = step.action is Action.DELETE
    how = "deleted" if is_deletion else "written"
    ended = Status.FAILED if is_deletion and _is_of(step, "queue") else status
    return Outcome(step, ended, f"{answer.reason}; it may be {how} or not, plan again")


def is_made_queue(step: Step) -> bool:
    """True for the creation of a queue, replacements included."""
    return _is_of(step, "queue") and step.action is Action.CREATE


def made(step: Step, vhost: Vhost) -> Outcome | None:
    """Give the outcome of a queue's creation that was sent and not answered, where the queue is there as it was sent.

    Where its node died behind the request, 4.0.5 holds a second one back for longer than anybody waits.
    """
    assert step.change is not None  # noqa: S101 - only these are asked for
    queue = vhost.queues.get(step.change.address.name)
    if queue is None:
        return None
    body = _queue_body(step.change)
    sent = (body["durable"], body["auto_delete"], field_types.freeze(body["arguments"]))
    if sent != (queue.durable, queue.auto_delete, queue.arguments):
        return None
    where = f"; it lies {queue.away}" if queue.away else ""
    return Outcome(step, Status.APPLIED, f"created{where}")


def is_doubtful(outcome: Outcome) -> bool:
    """True where a queue or a binding was not found for its deletion.

    3.10.8 answers 404 for a queue whose node is down, and for its bindings; all are there again with the node.
    """
    is_asked = _is_of(outcome.step, "queue") or _is_of(outcome.step, "binding")
    return is_asked and outcome.detail == _GONE


def looked_up(outcome: Outcome, vhost: Vhost) -> Outcome:
    """Give the outcome of a doubtful deletion once the queues are listed again."""
    assert outcome.step.change is not None  # noqa: S101 - only these are doubtful
    queue = vhost.queues.get(outcome.step.change.address.parts[-1])
    if vhost.problem:
        why = f"was not found, and may lie on a node that is down: {vhost.problem}"
        return Outcome(outcome.step, Status.FAILED, why)
    if queue is None or not queue.away:
        return outcome
    return Outcome(outcome.step, Status.FAILED, f"not deleted: {queue.name} lies {queue.away}")
