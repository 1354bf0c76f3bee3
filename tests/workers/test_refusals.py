"""What Kafka or RabbitMQ refuses for good waits aside for a person, and the rest flows on (W3)."""

from __future__ import annotations

import json
import struct
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)

from stack.names import own_name
from workers.amqp.properties import Properties
from workers.events.follower import find_ends

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.workers.conftest import Site

pytestmark = pytest.mark.integration
QUEUE, DLQ = "auto_orders", "auto_orders.dlq"
OUTBOX, REFUSED = "events.outbox", "events.outbox.dlq"

AGENT = '''\
"""Tells completions in a topic of its own, and waits for others no longer than a test does."""

import os
import sys

from workers import logs
from workers.agents.order import OrderWorker
from workers.configuration.settings import load_settings
from workers.engine.interface import Answer
from workers.events import envelopes, producer
from workers.protocol.usage import Usage
from workers.tasks import publishing

topic = os.environ.pop("TEST_TOPIC")
envelopes._TYPES[topic] = envelopes._TYPES.pop(envelopes.COMPLETIONS)
envelopes.COMPLETIONS = topic
producer.TOPICS = tuple(envelopes._TYPES)
producer.MISSING_SECONDS = 2
producer.PROBE_PAUSE = 1
publishing.REFUSED_SECONDS = 5


class Answering(OrderWorker):
    def process_task(self, task, deadline):
        if task.description == "exit":
            sys.exit("no way")
        text = "x" * 5000 if task.description == "large" else "small"
        return Answer(text, "stub/none", Usage())


settings = load_settings(os.environ)
logs.configure(settings.log_level, settings.redactor())
code = Answering(settings).start()
sys.stdout.flush()
os._exit(code)
'''
LIMITS = {"LLM_TIMEOUT": "1s", "SOFT_TIME_LIMIT": "2s", "HARD_TIME_LIMIT": "3s"}


@pytest.fixture
def admin(site: Site) -> AdminClient:
    return AdminClient({"bootstrap.servers": site.addresses.bootstrap})


@pytest.fixture
def topic(admin: AdminClient) -> Iterator[str]:
    """Make the topic of the completions, for records of 3,000 bytes at most."""
    name = own_name()
    make(admin, name)
    yield name
    if name in admin.list_topics(timeout=30).topics:
        admin.delete_topics([name])[name].result()


def make(admin: AdminClient, name: str) -> None:
    admin.create_topics([NewTopic(name, 1, 3, config={"max.message.bytes": "3000"})])[name].result()


@pytest.fixture
def port(
    site: Site,
    topic: str,
    worker: Callable[..., subprocess.Popen[str]],
    unused_port: Callable[[], int],
) -> int:
    """Start a worker of one slot; gives the port of its health."""
    script = site.folder / "agent.py"
    script.write_text(AGENT)
    found = unused_port()
    worker(
        "order",
        (str(script),),
        TEST_TOPIC=topic,
        HEALTH_PORT=str(found),
        MAX_ATTEMPTS="1",
        **LIMITS,
    )
    return found


def task(name: str, description: str) -> bytes:
    return json.dumps({"id": name, "description": description, "expected_output": "x"}).encode()


def wait_for(site: Site, queue: str, count: int) -> None:
    end = time.monotonic() + 60
    while site.channel.queue_declare(queue, passive=True).method.message_count != count:
        assert time.monotonic() < end, f"{queue} never held {count}"
        site.channel.connection.sleep(0.1)


def completed(site: Site, topic: str, tasks: set[str]) -> None:
    """Wait until each of these tasks is completed on the topic."""
    consumer = Consumer(
        {
            "bootstrap.servers": site.addresses.bootstrap,
            "group.id": own_name(),
            "auto.offset.reset": "earliest",
        }
    )
    places = find_ends(consumer, (topic,))
    for place in places:
        place.offset = 0
    consumer.assign(places)
    seen: set[str] = set()
    end = time.monotonic() + 60
    while not tasks <= seen:
        assert time.monotonic() < end, tasks - seen
        message = consumer.poll(1)
        if message and not message.error():
            seen.add((message.key() or b"").decode())
    consumer.close()


def metric(port: int, beginning: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))


def test_w3_an_event_that_is_too_large_waits_aside_and_can_be_put_back(
    site: Site, admin: AdminClient, topic: str, port: int
) -> None:
    # Given an answer whose event Kafka refuses, one more that waits in the outbox, and sound ones behind both
    large, small, waiting = (f"{own_name()}-{kind}" for kind in ("large", "small", "waiting"))
    site.put(QUEUE, task(large, "large"))
    site.put(QUEUE, task(small, "small"))
    event = json.dumps({"id": f"e-{waiting}", "data": "x" * 5000}).encode()
    site.put(OUTBOX, event, headers={"topic": topic, "key": waiting})
    site.put(OUTBOX, b"{}", headers={"topic": topic, "key": small})
    site.put(OUTBOX, b"no event", headers={"topic": 7})

    # When they are told
    completed(site, topic, {small})
    wait_for(site, REFUSED, 3)

    # Then what is refused is listed with the reason, and counted; nothing else waits
    wait_for(site, OUTBOX, 0)
    wait_for(site, QUEUE, 0)
    listed = site.dlq("list", "events", "--format", "json").json()["dead_letters"]
    assert {(letter["reason"], letter["error_class"]) for letter in listed} == {
        ("refused", "too_large"),
        ("refused", "no_event"),
    }
    assert f"e-{waiting}" in {letter["id"] for letter in listed}
    assert metric(port, "agent_worker_events_refused_total{") == 3
    shown = site.dlq("show", "events", f"e-{waiting}")
    assert f"topic: {topic}" in shown.out
    assert "Message size too large" in shown.out

    # And once the topic takes it, a person puts it back
    resource = ConfigResource(
        ConfigResource.Type.TOPIC,
        topic,
        incremental_configs=[
            ConfigEntry("max.message.bytes", "100000", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin.incremental_alter_configs([resource])[resource].result()
    ids = [letter["id"] for letter in listed if letter["error_class"] == "too_large"]
    replayed = site.dlq("replay", "events", *ids)
    assert replayed.code == 0, replayed.err
    completed(site, topic, {large, waiting})


def test_w3_no_message_in_the_outbox_holds_up_those_behind_it(
    site: Site, topic: str, port: int
) -> None:
    """Its headers may hold anything, and its topic may be nobody's."""
    # Given messages that are no events, and a sound one behind them
    name = own_name()
    broken = b"S" + struct.pack(">I", 2) + b"\xff\xfe"
    odd = [
        Properties({b"topic": broken, b"key": broken}),
        Properties({b"topic": b"T" + struct.pack(">Q", 1_764_000_000_000)}),
        Properties(headers={"topic": own_name(), "key": "k"}),
        Properties(headers={"topic": "no topic's name", "key": "k"}),
        Properties(headers={"topic": topic, "key": ""}),
    ]
    for properties in odd:
        site.channel.basic_publish("", OUTBOX, b"{}", properties, mandatory=True)
    site.put(OUTBOX, b"{}", headers={"topic": topic, "key": name})

    # When they are relayed
    completed(site, topic, {name})

    # Then they wait aside, each with its reason, and the metrics can be read
    wait_for(site, OUTBOX, 0)
    wait_for(site, REFUSED, len(odd))
    listed = site.dlq("list", "events", "--format", "json").json()["dead_letters"]
    assert sorted(letter["error_class"] for letter in listed) == [
        "invalid_topic",
        "no_event",
        "no_event",
        "no_event",
        "unknown_topic",
    ]
    assert metric(port, "agent_worker_events_refused_total{") == len(odd)


def test_w3_a_topic_that_stays_missing_holds_up_no_other(
    site: Site, admin: AdminClient, topic: str, port: int
) -> None:
    # Given a topic that somebody has deleted
    admin.delete_topics([topic])[topic].result()
    name = own_name()

    # When a task ends
    site.put(QUEUE, task(name, "small"))

    # Then its completion waits aside, its other events do not, and it is told once the topic is there again
    wait_for(site, REFUSED, 1)
    wait_for(site, OUTBOX, 0)
    (letter,) = site.dlq("list", "events", "--format", "json").json()["dead_letters"]
    assert letter["error_class"] == "unknown_topic"
    assert metric(port, "agent_worker_events_refused_total{") == 1
    make(admin, topic)
    end = time.monotonic() + 60
    while site.channel.queue_declare(REFUSED, passive=True).method.message_count:
        # It is refused again until the worker has seen the topic
        assert time.monotonic() < end
        assert site.dlq("replay", "events", "--all").code == 0
        site.channel.connection.sleep(2)
    completed(site, topic, {name})


def test_w3_a_dead_letter_queue_that_is_full_costs_no_run_and_no_worker(
    site: Site, topic: str, port: int
) -> None:
    # Given a dead-letter queue that takes no more, and a task that ends there after its hard time limit
    limits = {"max-length": 1, "overflow": "reject-publish"}
    policy = {
        "pattern": "^auto_orders\\.dlq$",
        "definition": limits,
        "priority": 100,
        "apply-to": "queues",
    }
    site.manage("PUT", f"policies/{site.vhost}/full", policy)
    try:
        site.put(DLQ, b"the one that it takes")
        failing, good = own_name(), own_name()
        site.put(QUEUE, task(failing, "exit"))
        site.put(QUEUE, task(good, "small"))

        # When it is refused there
        completed(site, topic, {good})

        # Then it waits in the longest tier, the worker lives, and the next task was done
        wait_for(site, "retry.10m", 1)
        assert metric(port, "agent_worker_publishes_refused_total{") == 1
        ((properties, body),) = site.drain("retry.10m")
        assert json.loads(body)["id"] == failing
        assert properties.headers["is_dead"] is True
    finally:
        site.manage("DELETE", f"policies/{site.vhost}/full")

    # And when it comes back, it is not run again, and lies where it should
    runs = metric(port, "agent_worker_run_seconds_count")
    site.drain(DLQ)
    site.channel.basic_publish("", QUEUE, body, properties, mandatory=True)
    wait_for(site, DLQ, 1)
    ((properties, body),) = site.drain(DLQ)
    assert (properties.headers["reason"], properties.headers["error"]) == (
        "permanent",
        "SystemExit: no way",
    )
    assert "is_dead" not in properties.headers
    assert metric(port, "agent_worker_run_seconds_count") == runs
