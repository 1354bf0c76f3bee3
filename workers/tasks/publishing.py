"""The ways out of a worker: events to Kafka or the outbox, copies of a message to a tier or a dead-letter queue.

A message is acknowledged only after everything that follows from it is confirmed. So these insist: as long as the
broker would deliver the message to nobody else, they try again.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeGuard

import pika

from workers import liveness
from workers.amqp.link import pause_before
from workers.errors import (
    EventsAwayError,
    PublishError,
    RefusedError,
    UnsendableError,
    WorkersError,
)
from workers.events.delivery_reports import NO_EVENT, Report
from workers.protocol.dead_letter_reason import IS_REFUSED, MAX_HEADER, DeadLetterReason
from workers.protocol.queues import OUTBOX, REFUSED
from workers.protocol.retries import TIERS
from workers.tasks.message import ATTEMPTS, IS_DEAD, PERSISTENT, is_unicode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from workers.amqp.consumer import Consumer, Delivery
    from workers.amqp.publisher import Publisher
    from workers.events.envelopes import Event
    from workers.events.producer import EventStream
    from workers.metrics import Metrics
    from workers.protocol.retries import Tier
    from workers.tasks.message import Message

LOG = logging.getLogger(__name__)
REFUSED_SECONDS = 30.0
"""How long a publish is tried again that RabbitMQ refuses. A queue that is full may be read, a missing one be made."""

MOST_UNSENDABLE = 3
"""How often a publish is tried again that closes its connection: another one's may have."""


class DeliveryLostError(WorkersError):
    """The delivery is no longer ours: its connection is lost, and the broker delivers it again."""


class Publishing:
    """Publishes on behalf of one worker; every method may raise GoneError, and none gives up before that."""

    def __init__(
        self,
        worker: str,
        publisher: Publisher,
        stream: EventStream,
        consumer: Consumer,
        metrics: Metrics,
    ) -> None:
        self._worker = worker
        self._metrics = metrics
        # A publish waits for its confirm, and the thread that hears of events must not.
        self._aside = ThreadPoolExecutor(max_workers=1, thread_name_prefix="refused-events")
        self._publisher = publisher
        self._stream = stream
        self._consumer = consumer
        self._stop = threading.Event()

    def tell(self, message: Message, events: Sequence[Event]) -> bool:
        """Deliver events, to the outbox where Kafka is away; gives whether the task's events wait there now.

        Those that Kafka refuses for good go to the outbox's dead-letter queue.
        """
        if not message.is_outboxed:
            try:
                refused = self._stream.deliver(events)
            except EventsAwayError as error:
                LOG.debug("events_to_outbox", extra={"reason": str(error)})
            else:
                for event, report in refused:
                    properties = self._refused(event.topic, event.key, report)
                    self._insist(message.delivery, "", REFUSED, event.value.encode(), properties)
                return False
        for event in events:
            headers = {"topic": event.topic, "key": event.key}
            properties = _of_event(headers)
            self._insist(message.delivery, "", OUTBOX, event.value.encode(), properties)
        return True

    def put_back(self, message: Message, tier: Tier, **headers: object) -> None:
        """Publish a copy that comes back to its queue after the tier's wait."""
        self._copy(message, tier.name, message.delivery.queue, headers)

    def dead_letter(self, message: Message, obituary: DeadLetterReason, **headers: object) -> None:
        """Publish a copy to `<queue>.dlq`, with everything that is known about why in its headers.

        One that is refused there, as where the queue is full, waits in the longest tier and is tried again after that.
        """
        written = obituary.headers(self._worker, message.delivery.queue)
        self._bury(message, {**written, ATTEMPTS: message.attempt, **headers})

    def dead_letter_again(self, message: Message) -> None:
        """Publish a dead letter that its queue refused before."""
        self._bury(message, {})

    def _bury(self, message: Message, headers: dict[str, object]) -> None:
        queue = message.delivery.queue
        try:
            self._copy(message, "", f"{queue}.dlq", headers)
        except RefusedError as error:
            tier = TIERS[-1]
            why = {"reason": str(error), "again_after": tier.seconds}
            LOG.warning("dead_letter_refused", extra=why)
            self._copy(message, tier.name, queue, {**headers, IS_DEAD: True})

    def _copy(
        self, message: Message, exchange: str, routing_key: str, headers: Mapping[str, object]
    ) -> None:
        """Publish a copy of a message; one that cannot be sent goes with the worker's own headers alone."""
        delivery = message.delivery
        try:
            properties: pika.BasicProperties = message.copy(headers)
            self._insist(delivery, exchange, routing_key, delivery.body, properties)
        except UnsendableError as error:
            LOG.warning("headers_left_out", extra={"to": routing_key, "reason": str(error)})
            properties = message.bare_copy(headers)
            self._insist(delivery, exchange, routing_key, delivery.body, properties)

    def relay(self, delivery: Delivery) -> None:
        """Bring one event from the outbox to Kafka; for the I/O thread. It goes back where that fails.

        One that is refused for good, or is no event, goes to the outbox's dead-letter queue: the next ones flow on.
        """
        headers = delivery.properties.headers or {}
        topic, key = headers.get("topic"), headers.get("key")
        if not _is_word(topic) or not _is_word(key):
            report = Report("a message without a topic and a key is no event", NO_EVENT)
            self._hand_over(delivery, ascii(topic), ascii(key), report)
            return

        def hear(report: Report) -> None:
            if report.refusal:
                self._hand_over(delivery, topic, key, report)
                return
            if report.problem:
                self._stream.report_away(report.problem)
            self._consumer.settle(delivery, requeue=bool(report.problem))

        self._stream.send(topic, key, delivery.body.decode("utf-8", "replace"), hear)

    def close(self) -> None:
        """Stop insisting: the worker goes, and the broker delivers again what is not acknowledged."""
        self._stop.set()
        self._aside.shutdown(wait=False, cancel_futures=True)

    def _hand_over(self, delivery: Delivery, topic: str, key: str, report: Report) -> None:
        """Let another thread set an event aside; a worker that goes leaves it to the next one."""
        try:
            self._aside.submit(self._set_aside, delivery, topic, key, report)
        except RuntimeError:  # it is shut down
            self._consumer.settle(delivery, requeue=True)

    def _set_aside(self, delivery: Delivery, topic: str, key: str, report: Report) -> None:
        """Move an event that Kafka refuses out of the outbox."""
        try:
            properties = self._refused(topic, key, report)
            self._insist(delivery, "", REFUSED, delivery.body, properties)
        except (DeliveryLostError, RefusedError) as error:
            LOG.warning("event_not_set_aside", extra={"reason": str(error)})
            self._consumer.settle(delivery, requeue=True)
        except Exception:
            LOG.exception("internal_error")
            self._consumer.settle(delivery, requeue=True)
        else:
            self._consumer.settle(delivery)

    def _refused(self, topic: str, key: str, report: Report) -> pika.BasicProperties:
        """Note that an event is refused, and give the properties of the dead letter that it becomes."""
        why = {"topic": topic, "error_class": report.refusal, "error": report.problem}
        LOG.error("event_refused", extra=why)
        self._metrics.refuse_event(report.refusal)
        obituary = DeadLetterReason(IS_REFUSED, report.refusal, report.problem)
        place = {"topic": topic[:MAX_HEADER], "key": key[:MAX_HEADER]}
        return _of_event({**place, **obituary.headers(self._worker, OUTBOX)})

    def _insist(
        self,
        delivery: Delivery,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties,
    ) -> None:
        """Publish until it is confirmed. Raises RefusedError where RabbitMQ has refused it for too long.

        That is UnsendableError, and soon, where it cannot be sent.
        """
        tries = unsendable = 0
        refused_at: float | None = None
        while True:
            liveness.beat()
            try:
                self._publisher.publish(exchange, routing_key, body, properties)
            except PublishError as error:
                tries += 1
                refused_at = (
                    (refused_at or time.monotonic()) if isinstance(error, RefusedError) else None
                )
                unsendable += isinstance(error, UnsendableError)
                if unsendable > MOST_UNSENDABLE:
                    raise
                if refused_at and time.monotonic() - refused_at > REFUSED_SECONDS:
                    self._metrics.refuse_publish(exchange or routing_key)
                    raise
                if tries == 1:
                    LOG.warning("publish_failed", extra={"to": routing_key, "reason": str(error)})
                if not self._consumer.is_current(delivery) or self._stop.wait(pause_before(tries)):
                    raise DeliveryLostError(str(error)) from None
            else:
                return


def _of_event(headers: Mapping[str, object]) -> pika.BasicProperties:
    return pika.BasicProperties(
        delivery_mode=PERSISTENT, content_type="application/json", headers=headers
    )


def _is_word(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value) and is_unicode(value)
