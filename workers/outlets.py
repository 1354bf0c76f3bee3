"""The ways out of a worker: events to Kafka or the outbox, copies of a message to a tier or a dead-letter queue.

A message is acknowledged only after everything that follows from it is confirmed. So these insist: as long as the
broker would deliver the message to nobody else, they try again.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pika

from workers.amqp.link import pause_before
from workers.errors import EventsAwayError, PublishError, WorkersError
from workers.message import MAX_HEADER, PERSISTENT, timestamp_now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.amqp.consumer import Consumer, Delivery
    from workers.amqp.publisher import Publisher
    from workers.events import Event
    from workers.kafka import EventStream
    from workers.message import Message
    from workers.retries import Tier

LOG = logging.getLogger(__name__)
OUTBOX = "events.outbox"


class GoneError(WorkersError):
    """The delivery is no longer ours: its connection is lost, and the broker delivers it again."""


@dataclass(frozen=True, slots=True)
class Obituary:
    """Why a message is dead-lettered, as its headers say it; `closes_record` where its task was begun."""

    reason: str
    error_class: str
    error: str
    closes_record: bool = True


class Outlets:
    """Publishes on behalf of one worker; every method may raise GoneError, and none gives up before that."""

    def __init__(
        self, worker: str, publisher: Publisher, stream: EventStream, consumer: Consumer
    ) -> None:
        self._worker = worker
        self._publisher = publisher
        self._stream = stream
        self._consumer = consumer
        self._stop = threading.Event()

    def tell(self, message: Message, events: Sequence[Event]) -> bool:
        """Deliver events, to the outbox where Kafka is away; gives whether the task's events wait there now."""
        if not message.is_outboxed:
            try:
                self._stream.deliver(events)
            except EventsAwayError as error:
                LOG.debug("events_to_outbox", extra={"reason": str(error)})
            else:
                return False
        for event in events:
            properties = pika.BasicProperties(
                delivery_mode=PERSISTENT,
                content_type="application/json",
                headers={"topic": event.topic, "key": event.key},
            )
            self._insist(message.delivery, "", OUTBOX, event.value.encode(), properties)
        return True

    def put_back(self, message: Message, tier: Tier, **headers: object) -> None:
        """Publish a copy that comes back to its queue after the tier's wait."""
        delivery = message.delivery
        properties = message.copy(headers)
        self._insist(delivery, tier.name, delivery.queue, delivery.body, properties)

    def dead_letter(self, message: Message, obituary: Obituary, **headers: object) -> None:
        """Publish a copy to `<queue>.dlq`, with everything that is known about why in its headers."""
        delivery = message.delivery
        properties = message.copy(
            {
                "reason": obituary.reason,
                "error_class": obituary.error_class,
                "error": obituary.error[:MAX_HEADER],
                "attempts": message.attempt,
                "worker": self._worker,
                "queue": delivery.queue,
                "dead_lettered_at": timestamp_now(),
                **headers,
            }
        )
        self._insist(delivery, "", f"{delivery.queue}.dlq", delivery.body, properties)

    def relay(self, delivery: Delivery) -> None:
        """Bring one event from the outbox to Kafka; for the I/O thread. It goes back where that fails."""
        headers = delivery.properties.headers or {}

        def report(problem: str) -> None:
            if problem:
                self._stream.report_away(problem)
            self._consumer.settle(delivery, requeue=bool(problem))

        topic, key = headers.get("topic"), headers.get("key")
        if not isinstance(topic, str) or not isinstance(key, str):
            LOG.error("outbox_message_is_no_event", extra={"body_bytes": len(delivery.body)})
            self._consumer.settle(delivery)
            return
        self._stream.send(topic, key, delivery.body.decode("utf-8", "replace"), report)

    def close(self) -> None:
        """Stop insisting: the worker goes, and the broker delivers again what is not acknowledged."""
        self._stop.set()

    def _insist(
        self,
        delivery: Delivery,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties,
    ) -> None:
        tries = 0
        while True:
            try:
                self._publisher.publish(exchange, routing_key, body, properties)
            except PublishError as error:
                tries += 1
                if tries == 1:
                    LOG.warning("publish_failed", extra={"to": routing_key, "reason": str(error)})
                if not self._consumer.is_current(delivery) or self._stop.wait(pause_before(tries)):
                    raise GoneError(str(error)) from None
            else:
                return
