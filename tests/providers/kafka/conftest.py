"""A real cluster, names of our own, and witnesses that are not the provider."""

from __future__ import annotations

import gc
import itertools
import os
import random
import socket
import time
import uuid
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from bizops.provider import Options, Provider, Scope
from bizops.providers.kafka import DEFINITION, TOPIC
from bizops.resource import Resource
from stack.addresses import read_addresses
from stack.containers import ensure_container, remove_containers, remove_volumes
from stack.debian import RootFileSystems
from stack.engine import connect as connect_engine
from stack.errors import StackError
from stack.health import ask
from stack.images import Images
from stack.names import own_name
from stack.network import ensure_network, remove_network
from stack.parts import list_parts
from stack.report import Report, Step
from stack.servers import Server, list_servers
from stack.settings import load_settings
from stack.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.parts.model import Part

SERVERS = read_addresses(os.environ).bootstrap
LOOKS = 3


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
        for server in SERVERS.split(","):
            await_override(server, name, key, value)

    return _override


def await_override(server: str, name: str, key: str, value: str) -> None:
    """Wait until a broker has a config: each takes it over in its own time.

    It is asked with a client that has not met the others yet, several times, as that may ask another one.
    """
    end, in_a_row = time.monotonic() + 30, 0
    while in_a_row < LOOKS:
        asked = ConfigResource(ConfigResource.Type.TOPIC, name)
        client = AdminClient({"bootstrap.servers": server})
        found = client.describe_configs([asked])[asked].result()[key].value
        in_a_row = in_a_row + 1 if found == value else 0
        assert time.monotonic() < end, f"{server} never had {key} {value} of {name}"
        time.sleep(0.05)


_START = 300.0
"""Seconds in which three brokers start where other tests load the machine."""


class OwnBrokers:
    """Three brokers that a test may kill, freeze and cut off, numbered from 1."""

    def __init__(self, servers: list[Server]) -> None:
        self._servers = servers

    def __getitem__(self, number: int) -> Server:
        return self._servers[number - 1]

    def addresses(self, *numbers: int) -> str:
        """Give the bootstrap servers, in this order; all of them without numbers."""
        return ",".join(f"127.0.0.1:{self[n].port(9092)}" for n in numbers or (1, 2, 3))

    def heal(self) -> None:
        """Bring all back and wait until every replica is in sync."""
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline:
            for server in self._servers:
                state = server.state()
                if state == "paused":
                    server.unpause()
                elif state != "running":  # also one that gave up waiting for the others
                    server.start()
            if all(ask(server.part).is_healthy for server in self._servers):
                break
            time.sleep(0.5)
        admin = AdminClient({"bootstrap.servers": self.addresses(), "log_level": 0})
        for _ in range(240):
            metadata = admin.list_topics(timeout=30)
            parts = [p for t in metadata.topics.values() for p in t.partitions.values()]
            if len(metadata.brokers) == 3 and all(len(p.isrs) == len(p.replicas) for p in parts):
                return
            time.sleep(0.5)
        pytest.fail("the brokers did not come back")

    def all_see(self, name: str) -> None:
        """Wait until the last two brokers list a topic."""
        admin = AdminClient({"bootstrap.servers": self.addresses(2, 3), "log_level": 0})
        for _ in range(60):
            if name in admin.list_topics(timeout=30).topics:
                return
            time.sleep(0.5)


@pytest.fixture(scope="session")
def _own_brokers() -> Iterator[OwnBrokers]:
    """Start three brokers of this run's own, of the version in BIZOPS_STACK_KAFKA_VERSION.

    With KAFKA_OWN_PREFIX and KAFKA_OWN_PORT, the first of three, they are named so and stay for the next run.
    """
    kept = os.environ.get("KAFKA_OWN_PREFIX", "")
    prefix = kept or f"kafka-own-{uuid.uuid4().hex[:6]}-"
    first = int(os.environ.get("KAFKA_OWN_PORT", "0"))
    ports = [first, first + 1, first + 2] if first else _free_ports(3)
    settings = replace(
        load_settings(os.environ),
        prefix=prefix,
        network=f"{prefix}net",
        kafka_1_port=ports[0],
        kafka_2_port=ports[1],
        kafka_3_port=ports[2],
    )
    report, state, engine = Report(), open_state(os.environ), connect_engine(1800)
    step = Step(report, "brokers")
    images = Images(engine, state, RootFileSystems(state, report))
    try:
        network = (settings.network, ensure_network(engine, settings, step))
        for part in list_parts(settings):
            if part.service == "kafka":
                ensure_container(engine, _patient(part), network, images, step)
        servers = list_servers(settings)
        made = OwnBrokers([servers[f"kafka-{number}"] for number in (1, 2, 3)])
        made.heal()
        yield made
    finally:
        if not kept:
            remove_containers(engine, settings.label, step)
            remove_volumes(engine, settings.label, step)
            remove_network(engine, settings, step)


@pytest.fixture
def brokers(_own_brokers: OwnBrokers) -> Iterator[OwnBrokers]:
    """Give three healthy brokers, and mend afterwards what the test did to them."""
    _own_brokers.heal()
    yield _own_brokers
    _own_brokers.heal()
    # The sockets that kafka-python leaves are told of here, where the test's own filter for that still holds.
    gc.collect()


def _patient(part: Part) -> Part:
    """Let a broker wait longer than a minute for the others: by then a machine full of tests has not started them."""
    text, mode = part.files[_PROPERTIES]
    text += "\ninitial.broker.registration.timeout.ms=300000\n"
    return replace(part, files={**part.files, _PROPERTIES: (text, mode)})


_PROPERTIES = "/etc/kafka/server.properties"


def _free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, below those that Linux gives to clients."""
    found: list[int] = []
    start = random.randrange(25_000, 32_000)  # noqa: S311 - no secret
    with ExitStack() as held:
        for port in itertools.count(start):
            try:
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return found
    return found
