"""RabbitMQ 3.10 to 4.x: exchanges, queues, bindings and policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import Definition, Options
from bizops.providers.rabbitmq import versions
from bizops.providers.rabbitmq.changes import checks, kinds
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.declared.specs import Settings
from bizops.providers.rabbitmq.naming.names import PROVIDER
from bizops.providers.rabbitmq.policies import derived_policies

if TYPE_CHECKING:
    from bizops.provider import Provider


def _connect(connection: Connection, settings: Settings, options: Options) -> Provider:
    from bizops.providers.rabbitmq.failover import (  # noqa: PLC0415 - imports the HTTP client
        Failover,
    )

    return Failover(connection, settings, options)


DEFINITION = Definition(
    name=PROVIDER,
    kinds=kinds.KINDS,
    connection=Connection,
    settings=Settings,
    connect=_connect,
    check=checks.check,
    derive=derived_policies.derive,
    versions=versions.VERSIONS,
    near_names={
        "ttl": "message_ttl (messages)? The life of the queue itself is expires.",
        "x-message-ttl": "message_ttl",
        "priority": "max_priority",
        "x-max-priority": "max_priority",
        "max-priority": "max_priority",
        "dlx": "dead_letter: {exchange: NAME}",
        "dlq": "dead_letter: {exchange: NAME}",
        "dead_letter_exchange": "dead_letter: {exchange: NAME}",
        "length": "max_length",
        "key": "routing_key",
        "source": "exchange",
        "destination": "queue",
        "args": "arguments",
        "single_active": "single_active_consumer",
        "max_delivery": "delivery_limit",
        "apply-to": "apply_to",
    },
)
