"""The keys of policies and arguments, and which field of a queue each stands for.

Sources: RabbitMQ's documentation of queues and policies, and `rabbit_policies.erl` of 3.10 to 4.x.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import field_types, known_values
from bizops.quantity import Duration, Size, not_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.rabbitmq.declared.field_types import Pairs
    from bizops.resource import Path

TUNABLES = (
    "message_ttl",
    "expires",
    "max_length",
    "max_length_bytes",
    "overflow",
    "delivery_limit",
)
"""The fields of a queue that are written as a derived policy, unless `settings_in` says otherwise."""

POLICY_KEY: dict[Path, str] = {
    **{(name,): name.replace("_", "-") for name in TUNABLES},
    ("dead_letter", "exchange"): "dead-letter-exchange",
    ("dead_letter", "routing_key"): "dead-letter-routing-key",
    ("dead_letter", "strategy"): "dead-letter-strategy",
}
PATH_OF_KEY = {key: path for path, key in POLICY_KEY.items()}

IDENTITY: dict[Path, str] = {
    ("type",): "x-queue-type",
    ("max_priority",): "x-max-priority",
    ("single_active_consumer",): "x-single-active-consumer",
}
"""The fields that can only be arguments."""

FIELD_OF_ARGUMENT = {
    **{argument: ".".join(path) for path, argument in IDENTITY.items()},
    **{f"x-{key}": ".".join(path) for path, key in POLICY_KEY.items()},
}

_DURATIONS = frozenset({"message-ttl", "expires", "consumer-timeout"})
_SIZES = frozenset({"max-length-bytes", "stream-max-segment-size-bytes", "max-in-memory-bytes"})
_COUNTS = frozenset({"max-length", "delivery-limit", "max-in-memory-length", "target-group-size"})


def typed(key: str, value: Any) -> Any:  # noqa: ANN401 - a policy value is any JSON
    """Give a policy's value the type that its key calls for; plain numbers are the broker's own units.

    Raises ValueError where a text with a unit cannot be read.
    """
    if isinstance(value, str) and field_types.WHOLE.fullmatch(value.strip()):
        value = int(value) if key in _DURATIONS | _SIZES | _COUNTS else value
    if isinstance(value, bool | float | dict | list):
        return value
    if key in _DURATIONS:
        return Duration.parse(value) if isinstance(value, str) else Duration(value)
    if key in _SIZES:
        return Size.parse(value) if isinstance(value, str) else Size(value)
    return value


def problem(key: str, value: Any) -> str:  # noqa: ANN401 - whatever YAML gives
    """Say why the broker would refuse a declared value of a key, or ""."""
    if key not in _DURATIONS | _SIZES | _COUNTS:
        return known_values.problem(key, value)
    if not isinstance(value, int | str) or isinstance(value, bool):
        return f"{key}: {not_whole(value)}"
    try:
        found = typed(key, value)
    except ValueError as error:
        return f"{key}: {error}"
    if not isinstance(found, int):
        return f"{key}: {not_whole(value)}"
    return known_values.problem(key, found)


def freeze(definition: Mapping[str, Any]) -> Pairs:
    """Give a policy's definition as sorted pairs of typed values."""
    return field_types.freeze({key: typed(key, value) for key, value in definition.items()})
