"""What is wrong across the declared resources, found without asking the broker; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import Finding
from bizops.providers.rabbitmq.changes import queue_types
from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.declared.specs import PolicySpec, QueueSpec
from bizops.providers.rabbitmq.live import effective_settings, queue_state
from bizops.providers.rabbitmq.live.effective_settings import Policy, Subject
from bizops.providers.rabbitmq.live.vhost_settings import CLASSIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bizops.resource import Path, Resource

_NEWEST = (4, 0)
_DECISIVE = frozenset({"type", "vhost", "external", "pattern", "apply_to"})
"""Without these nobody can say what else of an entry is right."""


def check(resources: Sequence[Resource], settings: object) -> Iterable[Finding]:
    """Give faults and warnings, in the order of the resources."""
    del settings
    sound = [r for r in resources if r.unread.isdisjoint(_DECISIVE)]
    queues = [r for r in sound if isinstance(r.spec, QueueSpec) and not r.external]
    policies = [r for r in sound if isinstance(r.spec, PolicySpec)]
    for resource in sound:
        if isinstance(resource.spec, QueueSpec) and not resource.external:
            for path, problem, is_warning in _queue(resource.spec):
                yield Finding(resource.address, path, problem, is_warning)
        elif isinstance(resource.spec, PolicySpec):
            yield from _policy(resource, queues, policies)


def _queue(spec: QueueSpec) -> Iterator[tuple[Path, str, bool]]:
    """Give faults and warnings. Whether arguments fit a type that is not declared is for the plan to say."""
    queue_type = spec.type or CLASSIC
    for path, problem in queue_types.conflicts(spec, queue_type):
        if spec.type is not None or path[0] != "arguments":
            yield path, problem, False
    yield from _without_effect(spec, queue_type)


def _without_effect(spec: QueueSpec, queue_type: str) -> Iterator[tuple[Path, str, bool]]:
    dead_letter = spec.dead_letter
    is_at_least_once = dead_letter is not None and dead_letter.strategy == "at-least-once"
    is_limited = spec.max_length is not None or spec.max_length_bytes is not None
    if spec.overflow and not (is_limited or is_at_least_once):
        text = "overflow does nothing without max_length or max_length_bytes"
        yield ("overflow",), text, True
    if queue_type == "quorum" and is_at_least_once and spec.overflow != "reject-publish":
        text = "at-least-once needs overflow: reject-publish, or it is at-most-once all the same"
        yield ("dead_letter", "strategy"), text, True
    if queue_type == "quorum" and spec.delivery_limit is not None and dead_letter is None:
        text = "without dead_letter, a message delivered more often is dropped"
        yield ("delivery_limit",), text, True


def _policy(
    resource: Resource, queues: Sequence[Resource], policies: Sequence[Resource]
) -> Iterator[Finding]:
    address, policy = resource.address, _as_policy(resource)
    if not effective_settings.is_understood(policy):
        text = "this pattern cannot be read here, so nobody can say which queues it matches"
        yield Finding(address, ("pattern",), text, is_warning=True)
        return
    for other in queues:
        if other.address.scope != address.scope or not _is_meant(policy, other):
            continue
        name, spec = other.address.name, other.spec
        assert isinstance(spec, QueueSpec)  # noqa: S101 - filtered by the caller
        subject = _subject(other)
        own = sorted(queue_state.policy_part(name, spec))
        unknown = sorted(policy.keys & effective_settings.unsupported(subject.type, _NEWEST))
        if unknown:
            text = (
                f"is passed over whole for queue {name}: a {subject.type} queue does not know "
                f"{', '.join(unknown)}"
            )
            yield Finding(address, ("definition",), text, is_warning=True)
        elif own:
            fields_of = ", ".join(".".join(setting_keys.PATH_OF_KEY[key]) for key in own)
            text = (
                f"matches queue {name}, which has settings of its own ({fields_of}), and only one policy "
                "applies to a queue: leave it out of the pattern, or move its settings here"
            )
            yield Finding(address, ("pattern",), text)
        for rival in policies:
            if rival.address > address and _ties(policy, rival, other):
                text = f"ties with policy {rival.address.name} on queue {name}: which wins cannot be said"
                yield Finding(address, ("priority",), text, is_warning=True)


def _ties(policy: Policy, rival: Resource, queue: Resource) -> bool:
    other = _as_policy(rival)
    return (
        rival.address.scope == queue.address.scope
        and other.priority == policy.priority
        and effective_settings.is_applicable(other, _subject(queue))
    )


def _is_meant(policy: Policy, queue: Resource) -> bool:
    """True where pattern and apply_to mean this queue, whatever its type makes of the keys."""
    return effective_settings.is_applicable(
        Policy(policy.name, policy.pattern, policy.apply_to, policy.priority, ()), _subject(queue)
    )


def _subject(queue: Resource) -> Subject:
    spec = queue.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - filtered by the caller
    pairs = field_types.freeze(queue_state.arguments(queue.address.name, spec))
    return Subject(queue.address.name, spec.type or CLASSIC, pairs, _NEWEST)


def _as_policy(resource: Resource) -> Policy:
    spec = resource.spec
    assert isinstance(spec, PolicySpec)  # noqa: S101 - filtered by the caller
    name = resource.address.name
    return Policy(name, spec.pattern, spec.apply_to, spec.priority, spec.definition)
