from __future__ import annotations

import time
from typing import Any

import pika
import pytest

from workers.amqp.consumer import Delivery
from workers.message import OBITUARY, Message


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
        {"x-death": [{"count": 1}], "x-first-death-queue": "q", "tenant": "t7", "trace_id": "tr"},
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
            **dict.fromkeys(OBITUARY, "x"),
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
