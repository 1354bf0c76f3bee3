from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pika
import pytest

from workers.amqp.link import Link
from workers.amqp.properties import Properties
from workers.amqp.publisher import NAME, Publisher
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import PublishError, UnsendableError

if TYPE_CHECKING:
    from collections.abc import Iterator

NOWHERE = {"ENGINE": "stub", "RABBITMQ_HOST": "127.0.0.1", "RABBITMQ_PORT": "1"}


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    made = Publisher(load_settings(NOWHERE), Connectivity([NAME]))
    yield made
    made.close(1)


def publish(publisher: Publisher) -> None:
    publisher.publish("", "queue", b"{}", pika.BasicProperties())


def test_without_a_connection_it_says_at_once_why(publisher: Publisher) -> None:
    with pytest.raises(PublishError, match="no answer yet"):
        publish(publisher)
    publisher.start()

    with pytest.raises(PublishError, match=r"127\.0\.0\.1:1: ") as caught:
        publisher.wait(10)
    with pytest.raises(PublishError) as later:
        publish(publisher)

    assert str(later.value) == str(caught.value)


def test_what_a_lost_connection_never_sent_is_an_error_soon(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The link took it, lost its connection before it called, and has another one now."""
    taken = []

    def call(link: Link, function: object) -> bool:
        taken.append(function)
        link.generation += len(taken) - 1
        return True

    monkeypatch.setattr(Link, "call", call)
    begun = time.monotonic()

    with pytest.raises(PublishError, match="lost before it confirmed"):
        publish(publisher)

    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "headers",
    [
        {"error": "bad \ud83d"},
        {"error": object()},
        {"large": "x" * 131_100},
        {"x" * 256: 1},
        {"number": 2**70},
    ],
)
def test_what_cannot_be_sent_is_told_before_it_costs_a_connection(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch, headers: dict[str, Any]
) -> None:
    monkeypatch.setattr(Link, "call", lambda *_: pytest.fail("it was handed over"))

    with pytest.raises(UnsendableError):
        publisher.publish("", "queue", b"{}", Properties(headers=headers))
