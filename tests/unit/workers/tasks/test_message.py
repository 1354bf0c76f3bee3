from __future__ import annotations

import struct
import time
from typing import Any

import pika
import pytest

from workers.amqp.consumer import Delivery
from workers.amqp.properties import CUT, Properties
from workers.amqp.publisher import MOST_PROPERTIES
from workers.protocol.dead_letter_reason import MAX_HEADER, DeadLetterReason
from workers.tasks.message import OF_DEATH, Message


def delivered(headers: dict[str, Any] | None = None, **properties: Any) -> Message:
    found = pika.BasicProperties(headers=headers, **properties)
    return Message.read(
        Delivery("auto_orders", b"{}", found, redelivered=False, tag=1, generation=1, cluster="")
    )


def test_a_first_delivery_has_no_history() -> None:
    message = delivered()

    assert (message.attempt, message.replays, message.age) == (1, 0, None)
    assert message.first_seen
    assert len(message.trace_id) == 32
    assert not message.is_outboxed
    assert not message.is_unguarded


@pytest.mark.parametrize("value", [0, -3, "2", True, None, 1.5, [2]])
def test_a_header_that_makes_no_sense_counts_as_absent(value: Any) -> None:
    message = delivered({"attempt": value, "replays": "x", "first_seen": 5, "is_outboxed": "yes"})

    assert (message.attempt, message.replays, message.is_outboxed) == (1, 0, False)


def test_a_copy_keeps_what_the_publisher_said_and_drops_what_the_broker_wrote() -> None:
    message = delivered(
        {
            "x-death": [{"count": 1}],
            "x-first-death-queue": "q",
            "x-last-death-reason": "r",
            "x-delivery-count": 3,
            "x-request-id": "r1",
            "X-Tenant": "t8",
            "tenant": "t7",
            "trace_id": "tr",
        },
        priority=7,
        timestamp=1_700_000_000,
        message_id="m1",
        expiration="5000",
        correlation_id="c1",
        user_id="somebody",
    )

    copy = message.copy({"attempt": 2})

    assert copy.headers == {
        "tenant": "t7",
        "x-request-id": "r1",
        "X-Tenant": "t8",
        "attempt": 2,
        "replays": 0,
        "first_seen": message.first_seen,
        "trace_id": "tr",
    }
    assert (copy.priority, copy.timestamp, copy.message_id, copy.correlation_id) == (
        7,
        1_700_000_000,
        "m1",
        "c1",
    )
    assert (copy.delivery_mode, copy.expiration, copy.user_id) == (2, None, None)


def sized(content: bytes) -> bytes:
    return b"S" + struct.pack(">I", len(content)) + content


def test_whatever_a_message_has_its_copy_fits_into_one_frame() -> None:
    """What a worker adds, and what names the headers that are left out, is a part of that."""
    face = "\U0001f600"
    fields = {
        **{name: sized(face.encode() * 1001) for name in (b"trace_id", b"first_seen")},
        **{b"\xff" * 253 + b"%02d" % n: sized(b"v" * 905) for n in range(18)},
        **{b"k%03d" % n: sized(b"w" * 700) for n in range(130)},
    }
    texts = dict.fromkeys(
        ("content_type", "correlation_id", "reply_to", "message_id", "type", "app_id"), "z" * 255
    )
    properties = Properties(fields, content_encoding="z" * 255, timestamp=1, priority=9, **texts)
    message = Message.read(
        Delivery("auto_orders", b"", properties, redelivered=False, tag=1, generation=1, cluster="")
    )
    ours = dict.fromkeys(("error", "error_class", "worker", "queue"), face * MAX_HEADER)

    copy = message.copy(ours)

    assert sum(map(len, copy.encode())) <= MOST_PROPERTIES
    cut = (copy.headers or {})[CUT]
    assert cut[-1].startswith("and ") or len(cut) <= 20
    assert message.trace_id == face * MAX_HEADER
    assert sum(map(len, message.bare_copy(ours).encode())) < 40_000


def test_a_bare_copy_has_what_its_body_needs_and_nothing_of_its_sender() -> None:
    message = delivered(
        {"tenant": "t7", "trace_id": "tr", "attempt": 2},
        content_encoding="gzip",
        timestamp=1_700_000_000,
        priority=7,
        correlation_id="c1",
    )

    copy = message.bare_copy({"attempt": 3})

    assert copy.headers == {
        CUT: ["all of its sender's"],
        "attempt": 3,
        "replays": 0,
        "first_seen": message.first_seen,
        "trace_id": "tr",
    }
    assert (copy.content_encoding, copy.timestamp, copy.priority) == ("gzip", 1_700_000_000, 7)
    assert copy.correlation_id is None


def test_a_copy_reads_back_as_the_next_attempt() -> None:
    message = delivered({"attempt": 2, "replays": 1}, timestamp=1_700_000_000)

    copy = message.copy({"attempt": 3, "is_outboxed": True})
    again = Message.read(
        Delivery("auto_orders", b"{}", copy, redelivered=False, tag=1, generation=1, cluster="")
    )

    assert (again.attempt, again.replays, again.is_outboxed) == (3, 1, True)
    assert again.first_seen == message.first_seen
    assert again.age == pytest.approx(message.age, abs=5)


def test_what_was_true_of_one_copy_is_not_said_of_the_next() -> None:
    """A retry, or a dead letter that somebody moves back, was not parked: it is not taken for an old copy."""
    parked = delivered({"is_parked": True, "is_unguarded": True})
    assert (parked.is_parked, parked.is_unguarded) == (True, True)

    copy = parked.copy({"attempt": 2})

    assert not {"is_parked", "is_unguarded"} & set(copy.headers or {})


def test_a_revived_dead_letter_is_a_new_first_attempt_and_says_nothing_of_its_death() -> None:
    message = delivered(
        {
            **dict.fromkeys(OF_DEATH, "x"),
            "attempt": 5,
            "replays": 1,
            "trace_id": "tr",
            "first_seen": "2026-01-31T09:00:00+00:00",
            "tenant": "t7",
            "is_unguarded": True,
            "x-death": [{"reason": "expired"}],
        },
        priority=7,
        timestamp=1_700_000_000,
    )

    properties = message.revive()

    assert properties.headers == {
        "attempt": 1,
        "replays": 2,
        "trace_id": "tr",
        "first_seen": "2026-01-31T09:00:00+00:00",
        "tenant": "t7",
    }
    assert properties.priority == 7
    assert properties.timestamp == pytest.approx(time.time(), abs=5)


SOUND = {**DeadLetterReason("permanent", "bad_request", "no").headers("order@a:1", "auto_orders")}


@pytest.mark.parametrize(
    "odd",
    [
        *({name: None} for name in SOUND),
        {"reason": "because"},
        {"queue": "another"},
        {"dead_lettered_at": "yesterday"},
        {"error": 5},
    ],
)
def test_a_message_is_dead_only_where_its_headers_say_why(odd: dict[str, Any]) -> None:
    """Anybody may set a header: one word alone buries no task."""
    assert delivered({"is_dead": True, **SOUND}).is_dead
    assert not delivered({"is_dead": True}).is_dead
    assert not delivered({"is_dead": True, **SOUND, **odd}).is_dead
