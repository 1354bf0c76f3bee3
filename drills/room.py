"""A drill's own vhost, with the queues that bizops declared there: what is published, what waits, what stayed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pika
import requests
from pika.exceptions import AMQPError

from drills.servers import HOST, LOGIN
from drills.verdict import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.adapters.blocking_connection import BlockingChannel

    from drills.servers import Servers

ROOT = Path(__file__).parent.parent
QUEUE = "auto_orders"
DEAD_LETTERS = f"{QUEUE}.dlq"
QUEUES = (
    QUEUE,
    "retry.5s",
    "retry.30s",
    "retry.2m",
    "retry.10m",
    "events.outbox",
    "events.outbox.dlq",
)
PATIENCE = 90
"""Seconds that RabbitMQ may take to come back."""


def apply(servers: Servers, vhost: str, target: str) -> None:
    """Let bizops declare a part of the topology. Raises CalledProcessError."""
    environment = {
        **os.environ,
        "DRILLS_VHOST": vhost,
        "RABBITMQ_MANAGEMENT_URL": servers.management,
        "KAFKA_BOOTSTRAP_SERVERS": servers.kafka,
        "RABBITMQ_PASS": LOGIN[1],
        "OPENAI_API_KEY": "none",
    }
    files = ("-f", "topology/bizosaas.yaml", "-f", "drills/topology.yaml")
    subprocess.run(
        [sys.executable, "-m", "bizops", "apply", "-y", "-q", *files, "--target", target],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )


class Room:
    """Not for several threads; insists while RabbitMQ is away, as a publisher would."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.vhost = f"drill-{uuid.uuid4().hex[:8]}"
        self._channel: BlockingChannel | None = None
        self._api("put", f"vhosts/{self.vhost}")
        self.declare()

    def declare(self) -> None:
        """Let bizops declare what is missing. Raises CalledProcessError."""
        apply(self._servers, self.vhost, "rabbitmq.*")

    def publish(self, message_id: str, body: bytes, *, age: float = 0.0) -> None:
        """Publish a message, `age` seconds ago as its timestamp says, and wait for the confirm."""
        properties = pika.BasicProperties(
            message_id=message_id,
            delivery_mode=2,
            content_type="application/json",
            timestamp=int(time.time() - age),
        )
        self._insist(
            lambda channel: channel.basic_publish("", QUEUE, body, properties, mandatory=True)
        )

    def depth(self, *queues: str) -> int:
        """Give how many messages are ready in some queues."""
        return sum(self._look(queue).message_count for queue in queues)

    def consumers(self) -> int:
        """Give how many consumers the work queue has."""
        return int(self._look(QUEUE).consumer_count)

    def delete_queue(self) -> None:
        """Delete the work queue, with all that is in it."""
        self._insist(lambda channel: channel.queue_delete(QUEUE))

    def letters(self) -> list[Letter]:
        """Take what is in the dead-letter queue."""
        return [
            Letter(properties.message_id or "?", _reason(properties))
            for properties in self._take(DEAD_LETTERS)
        ]

    def leftovers(self) -> dict[str, list[str]]:
        """Take what stayed in every other queue, as message ids."""
        return {
            queue: [properties.message_id or "?" for properties in self._take(queue)]
            for queue in QUEUES
        }

    def close(self) -> None:
        """Delete the vhost and all that is in it."""
        if self._channel is not None and self._channel.is_open:
            self._channel.connection.close()
        self._api("delete", f"vhosts/{self.vhost}")

    def _look(self, queue: str) -> Any:  # noqa: ANN401 - pika has no types
        return self._insist(lambda channel: channel.queue_declare(queue, passive=True).method)

    def _take(self, queue: str) -> list[pika.BasicProperties]:
        found: list[pika.BasicProperties] = []
        while True:
            # Acknowledged by itself: a connection that is lost right then would lose a message of the count.
            method, properties, _ = self._insist(
                lambda channel: channel.basic_get(queue, auto_ack=True)
            )
            if method is None:
                return found
            found.append(properties)

    def _insist(self, do: Callable[[BlockingChannel], Any]) -> Any:  # noqa: ANN401 - what `do` gives
        """Do something on a channel until it works; raises AMQPError where RabbitMQ stays away."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return do(self._open())
            except (AMQPError, OSError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.3)

    def _open(self) -> BlockingChannel:
        if self._channel is None or not self._channel.is_open:
            parameters = pika.ConnectionParameters(
                HOST,
                self._servers.rabbitmq_port,
                self.vhost,
                pika.PlainCredentials(*LOGIN),
                heartbeat=0,
                blocked_connection_timeout=PATIENCE,
            )
            self._channel = pika.BlockingConnection(parameters).channel()
            self._channel.confirm_delivery()
        return self._channel

    def _api(self, verb: str, path: str) -> None:
        url = f"{self._servers.management}/api/{path}"
        requests.request(verb, url, auth=LOGIN, timeout=30).raise_for_status()


def _reason(properties: pika.BasicProperties) -> str:
    return str((properties.headers or {}).get("reason", "by the broker"))
