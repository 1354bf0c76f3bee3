"""What the `rabbitmq` section may hold: exchanges, queues, bindings and policies, as their specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, field_validator

from bizops.providers.rabbitmq.declared import known_values, setting_keys
from bizops.providers.rabbitmq.declared.field_types import (
    Arguments,
    Count,
    DurationField,
    Flag,
    Name,
    Pairs,
    SizeField,
)
from bizops.resource import Spec

if TYPE_CHECKING:
    from bizops.resource import Path

MAX_TTL = 315_360_000_000
"""Milliseconds: ten years. The broker refuses a longer argument (3.10.8 and 4.0.5); policies it lets pass."""
MAX_LONG = (1 << 63) - 1
"""The largest number that an AMQP table holds."""
OWN_NAME = "<queue>"
"""The dead-letter routing key where none is declared: the queue's own name."""

QueueType = Literal["classic", "quorum", "stream"]
SettingsIn = Literal["policy", "arguments"]
Vhost = Annotated[str | None, Field(min_length=1, description="The vhost, if not the section's.")]
External = Annotated[Flag, Field(description="It must exist already, and is never written.")]


class Settings(Spec):
    """The section's own keys."""

    vhost: Name = Field(default="/", description="The vhost of everything that names none.")
    policy_priority: Count = Field(
        default=100,
        description="The priority of derived policies; foreign ones must stay below it.",
    )


class ExchangeSpec(Spec):
    """An exchange. Every setting is fixed when it is declared."""

    type: Name | None = Field(
        default=None,
        description="direct (the default), fanout, topic, headers, or a plugin's type.",
    )
    durable: Flag | None = Field(default=None, description="Survives a restart; true when created.")
    auto_delete: Flag | None = Field(default=None, description="Goes with its last binding.")
    internal: Flag | None = Field(
        default=None, description="Publishers cannot use it, only exchanges."
    )
    arguments: Arguments | None = Field(
        default=None, description="Arguments such as alternate-exchange, by name."
    )
    vhost: Vhost = None
    external: External = False

    @field_validator("arguments")
    @classmethod
    def _has_known_values(cls, value: Pairs | None) -> Pairs | None:
        return _of_known_values(value)

    def fields(self) -> dict[Path, Any]:
        """Give one path for each argument."""
        return _fields(self, ("type", "durable", "auto_delete", "internal"))


class DeadLetter(BaseModel):
    """Where messages go that expire, are rejected, or are dropped by a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    exchange: str = Field(description='The dead-letter exchange; "" is the default exchange.')
    routing_key: str | None = Field(
        default=None,
        description="The key they get. Left out: the queue's name, and `<queue>.dlq` with its binding follows.",
    )
    strategy: known_values.Strategy | None = Field(
        default=None,
        description="Quorum queues only: at-least-once also needs overflow: reject-publish.",
    )
    settings_in: SettingsIn = Field(
        default="arguments",
        description="policy lets it change in place; arguments is fixed with the queue.",
    )


class QueueSpec(Spec):
    """A queue. What it is stands in its arguments, what may change in policies derived from it."""

    type: QueueType | None = Field(
        default=None, description="classic, quorum or stream; left out, the default of the vhost."
    )
    durable: Flag | None = Field(default=None, description="Survives a restart; true when created.")
    auto_delete: Flag | None = Field(default=None, description="Goes with its last consumer.")
    max_priority: Annotated[Count, Field(ge=1, le=255)] | None = Field(
        default=None,
        description="How many priorities a classic queue keeps apart: 1 to 255, better below 10.",
    )
    single_active_consumer: Flag | None = Field(
        default=None, description="Only one consumer at a time gets messages."
    )
    dead_letter: DeadLetter | None = Field(
        default=None, description="Where messages go that expire, are rejected or dropped."
    )
    message_ttl: Annotated[DurationField, Field(ge=0, le=MAX_TTL)] | None = Field(
        default=None,
        description="How long a message may wait, from when it is published, such as 1h.",
    )
    expires: Annotated[DurationField, Field(ge=1, le=MAX_TTL)] | None = Field(
        default=None,
        description="The queue is deleted when nobody has used it for so long, such as 7d.",
    )
    max_length: Annotated[Count, Field(ge=0, le=MAX_LONG)] | None = Field(
        default=None, description="How many messages may wait."
    )
    max_length_bytes: Annotated[SizeField, Field(ge=0, le=MAX_LONG)] | None = Field(
        default=None, description="How many bytes of messages may wait, such as 64MiB."
    )
    overflow: known_values.Overflow | None = Field(
        default=None,
        description="What happens beyond a limit: drop-head, reject-publish, reject-publish-dlx.",
    )
    delivery_limit: Annotated[Count, Field(ge=-1, le=MAX_LONG)] | None = Field(
        default=None,
        description="Quorum queues: deliveries before a message is dropped; -1 is no limit (4.0).",
    )
    settings_in: SettingsIn = Field(
        default="policy",
        description="Where TTL, limits and overflow are written: a derived policy, or fixed arguments.",
    )
    arguments: Arguments | None = Field(
        default=None, description="Further arguments, such as x-queue-mode, by name."
    )
    vhost: Vhost = None
    external: External = False

    @field_validator("arguments")
    @classmethod
    def _no_second_way(cls, value: Pairs | None) -> Pairs | None:
        twice = [key for key, _ in value or () if key in setting_keys.FIELD_OF_ARGUMENT]
        if twice:
            raise ValueError(
                ", ".join(
                    f"{key} has a field of its own: {setting_keys.FIELD_OF_ARGUMENT[key]}"
                    for key in twice
                )
            )
        return _of_known_values(value)

    def fields(self) -> dict[Path, Any]:
        """Give one path for each part of `dead_letter` and each argument."""
        names = ("type", "durable", "auto_delete", "max_priority", "single_active_consumer")
        found = _fields(self, (*names, *setting_keys.TUNABLES))
        if self.dead_letter is not None:
            found[("dead_letter", "exchange")] = self.dead_letter.exchange
            key = self.dead_letter.routing_key
            if key is not None or self.dead_letter.exchange:
                found[("dead_letter", "routing_key")] = OWN_NAME if key is None else key
            if self.dead_letter.strategy is not None:
                found[("dead_letter", "strategy")] = self.dead_letter.strategy
        return found


class BindingSpec(Spec):
    """A binding of a queue to an exchange. All of it is its identity."""

    exchange: Name = Field(description="The exchange that messages come from.")
    queue: Name = Field(description="The queue that they go to.")
    routing_key: str = Field(
        default="", description="The routing key, or pattern for a topic exchange."
    )
    arguments: Arguments = Field(
        default=(), description="Arguments, such as those of a headers exchange."
    )
    vhost: Vhost = None

    @field_validator("arguments")
    @classmethod
    def _has_known_values(cls, value: Pairs) -> Pairs:
        return _of_known_values(value) or ()

    def fields(self) -> dict[Path, Any]:
        """Give its parts, so that a plan shows them."""
        return _fields(self, ("exchange", "queue", "routing_key"))


def _of_known_values(value: Pairs | None) -> Pairs | None:
    """Raise ValueError where the broker would refuse the value of an argument."""
    if found := known_values.problems(value or ()):
        raise ValueError(found)
    return value


def _definition(value: object) -> Pairs:
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict) or not value:
        message = "must be a map of policy keys to values, with one at least"
        raise ValueError(message)
    if problems := [problem for key in value if (problem := setting_keys.problem(key, value[key]))]:
        raise ValueError("; ".join(problems))
    return setting_keys.freeze(value)


class PolicySpec(Spec):
    """A policy of your own. Those that carry a queue's settings are derived, and are not declared."""

    pattern: Name = Field(description="A regular expression over names of queues and exchanges.")
    apply_to: Literal[
        "all", "queues", "exchanges", "classic_queues", "quorum_queues", "streams"
    ] = Field(
        default="all", description="What it applies to; single queue types need RabbitMQ 3.12."
    )
    priority: Count = Field(
        default=0, description="Of all policies that match, only the highest applies."
    )
    definition: Annotated[
        Pairs, BeforeValidator(_definition), WithJsonSchema({"type": "object"})
    ] = Field(description="RabbitMQ's policy keys; durations and sizes may have units.")
    vhost: Vhost = None

    def fields(self) -> dict[Path, Any]:
        """Give one path for each key of the definition."""
        plain = _fields(self, ("pattern", "apply_to", "priority"))
        return plain | {("definition", key): value for key, value in self.definition}


def _fields(spec: Spec, names: tuple[str, ...]) -> dict[Path, Any]:
    found: dict[Path, Any] = {
        (name,): value for name in names if (value := getattr(spec, name)) is not None
    }
    for key, value in getattr(spec, "arguments", None) or ():
        found[("arguments", key)] = value
    return found
