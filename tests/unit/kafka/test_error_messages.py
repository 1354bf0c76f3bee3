"""One clear error out of what librdkafka says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaError

from bizops.providers.kafka import error_messages

SERVER = "127.0.0.1:9092"
CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("error_messages.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_a_broken_connection_is_one_error_in_plain_words(case: dict[str, Any]) -> None:
    """The sort of error, the address, and librdkafka's reason without its noise."""
    complaint = error_messages.complaint(case["text"], case["code"])
    assert complaint is not None

    error = error_messages.unreachable([SERVER], [complaint], 4)

    assert case["error"] == type(error).__name__
    assert str(error).startswith(case["says"])
    assert "ms in state" not in str(error)


def test_the_complaint_that_tells_most_is_told() -> None:
    """A refused password says more than a connection that was closed after it."""
    texts = {
        KafkaError._TRANSPORT: f"{SERVER}/bootstrap: Disconnected",  # noqa: SLF001
        KafkaError._AUTHENTICATION: f"{SERVER}/bootstrap: SASL authentication error: no",  # noqa: SLF001
    }
    complaints = [
        found for code, text in texts.items() if (found := error_messages.complaint(text, code))
    ]

    assert "SASL authentication error" in str(error_messages.unreachable([SERVER], complaints, 1))
    assert "SASL authentication error" in str(
        error_messages.unreachable([SERVER], complaints[::-1], 1)
    )


def test_silence_has_words_too() -> None:
    """Without any complaint the error names the servers and the time."""
    assert "127.0.0.1:9092 in 3 s" in str(error_messages.unreachable([SERVER], [], 3))
