"""A real cluster, names of our own, and witnesses that are not the provider."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from bizops.provider import Options, Provider, Scope
from bizops.providers.kafka import DEFINITION, TOPIC
from bizops.resource import Resource
from stack.addresses import read_addresses
from stack.errors import StackError
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.servers import Server

SERVERS = read_addresses(os.environ).bootstrap


@pytest.fixture
def connect() -> Iterator[Callable[..., Provider]]:
    """Give a function that connects: servers, seconds, and librdkafka's settings."""
    made: list[Provider] = []

    def _connect(servers: str = SERVERS, timeout: float = 30, **settings: Any) -> Provider:
        given = {"bootstrap.servers": servers}
        given |= {key.replace("__", "."): value for key, value in settings.items()}
        connection = DEFINITION.connection.model_validate(given)
        live = DEFINITION.connect(connection, DEFINITION.settings(), Options(timeout=timeout))
        made.append(live)
        return live

    yield _connect
    for live in made:
        live.close()


@pytest.fixture
def live(connect: Callable[..., Provider]) -> Provider:
    """Give a provider connected to the local cluster."""
    return connect()


@pytest.fixture
def admin() -> AdminClient:
    """Give a client of the tests' own."""
    return AdminClient({"bootstrap.servers": SERVERS})


@pytest.fixture
def prefix(admin: AdminClient) -> Iterator[str]:
    """Give a beginning for names of this test's own; whatever begins so is gone afterwards."""
    mine = f"{own_name()}."
    yield mine
    left = [name for name in admin.list_topics(timeout=30).topics if name.startswith(mine)]
    for future in admin.delete_topics(left).values() if left else ():
        try:
            future.result()
        except KafkaException as error:
            cause: Any = error.args[0]
            if cause.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise


@pytest.fixture
def scope(prefix: str) -> Scope:
    """Give a scope with a topology name of its own that owns the test's names."""
    return Scope(prefix, owns=(("topic", (f"{prefix}*",)),))


@pytest.fixture
def topic(prefix: str) -> Callable[..., Resource]:
    """Give a function that declares a topic: the end of its name, and its spec."""

    def _topic(name: str, **spec: Any) -> Resource:
        made = TOPIC.spec.model_validate(spec)
        return Resource(TOPIC.address(f"{prefix}{name}", made, None), made)

    return _topic


@pytest.fixture
def described(servers: dict[str, Server]) -> Callable[[str], str]:
    """Give a function that asks Kafka's own TopicCommand about names that match a pattern."""

    def _described(pattern: str) -> str:
        try:
            said = servers["kafka-1"].run("kafka-topics", "--describe", "--topic", pattern)
        except StackError:
            return ""  # no topic has such a name
        return "\n".join(sorted(said.splitlines()))

    return _described


@pytest.fixture
def overrides(admin: AdminClient) -> Callable[[str], dict[str, str]]:
    """Give a function that reads what is set on a topic itself."""

    def _overrides(name: str) -> dict[str, str]:
        asked = ConfigResource(ConfigResource.Type.TOPIC, name)
        entries: dict[str, Any] = admin.describe_configs([asked])[asked].result()
        return {key: entry.value for key, entry in sorted(entries.items()) if entry.source == 1}

    return _overrides


@pytest.fixture
def override(admin: AdminClient) -> Callable[[str, str, str], None]:
    """Give a function that sets a config behind the provider's back: topic, key, value."""

    def _override(name: str, key: str, value: str) -> None:
        entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=[entry])
        admin.incremental_alter_configs([asked])[asked].result()
        time.sleep(0.5)  # every broker takes it over in its own time

    return _override
