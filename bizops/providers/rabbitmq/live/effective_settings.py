"""What the broker makes of arguments, policies and operator policies; pure.

Source: `rabbit_policy.erl`, `rabbit_amqqueue_process.erl`, `rabbit_quorum_queue.erl` and `rabbit_stream_queue.erl` of
3.10 to 4.x, and trials on 3.10.8 and 4.0.5. The documentation tells a more uniform story; the source wins.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import setting_keys
from bizops.providers.rabbitmq.naming import patterns

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bizops.providers.rabbitmq.declared.field_types import Pairs

Version = tuple[int, int]
KHEPRI_ERA = (4, 0)
SMALLER = frozenset({"message-ttl", "expires", "max-length", "max-length-bytes"})
DEFAULT_DELIVERY_LIMIT = 20
"""Of quorum queues since 4.0, where nothing else is said; unlimited before."""

_LIMITS_IN_MEMORY = frozenset({"max-in-memory-length", "max-in-memory-bytes"})
_MIRRORING = frozenset(
    {
        "ha-mode",
        "ha-params",
        "ha-sync-mode",
        "ha-promote-on-shutdown",
        "ha-promote-on-failure",
        "ha-sync-batch-size",
    }
)
_OF_STREAMS = frozenset({"max-age", "stream-max-segment-size-bytes", "initial-cluster-size"})


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy or operator policy as the broker holds it."""

    name: str
    pattern: str
    apply_to: str
    priority: int
    definition: Pairs

    @property
    def keys(self) -> frozenset[str]:
        """The keys that it sets."""
        return frozenset(key for key, _ in self.definition)


@dataclass(frozen=True, slots=True)
class Subject:
    """A queue as policies see it: its name, its type, its arguments, and the version that judges."""

    name: str
    type: str
    arguments: Pairs
    version: Version


@dataclass(frozen=True, slots=True)
class Setting:
    """A value in force, and where it comes from in the broker's words."""

    value: Any
    origin: str


@functools.cache
def unsupported(queue_type: str, version: Version) -> frozenset[str]:
    """Give the policy keys that a queue type does not know.

    A policy with only one of them is passed over whole for queues of that type, and the next that matches applies.
    """
    if queue_type == "quorum":
        return _MIRRORING | _OF_STREAMS | {"queue-mode", "queue-master-locator"}
    if queue_type == "stream":
        return (
            _MIRRORING
            | _LIMITS_IN_MEMORY
            | {"expires", "message-ttl", "max-length", "overflow", "delivery-limit", "queue-mode"}
            | {"dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy"}
            | {"target-group-size"}
        )
    keys = _OF_STREAMS | {"delivery-limit", "dead-letter-strategy", "target-group-size"}
    if version >= (3, 13):
        keys |= _LIMITS_IN_MEMORY
    if version < KHEPRI_ERA:
        keys |= {"queue-leader-locator"}
    return keys


def is_understood(policy: Policy) -> bool:
    """True where its pattern means the same here as on the broker, which uses PCRE on bytes."""
    return patterns.matcher(policy.pattern) is not None


def is_applicable(policy: Policy, subject: Subject) -> bool:
    """True where the broker considers the policy for this queue: what it applies to, its keys, its pattern.

    The pattern is searched, not anchored. One that cannot be read here never matches.
    """
    scope = policy.apply_to
    if scope not in {"all", "queues", f"{subject.type}_queues", f"{subject.type}s"}:
        return False
    matches = patterns.matcher(policy.pattern)
    if matches is None or not matches(subject.name):
        return False
    return not policy.keys & unsupported(subject.type, subject.version)


def matching(policies: Iterable[Policy], subject: Subject) -> tuple[Policy, ...]:
    """Give the policies that the broker considers, the winner first; which of equals wins cannot be predicted."""
    found = (policy for policy in policies if is_applicable(policy, subject))
    return tuple(sorted(found, key=lambda policy: (-policy.priority, policy.name)))


def in_force(
    subject: Subject, policy: Policy | None, operator: Policy | None
) -> dict[str, Setting]:
    """Combine a policy, an operator policy and the arguments into what is in force, by policy key."""
    found = _under_operator(policy, operator)
    arguments = {
        key.removeprefix("x-"): Setting(
            setting_keys.typed(key.removeprefix("x-"), value), "argument"
        )
        for key, value in subject.arguments
        if key.removeprefix("x-") in setting_keys.PATH_OF_KEY
    }
    for key, argument in arguments.items():
        known = found.get(key)
        found[key] = argument if known is None else _with_argument(key, argument, known, subject)
    _fill_defaults(found, subject)
    return found


def _under_operator(policy: Policy | None, operator: Policy | None) -> dict[str, Setting]:
    found: dict[str, Setting] = {}
    if policy is not None:
        found = {k: Setting(v, f"policy {policy.name}") for k, v in policy.definition}
    for key, value in operator.definition if operator is not None else ():
        setting = Setting(value, f"operator policy {operator.name if operator else ''}")
        known = found.get(key)
        found[key] = setting if known is None else _stricter(key, known, setting)
    return found


def _stricter(key: str, policy: Setting, operator: Setting) -> Setting:
    if key in SMALLER:
        return policy if policy.value <= operator.value else operator
    if key == "delivery-limit":
        return _limit(policy, operator)
    return operator


def _limit(first: Setting, second: Setting) -> Setting:
    """A negative delivery limit means none, so then the larger one counts."""
    if first.value < 0 or second.value < 0:
        return first if first.value >= second.value else second
    return first if first.value <= second.value else second


def _with_argument(key: str, argument: Setting, policy: Setting, subject: Subject) -> Setting:
    if subject.type == "stream":
        return policy
    if key == "expires" and subject.type == "quorum" and subject.version < KHEPRI_ERA:
        return policy
    if key in SMALLER:
        return argument if argument.value <= policy.value else policy
    if key == "delivery-limit":
        return _limit(argument, policy)
    if key == "overflow" and subject.type == "quorum":
        return policy
    return argument


def _fill_defaults(found: dict[str, Setting], subject: Subject) -> None:
    if subject.type != "stream":
        found.setdefault("overflow", Setting("drop-head", "broker default"))
    if subject.type == "quorum" and subject.version >= KHEPRI_ERA:
        found.setdefault("delivery-limit", Setting(DEFAULT_DELIVERY_LIMIT, "broker default"))
