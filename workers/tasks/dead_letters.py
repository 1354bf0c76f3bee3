"""Dead letters: what lies in `<queue>.dlq`, why, and the two ways out of it, back to work or away for good.

RabbitMQ has no way to look at a queue: whoever reads takes. So a message is taken without acknowledging it, is held
for that moment, unseen by any other reader, and goes back to its own place when the channel closes (classic queues,
3.10 to 4.x). A quorum queue counts each such look as a delivery, and drops a message after its `delivery_limit`, 20
since RabbitMQ 4.0: look there sparingly.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from workers import interrupts
from workers.amqp.consumer import NOT_FOUND, Delivery
from workers.amqp.link import cluster_name, parameters, say
from workers.errors import REMEDY, QueueReadError, StoreAwayError
from workers.protocol.dead_letter_reason import has_obituary
from workers.protocol.task import find_id
from workers.tasks.message import ATTEMPTS, Message
from workers.tasks.store import Place

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

    from workers.amqp.publisher import Publisher
    from workers.configuration.settings import Settings
    from workers.tasks.store import TaskStore

NO_RECORD = frozenset({"invalid", "conflict", "refused"})
"""Reasons that say nothing about the task that the record of this id is about."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message in a dead-letter queue, and what its headers say of why; empty where they say nothing.

    `reason` is a worker's word, or RabbitMQ's where that put it there (`expired`, `maxlen`, `rejected`,
    `delivery_limit`): headers of a worker's names are its sender's then. `died_at` is RFC 3339 in UTC.
    """

    task_id: str
    reason: str
    error_class: str
    error: str
    attempts: int
    worker: str
    trace_id: str
    died_at: str
    message: Message

    @classmethod
    def read(cls, delivery: Delivery, max_body: int) -> DeadLetter:
        """Read the headers of a delivery from the dead-letter queue of `delivery.queue`."""
        headers = delivery.properties.headers or {}
        message = Message.read(delivery)
        by_broker = _find_death(headers)
        is_by_worker = by_broker.get("queue") != delivery.queue
        said = headers if is_by_worker and has_obituary(headers, delivery.queue) else {}

        def text(name: str, otherwise: object = "") -> str:
            return str(said.get(name) or otherwise)

        attempts = said.get(ATTEMPTS)
        return cls(
            task_id=find_id(delivery.body, max_body, delivery.properties.content_encoding),
            reason=text("reason", by_broker.get("reason") or "unknown"),
            error_class=text("error_class"),
            error=text("error"),
            attempts=attempts if isinstance(attempts, int) else message.attempt - 1,
            worker=text("worker"),
            trace_id=str(headers.get("trace_id") or ""),
            died_at=text("dead_lettered_at", _moment(by_broker.get("time"))),
            message=message,
        )

    @property
    def age(self) -> float | None:
        """Seconds since it was dead-lettered; None where nothing says when."""
        try:
            died = datetime.fromisoformat(self.died_at)
        except ValueError:
            return None
        return max(0.0, time.time() - died.timestamp())

    @property
    def identity(self) -> tuple[str, str, str]:
        """What tells it from another dead letter of the same task."""
        return self.task_id, self.reason, self.died_at

    def to_json(self) -> dict[str, Any]:
        """Give it as `tasks dlq list --format json` has it."""
        age = self.age
        return {
            "queue": self.message.delivery.queue,
            "id": self.task_id,
            "reason": self.reason,
            "error_class": self.error_class,
            "error": self.error,
            "attempts": self.attempts,
            "replays": self.message.replays,
            "worker": self.worker,
            "dead_lettered_at": self.died_at,
            "age_seconds": None if age is None else round(age),
            "trace_id": self.trace_id,
        }


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which dead letters are meant: of these ids, with this reason, among these; None leaves it open."""

    ids: frozenset[str] | None = None
    reason: str | None = None
    among: frozenset[tuple[str, str, str]] | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a dead letter is one of them."""
        return (
            (self.ids is None or letter.task_id in self.ids)
            and (self.reason is None or letter.reason == self.reason)
            and (self.among is None or letter.identity in self.among)
        )


class DeadLetters:
    """A connection that reads dead-letter queues; every method raises QueueReadError. For one thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection: BlockingConnection
        self._channel: BlockingChannel

    def __enter__(self) -> Self:
        with self._explained():
            self._connection = pika.BlockingConnection(parameters(self._settings, "tasks"))
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(AMQPError):
            self._connection.close()

    def count(self, queue: str) -> int:
        """Give how many dead letters a work queue has."""
        with self._explained():
            channel = self._connection.channel()
            found = _count(channel, queue)
            channel.close()
            return found

    def scan(self, queue: str) -> Generator[DeadLetter]:
        """Give the dead letters that a work queue has now, the oldest first.

        Each is held until the iterator is closed, and back in its place then, unless it was removed.
        """
        with self._explained():
            self._channel = self._connection.channel()
        try:
            # Not more than there were: one that is replayed, and fails, comes back behind them.
            with self._explained():
                left = _count(self._channel, queue)
            while left and (letter := self._take(queue)):
                interrupts.check()
                yield letter
                left -= 1
        finally:
            with contextlib.suppress(AMQPError):
                self._channel.close()

    def remove(self, letter: DeadLetter) -> None:
        """Take a dead letter that is held out of its queue, for good."""
        with self._explained():
            self._channel.basic_ack(letter.message.delivery.tag)

    def place(self, letter: DeadLetter) -> Place:
        """Give where its task has its record."""
        delivery = letter.message.delivery
        return Place.of(self._settings, delivery.cluster, delivery.queue)

    def _take(self, queue: str) -> DeadLetter | None:
        with self._explained():
            method, properties, body = self._channel.basic_get(f"{queue}.dlq")
        if method is None:
            return None
        delivery = Delivery(
            queue,
            body,
            properties,
            redelivered=True,
            tag=method.delivery_tag,
            generation=0,
            cluster=cluster_name(self._connection),
        )
        return DeadLetter.read(delivery, self._settings.max_body)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        place = f"{self._settings.rabbitmq_host}:{self._settings.rabbitmq_port}"
        try:
            yield
        except ChannelClosedByBroker as error:
            reason = error.reply_text
            if error.reply_code == NOT_FOUND:
                reason += f"; {REMEDY}"
            raise QueueReadError(reason) from None
        except (AMQPError, OSError) as error:
            message = f"RabbitMQ cannot be reached: {place}: {say(error)}"
            raise QueueReadError(message) from None


def replay(letters: DeadLetters, letter: DeadLetter, publisher: Publisher) -> None:
    """Put a dead letter that is held back to work; raises PublishError, and it stays one.

    A crash in between leaves both: the task's record knows that they are one (`replays` in store.lua).
    """
    delivery = letter.message.delivery
    publisher.publish("", delivery.queue, delivery.body, letter.message.revive())
    letters.remove(letter)


def drop(letters: DeadLetters, letter: DeadLetter, store: TaskStore) -> str:
    """Remove a dead letter that is held, and what is remembered of its task, so that its id is free again.

    Gives why the record stays where Redis is away, and an empty text where it is not.
    """
    kept = ""
    try:
        if letter.reason not in NO_RECORD:
            store.forget(letters.place(letter), letter.task_id)
    except StoreAwayError as error:
        kept = str(error)
    letters.remove(letter)
    return kept


def _count(channel: BlockingChannel, queue: str) -> int:
    return int(channel.queue_declare(f"{queue}.dlq", passive=True).method.message_count)


def _find_death(headers: dict[str, Any]) -> dict[str, Any]:
    """Give the newest entry of `x-death`, which RabbitMQ adds when it dead-letters a message by itself."""
    entries = headers.get("x-death")
    newest = entries[0] if isinstance(entries, list) and entries else None
    return newest if isinstance(newest, dict) else {}


def _moment(found: object) -> str:
    return found.astimezone(UTC).isoformat() if isinstance(found, datetime) else ""
