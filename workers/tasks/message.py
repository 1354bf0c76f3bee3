"""A task's message: what its headers say about it so far, and the properties of what is published in its place."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workers.amqp.properties import CUT, MOST_HEADERS, Properties, fields_of, fitting, size_of
from workers.protocol.dead_letter_reason import MAX_HEADER, OBITUARY, has_obituary, timestamp_now

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from workers.amqp.consumer import Delivery

PERSISTENT = 2
NAMED_BY_SENDERS = frozenset({b"CC", b"BCC"})
"""Headers with which RabbitMQ routes a message to more queues (sender-selected distribution): a copy goes to one."""
BY_BROKER = (
    b"x-death", b"x-first-death-", b"x-last-death-", b"x-delivery-count", b"x-acquired-count",
    b"x-received-from", b"x-stream-offset",
)  # fmt: skip
"""What the headers begin with that RabbitMQ writes itself; all other `x-` ones are their sender's."""
ATTEMPTS = "attempts"
"""The header of a dead letter that says how many there were."""
_MOST_COUNTED = 1_000_000
"""A number of attempts or replays that no worker has written: it counts as absent."""
_MILLISECONDS_FROM = 10**11
"""A timestamp that is larger is no number of seconds, as AMQP has it: the year 5138, or milliseconds since 1973."""

OF_DEATH = (*OBITUARY, ATTEMPTS, CUT)
"""The headers that a worker adds to a dead letter."""
IS_DEAD = "is_dead"
"""The header of a dead letter that waits in a tier, because its queue refused it."""
OF_ONE_COPY = ("is_parked", "is_unguarded", IS_DEAD)


@dataclass(frozen=True, slots=True)
class Message:
    """A delivery and its history. Headers come from anybody: one that makes no sense counts as absent.

    `attempt` is the one about to be made, from 1, and `replays` how often a person took it out of a dead-letter
    queue. `is_outboxed`: events of this task wait in the outbox, so later ones have to queue up behind them.
    `is_parked`: it waited while another copy ran, so it is no newer than that one. `is_unguarded`: it had its one
    extra try without Redis. `is_dead`: all that is left to do is to put it into its dead-letter queue.
    """

    delivery: Delivery
    attempt: int
    replays: int
    first_seen: str
    trace_id: str
    published_at: float | None
    is_outboxed: bool
    is_parked: bool
    is_unguarded: bool
    is_dead: bool

    @classmethod
    def read(cls, delivery: Delivery) -> Message:
        """Read the headers of a delivery."""
        headers = delivery.properties.headers or {}
        timestamp = delivery.properties.timestamp
        return cls(
            delivery,
            attempt=_count(headers, "attempt", 1),
            replays=_count(headers, "replays", 0),
            first_seen=_text(headers, "first_seen") or timestamp_now(),
            trace_id=_text(headers, "trace_id") or uuid.uuid4().hex,
            published_at=_seconds(timestamp),
            is_outboxed=headers.get("is_outboxed") is True,
            is_parked=headers.get("is_parked") is True,
            is_unguarded=headers.get("is_unguarded") is True,
            is_dead=headers.get(IS_DEAD) is True and has_obituary(headers, delivery.queue),
        )

    @property
    def age(self) -> float | None:
        """Seconds since the task was published; None where its publisher set no timestamp."""
        return None if self.published_at is None else max(0.0, time.time() - self.published_at)

    def copy(self, headers: Mapping[str, object], without: Collection[str] = ()) -> Properties:
        """Give the properties of a copy: this message's own, without some headers, and with these on top.

        What a broker wrote (`x-death` and its kind) stays behind: RabbitMQ drops a message that it takes to go in
        circles. So does `expiration`, which would count anew in each queue, what was true of this copy alone, what
        leads a message to more queues, and what one frame has no room for: `headers_cut` names that.
        """
        given = self.delivery.properties
        own = {**self._history(), **headers}
        left_out = {name.encode() for name in (*OF_ONE_COPY, *without, *own)} | NAMED_BY_SENDERS
        kept, gone = fitting(
            {
                name: encoded
                for name, encoded in fields_of(given).items()
                if name not in left_out and not name.startswith(BY_BROKER)
            },
            MOST_HEADERS - size_of(own),
        )
        if getattr(given, "fault", ""):
            gone.append(f"those that could not be read: {given.fault}")
        return Properties(
            kept,
            content_type=given.content_type,
            content_encoding=given.content_encoding,
            headers={**({CUT: gone} if gone else {}), **own},
            delivery_mode=PERSISTENT,
            priority=given.priority,
            correlation_id=given.correlation_id,
            reply_to=given.reply_to,
            message_id=given.message_id,
            timestamp=given.timestamp,
            type=given.type,
            app_id=given.app_id,
        )

    def bare_copy(self, headers: Mapping[str, object]) -> Properties:
        """Give the properties of a copy with no more of its original than its body needs to be read."""
        given = self.delivery.properties
        return Properties(
            content_encoding=given.content_encoding,
            headers={CUT: ["all of its sender's"], **self._history(), **headers},
            delivery_mode=PERSISTENT,
            priority=given.priority,
            timestamp=given.timestamp,
        )

    def _history(self) -> dict[str, object]:
        return {
            "attempt": self.attempt,
            "replays": self.replays,
            "first_seen": self.first_seen,
            "trace_id": self.trace_id,
        }

    def revive(self) -> Properties:
        """Give the properties of a dead letter that goes back to its queue: a first attempt, published now.

        It keeps `first_seen`, and counts as one more replay, which is how a worker tells it from an old copy.
        """
        properties = self.copy({"attempt": 1, "replays": self.replays + 1}, OF_DEATH)
        properties.timestamp = int(time.time())
        return properties


def _count(headers: dict[str, Any], name: str, least: int) -> int:
    value = headers.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= _MOST_COUNTED:
        return value
    return least


def _text(headers: dict[str, Any], name: str) -> str:
    value = headers.get(name)
    return value[:MAX_HEADER] if isinstance(value, str) and is_unicode(value) else ""


def is_unicode(value: str) -> bool:
    """Whether a text has no half of a character, as bytes that are no UTF-8 are read: no event and no log takes it."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _seconds(timestamp: object) -> float | None:
    """Give the seconds since 1970 of a property that many clients fill with milliseconds."""
    if not isinstance(timestamp, int) or timestamp <= 0:
        return None
    seconds = float(timestamp)
    while seconds >= _MILLISECONDS_FROM:
        seconds /= 1000
    return seconds
