"""What each type of queue cannot be, and the type of a queue that names none; pure.

Which arguments a type refuses was tried on 3.10.8 and 4.0.5, with `PUT /api/queues`. Those that have a field of their
own (`max_priority`) are refused the same way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from bizops.change import Action, Effect, EffectKind, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.declared.specs import QueueSpec, QueueType
from bizops.providers.rabbitmq.live.vhost_settings import CLASSIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live import queue_state
    from bizops.providers.rabbitmq.live.effective_settings import Version
    from bizops.providers.rabbitmq.live.snapshots import Snapshot
    from bizops.resource import Address, Path

_WRITTEN = frozenset({Action.CREATE, Action.REPLACE, Action.UPDATE})
_NOT_ON_STREAMS = (
    "message_ttl",
    "expires",
    "max_length",
    "overflow",
    "delivery_limit",
    "dead_letter",
    "single_active_consumer",
)
_OF_CLASSIC = {"x-queue-mode", "x-queue-version", "x-queue-master-locator"}
_OF_QUORUM = {"x-quorum-initial-group-size", "x-max-in-memory-length", "x-max-in-memory-bytes"}
_OF_STREAMS = {"x-max-age", "x-stream-max-segment-size-bytes", "x-initial-cluster-size"}
_REFUSED = {
    "classic": _OF_QUORUM | _OF_STREAMS,
    "quorum": _OF_CLASSIC | _OF_STREAMS,
    "stream": _OF_CLASSIC | _OF_QUORUM,
}
_LEADERS_OF_CLASSIC = (3, 11)
"""3.10.8 refuses x-queue-leader-locator on a classic queue, 4.0.5 takes it."""


def conflicts(spec: QueueSpec, queue_type: str) -> Iterator[tuple[Path, str]]:
    """Give what a queue of this type cannot have, as the field and the problem."""
    if queue_type == CLASSIC:
        if spec.delivery_limit is not None:
            yield ("delivery_limit",), "only quorum queues have a delivery_limit"
    else:
        yield from _only_classic(spec, queue_type)
    if queue_type == "stream":
        for name in _NOT_ON_STREAMS:
            if getattr(spec, name) not in {None, False}:
                yield (name,), f"a stream has no {name}"
    if queue_type == "quorum" and spec.overflow == "reject-publish-dlx":
        yield ("overflow",), "a quorum queue has no reject-publish-dlx"
    if queue_type != "quorum" and spec.dead_letter and spec.dead_letter.strategy is not None:
        yield ("dead_letter", "strategy"), "only quorum queues have a dead-letter strategy"
    for key, _ in spec.arguments or ():
        if key in _REFUSED.get(queue_type, ()):
            yield ("arguments", key), f"a {queue_type} queue has no {key}"


def _only_classic(spec: QueueSpec, queue_type: str) -> Iterator[tuple[Path, str]]:
    if spec.max_priority is not None:
        problem = "a quorum queue or stream has no max_priority: drop it, or type: classic"
        yield ("max_priority",), problem
    if spec.durable is False:
        yield ("durable",), f"a {queue_type} queue is always durable"
    if spec.auto_delete:
        yield ("auto_delete",), f"a {queue_type} queue cannot be auto_delete"


def derived(changes: Sequence[Change], snapshot: Snapshot) -> Derived:
    """Refuse what the type of a queue cannot be, where the vhost or the live queue decides that type."""
    refusals: list[Refusal] = []
    effects: list[tuple[Address, Effect]] = []
    unread: dict[str, str] = {}
    for change in changes:
        spec = change.resource.spec if change.resource else None
        if not isinstance(spec, QueueSpec) or spec.external or change.action not in _WRITTEN:
            continue
        seen: queue_state.QueueState = change.observed.raw
        refusals += _refusals(change, spec, seen, snapshot.version)
        if spec.type is None and change.action is Action.CREATE:
            if seen.vhost.settings.problem:
                unread[seen.vhost.name] = seen.vhost.settings.problem
            elif seen.subject.type != CLASSIC:
                text = f"type {seen.subject.type}, the default of vhost {seen.vhost.name}"
                effects.append((change.address, Effect(EffectKind.NOTE, text)))
    warnings = tuple(
        f"rabbitmq: which type vhost {name} gives to a queue that names none was not read: {why}"
        for name, why in sorted(unread.items())
    )
    return Derived(refusals=tuple(refusals), warnings=warnings, effects=tuple(effects))


def _refusals(
    change: Change, spec: QueueSpec, seen: queue_state.QueueState, version: Version
) -> Iterator[Refusal]:
    """Judge a type that is not declared; one that is has been judged offline, but for what versions differ in."""
    queue_type = spec.type or seen.subject.type
    source = "it is" if seen.queue else f"vhost {seen.vhost.name} makes it"
    found = [
        (path, f"{source} a {queue_type} queue, as no type is declared: {problem}")
        for path, problem in (conflicts(spec, queue_type) if spec.type is None else ())
    ]
    for path, why in (*found, *_of_version(spec, queue_type, version)):
        field = ".".join(path)
        fitting = [
            f"type: {each}"
            for each in get_args(QueueType)
            if each != queue_type and not [*conflicts(spec, each)]
        ]
        yield Refusal(change.address, field, why, (*fitting, f"leave {field} out"))


def _of_version(spec: QueueSpec, queue_type: str, version: Version) -> Iterator[tuple[Path, str]]:
    key = "x-queue-leader-locator"
    is_asked = any(key == name for name, _ in spec.arguments or ())
    if is_asked and queue_type == CLASSIC and version < _LEADERS_OF_CLASSIC:
        problem = f"RabbitMQ {version[0]}.{version[1]} places no leader of a classic queue"
        yield ("arguments", key), problem
