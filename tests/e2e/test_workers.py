"""The whole path: bizops deploys fourteen replicas of the image, and tasks go through CrewAI agents to Kafka.

The model is the stack's own stub, which counts the requests of each task. The vhost and the services are this test's
own; the topics are everybody's, so events are found by their tasks.
"""

from __future__ import annotations

import collections
import json
import os
import time
import urllib.request
import uuid
from typing import TYPE_CHECKING, Any

import pika
import pytest
from confluent_kafka import Consumer

from workers.events.follower import find_ends

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


pytestmark = [pytest.mark.integration, pytest.mark.disruptive, pytest.mark.timeout(900)]

QUEUES = {
    "agent-orders": "auto_orders",
    "agent-support": "auto_support_tickets",
    "agent-marketing": "auto_marketing",
}
REPLICAS = {"agent-orders": 4, "agent-support": 6, "agent-marketing": 4}
TOPICS = ("ai.completions", "ai.errors", "audit.trail", "analytics.metrics")
PATIENCE = 240


class Records:
    """The events of the topics from now on, by topic and task."""

    def __init__(self, brokers: str) -> None:
        self._consumer = Consumer({"bootstrap.servers": brokers, "group.id": str(uuid.uuid4())})
        self._consumer.assign(find_ends(self._consumer, TOPICS))
        self._found: dict[tuple[str, str], dict[str, Any]] = {}

    def read_until(self, done: Callable[[Records], bool], seconds: float = PATIENCE) -> None:
        """Take what comes until it is enough; a test fails that waits for too long."""
        deadline = time.monotonic() + seconds
        while not done(self):
            assert time.monotonic() < deadline, self.tasks("ai.completions")
            record = self._consumer.poll(0.5)
            if record is not None and record.error() is None:
                event = json.loads(record.value())
                assert record.key().decode() == event["task_id"]
                self._found[record.topic(), event["id"]] = event

    def tasks(self, topic: str) -> collections.Counter[str]:
        """Give how many events of different ids each task has on a topic."""
        return collections.Counter(
            event["task_id"] for (place, _), event in self._found.items() if place == topic
        )

    def of(self, topic: str, task_id: str) -> dict[str, Any]:
        """Give the one event of a task on a topic."""
        (event,) = [
            event
            for (place, _), event in self._found.items()
            if place == topic and event["task_id"] == task_id
        ]
        return event

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()


@pytest.fixture
def records(addresses: Any) -> Iterator[Records]:
    found = Records(addresses.bootstrap)
    yield found
    found.close()


@pytest.fixture
def tag(empty_vhost: str) -> str:
    """Let everything of a test have the name of its vhost."""
    return empty_vhost


@pytest.fixture
def deployed(seed_of_its_own: Callable[..., Any], tag: str) -> Iterator[Callable[..., Any]]:
    """Apply all of it, and take down what is not everybody's: the topics stay."""
    try:
        seed_of_its_own("apply", "-y")
        yield seed_of_its_own
    finally:
        seed_of_its_own("destroy", "-y", "--confirm", tag, "--target", "swarm.*")


def publish(tag: str, queue: str, description: str, priority: int = 5) -> str:
    """Publish a task, confirmed; gives its id."""
    task_id = f"{tag}-{uuid.uuid4().hex[:8]}"
    text = f"{description} [[llm: id={task_id} sleep=1]]"
    task = {"id": task_id, "description": text, "expected_output": "a decision as JSON"}
    send(tag, queue, json.dumps(task).encode(), priority)
    return task_id


def send(tag: str, queue: str, body: bytes, priority: int = 5) -> None:
    """Publish a body as it is, confirmed."""
    parameters = pika.ConnectionParameters("127.0.0.1", virtual_host=tag)
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(
            delivery_mode=2, priority=priority, timestamp=int(time.time())
        )
        channel.basic_publish("", queue, body, properties, mandatory=True)


def calls(task_id: str) -> dict[str, int]:
    """Give what the model counted for a task."""
    with urllib.request.urlopen(f"http://127.0.0.1:8089/calls?id={task_id}", timeout=5) as answer:
        found: dict[str, int] = json.loads(answer.read())
    return found


def messages(management: Callable[..., Any], tag: str, expected: dict[str, int]) -> dict[str, int]:
    """Give how many messages, delivered ones too, each queue of the vhost has in the end.

    A task's message is acknowledged behind its events; one whose worker was stopped in between comes once more, and is
    acknowledged by the next worker, which finds its result.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        listed = management("GET", f"queues/{tag}?disable_stats=true&enable_queue_totals=true")
        found = {queue["name"]: queue["messages"] for queue in listed if queue["messages"]}
        if found == expected or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def test_every_task_goes_through_an_agent_and_its_events_are_on_kafka(
    deployed: Callable[..., Any],
    records: Records,
    tag: str,
    management: Callable[..., Any],
    witness: Callable[..., str],
) -> None:
    """Fourteen replicas of the built image; published = completed + dead-lettered, nothing twice, no error logged."""
    listed = witness("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}")
    assert {f"{tag}-{name} {count}/{count}" for name, count in REPLICAS.items()} <= set(
        listed.splitlines()
    )

    sent = [
        publish(tag, queue, f"Decide on {{case}} {number}", priority=number % 10)
        for queue in QUEUES.values()
        for number in range(6)
    ]
    bad = f"{tag}-bad"
    send(tag, "auto_orders", json.dumps({"id": bad, "description": ""}).encode())
    refused = publish(tag, "auto_orders", "Refuse this [[llm: status=400]]")
    records.read_until(
        lambda found: all(
            sum(found.tasks(topic)[task] for task in (*sent, bad, refused)) == count
            for topic, count in (
                ("ai.completions", len(sent)),
                ("ai.errors", 2),
                ("audit.trail", len(sent) + 2),
                ("analytics.metrics", len(sent) + 2),
            )
        )
    )

    assert {records.tasks("ai.completions")[task] for task in sent} == {1}
    assert {records.tasks("ai.errors")[task] for task in (bad, refused)} == {1}
    event = records.of("ai.completions", sent[0])
    assert (event["agent"], event["queue"], event["model"]) == (
        "order",
        "auto_orders",
        "openai/stub",
    )
    assert event["tokens"]["calls"] == 1
    assert event["tokens"]["prompt"] > 0
    assert json.loads(event["data"]["output"])["decision"]
    assert {tuple(calls(task).values())[:3] for task in sent} == {(1, 0, 1)}
    left = {"auto_orders.dlq": 2}
    assert messages(management, tag, left) == left
    for name in QUEUES:
        log = witness("docker", "service", "logs", "--raw", f"{tag}-{name}")
        lines = [json.loads(line) for line in log.splitlines()]
        assert [line for line in lines if line["level"] == "error"] == []
    assert "No changes" in deployed("plan").stdout


@pytest.mark.long
def test_a_forced_update_of_a_busy_service_loses_and_doubles_nothing(
    deployed: Callable[..., Any],
    records: Records,
    tag: str,
    management: Callable[..., Any],
    witness: Callable[..., str],
) -> None:
    """While its tasks run, all replicas of a service are replaced by `docker service update --force`."""
    assert deployed
    sent = [publish(tag, "auto_orders", f"Decide on {number}") for number in range(24)]
    records.read_until(lambda found: found.tasks("ai.completions").keys() & set(sent) != set())

    witness("docker", "service", "update", "--force", "--detach", f"{tag}-agent-orders")
    records.read_until(lambda found: set(sent) <= found.tasks("ai.completions").keys())

    assert {records.tasks("ai.completions")[task] for task in sent} == {1}
    counted = {task: calls(task) for task in sent}
    assert {task: found for task, found in counted.items() if found["answered"] != 1} == {}
    assert {found["overlaps"] for found in counted.values()} == {0}
    assert messages(management, tag, {}) == {}


@pytest.mark.skipif("E2E_LLM" not in os.environ, reason="asks a real model: make e2e-llm")
def test_a_real_model_answers_offline(
    seed_of_its_own: Callable[..., Any],
    records: Records,
    tag: str,
    pushed: str,
    witness: Callable[..., str],
) -> None:
    """A model of 135M parameters is no judge of orders: that it wrote something, and that its tokens are counted."""
    seed_of_its_own("apply", "-y", "--target", "rabbitmq.*", "--target", "kafka.*")
    settings = {
        "RABBITMQ_HOST": "rabbitmq",
        "RABBITMQ_VHOST": tag,
        "KAFKA_BOOTSTRAP_SERVERS": "kafka-1:19092",
        "REDIS_URL": "redis://redis:6379/10",
        "LLM_MODEL": "openai/smollm2",
        "LLM_BASE_URL": "http://smollm2:8080/v1",
        "LLM_MAX_TOKENS": "1000",
        "LLM_TIMEOUT": "5m",
        "SOFT_TIME_LIMIT": "6m",
        "HARD_TIME_LIMIT": "7m",
        "STOP_GRACE_PERIOD": "8m",
        "OPENAI_API_KEY": "it-asks-for-none",
    }
    options = [word for name, value in settings.items() for word in ("-e", f"{name}={value}")]
    options += ["--network", "dokploy-network", "--name", tag]
    witness("docker", "run", "--detach", *options, pushed, "python", "-m", "workers", "order")
    try:
        task_id = publish(tag, "auto_orders", "Greet the customer in five words.")
        records.read_until(
            lambda found: found.tasks("ai.completions")[task_id] == 1, seconds=2 * PATIENCE
        )
    finally:
        witness("docker", "rm", "--force", tag)

    event = records.of("ai.completions", task_id)
    assert event["data"]["output"].split()
    assert event["tokens"]["calls"] == 1
    assert event["tokens"]["prompt"] > 50
    assert 3 < event["tokens"]["completion"] <= 1000
