"""Follows tasks to their events on Kafka."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from workers import interrupts
from workers.errors import REMEDY, EventsAwayError
from workers.events.envelopes import COMPLETIONS, ERRORS
from workers.events.producer import connection, make_client, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workers.configuration.settings import Settings

TOPICS = (COMPLETIONS, ERRORS)
ANSWER_TIMEOUT = 10.0
"""Seconds that the brokers may take to say where the topics end."""
GLANCE = 0.5
LEADER_MOVED = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
}
"""What a broker answers for a partition that has just been made, or moved to another; librdkafka then looks for it."""
LEADER_PAUSE = 0.1


class EventFollower:
    """Reads `ai.completions` and `ai.errors` from where they end when it is made: so make it, then publish.

    Raises EventsAwayError where Kafka cannot be reached, or a topic is missing. For one thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._place = settings.kafka_bootstrap_servers
        self._consumer = make_client(
            Consumer,
            {
                **connection(settings),
                # No group is joined, and nothing committed; librdkafka wants a name all the same.
                "group.id": f"bizops-workers-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
            },
        )
        try:
            self._consumer.assign(find_ends(self._consumer, TOPICS))
        except KafkaException as error:
            self._consumer.close()
            message = f"Kafka cannot be reached: {self._place}: {say(error)}"
            raise EventsAwayError(message) from None
        except EventsAwayError:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def follow(self, queue: str, task_id: str, timeout: float) -> Iterator[dict[str, Any]]:
        """Give a task's events as they come: failed attempts, and last of all what came of it.

        Ends without a last one after `timeout` seconds. `is_last` tells which it is.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            record = self._consumer.poll(min(left, GLANCE))
            interrupts.check()
            # An error of the connection mends itself; what was missed meanwhile comes after it.
            if record is None or record.error() or record.key() != task_id.encode():
                continue
            event = _read(record.value() or b"")
            if event.get("queue") == queue and event.get("task_id") == task_id:
                yield event
                if is_last(event):
                    return


def find_ends(consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
    """Give where each partition of topics ends now, to `assign` from there.

    A consumer that is told to begin at the end looks for it later, behind what was written meanwhile. Raises
    EventsAwayError where a topic is missing, KafkaException where no broker answers in time.
    """
    known = consumer.list_topics(timeout=ANSWER_TIMEOUT).topics
    if missing := [topic for topic in topics if topic not in known or known[topic].error]:
        message = f"Kafka has no {' and no '.join(missing)}; {REMEDY}"
        raise EventsAwayError(message)
    deadline = time.monotonic() + ANSWER_TIMEOUT
    return [
        TopicPartition(topic, number, _find_end(consumer, TopicPartition(topic, number), deadline))
        for topic in topics
        for number in known[topic].partitions
    ]


def _find_end(consumer: Consumer, partition: TopicPartition, deadline: float) -> int:
    while True:
        interrupts.check()
        try:
            _, end = consumer.get_watermark_offsets(partition, timeout=ANSWER_TIMEOUT)
        except KafkaException as error:
            if not _is_moved(error) or time.monotonic() > deadline:
                raise
            interrupts.pause(LEADER_PAUSE)
        else:
            return int(end)


def _is_moved(error: KafkaException) -> bool:
    cause = error.args[0]
    return isinstance(cause, KafkaError) and cause.code() in LEADER_MOVED


def is_last(event: dict[str, Any]) -> bool:
    """Whether nothing follows an event of `ai.completions` or `ai.errors`: not a failure that is tried again."""
    return event["type"] != "task.failed" or not event["data"]["will_retry"]


def _read(value: bytes) -> dict[str, Any]:
    """Read an event; empty where somebody else wrote something else there."""
    try:
        found = json.loads(value)
    except ValueError:
        return {}
    is_event = isinstance(found, dict) and found.get("version") == 1
    return found if is_event else {}
