"""Listens to Kafka beside everybody else, from the moment on that a drill begins."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, Message

from drills.verdict import COMPLETED, Told
from workers.events.follower import find_ends
from workers.protocol.task import validator

if TYPE_CHECKING:
    from drills.servers import Servers

TOPICS = ("ai.completions", "ai.errors", "audit.trail", "analytics.metrics")


class Listener:
    """Collects events in a thread of its own. Every one has to be valid by the workers' own schema."""

    def __init__(self, servers: Servers) -> None:
        self._consumer = Consumer({
            "bootstrap.servers": servers.kafka,
            "group.id": "drills",
            "enable.auto.commit": False,
            "log_level": 0,
        })  # fmt: skip
        self._told: list[Told] = []
        self.faults: list[str] = []
        self._stop = threading.Event()
        self._consumer.assign(find_ends(self._consumer, TOPICS))
        self._thread = threading.Thread(target=self._listen, name="listener", daemon=True)
        self._thread.start()

    def told(self) -> list[Told]:
        """Give the events so far, in each partition in their order."""
        return list(self._told)

    def finished(self) -> set[str]:
        """Give the tasks whose completion is on Kafka."""
        return {told.task_id for told in self.told() if told.topic == TOPICS[0]}

    def heard_of(self) -> set[str]:
        """Give the tasks of which a completion or a failure is on Kafka, also one that is tried again."""
        return {told.task_id for told in self.told() if told.topic in TOPICS[:2]}

    def close(self) -> None:
        """Stop listening."""
        self._stop.set()
        self._thread.join()
        self._consumer.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.2)
            if message is not None and message.error() is None:
                self._told.append(self._read(message))

    def _read(self, message: Message) -> Told:
        event = json.loads(message.value() or b"")
        self.faults += [fault.message for fault in validator("event").iter_errors(event)]
        data, topic = event["data"], str(message.topic())
        outcome = data.get("outcome", "retried" if data.get("will_retry") else "dead_lettered")
        if topic == TOPICS[0]:
            outcome = COMPLETED
        return Told(
            topic,
            event["task_id"],
            event["id"],
            event["attempt"],
            is_final=outcome != "retried",
            task_end=outcome,
        )
