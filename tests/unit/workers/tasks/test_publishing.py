"""What becomes of copies that RabbitMQ does not take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pika
import pytest

from workers.amqp.consumer import Delivery
from workers.errors import RefusedError, UnsendableError
from workers.metrics import Metrics
from workers.protocol.dead_letter_reason import DeadLetterReason
from workers.protocol.retries import TIERS
from workers.tasks import publishing
from workers.tasks.message import Message
from workers.tasks.publishing import Publishing

if TYPE_CHECKING:
    from collections.abc import Iterator

QUEUE = "auto_orders"
WHY = DeadLetterReason("permanent", "bad_request", "no")


class Broker:
    """Stands for publisher and consumer; `refusal` says what is raised for the headers of a publish."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, dict[str, Any]]] = []
        self.tries = 0

    def refusal(self, routing_key: str, headers: dict[str, Any]) -> Exception | None:
        del routing_key
        return UnsendableError("closed") if "tenant" in headers else None

    def publish(
        self, exchange: str, routing_key: str, _: bytes, properties: pika.BasicProperties
    ) -> None:
        self.tries += 1
        if error := self.refusal(routing_key, properties.headers):
            raise error
        self.taken.append((exchange, routing_key, properties.headers))

    def is_current(self, _: Delivery) -> bool:
        return True


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    monkeypatch.setattr(publishing, "pause_before", lambda _: 0)
    return Broker()


@pytest.fixture
def exits(broker: Broker) -> Iterator[Publishing]:
    metrics = Metrics("order", QUEUE, "m/x")
    anything: Any = broker
    made = Publishing("order@a:1", anything, anything, anything, metrics)
    yield made
    made.close()


def delivered(**headers: Any) -> Message:
    properties = pika.BasicProperties(headers=headers)
    return Message.read(
        Delivery(QUEUE, b"{}", properties, redelivered=False, tag=1, generation=1, cluster="")
    )


def test_a_copy_that_cannot_be_sent_goes_without_its_senders_headers(
    broker: Broker, exits: Publishing
) -> None:
    exits.dead_letter(delivered(tenant="t7", attempt=3), WHY)
    exits.put_back(delivered(tenant="t7"), TIERS[0], attempt=2)

    (_, letter, said), (tier, queue, again) = broker.taken
    assert (letter, tier, queue) == (f"{QUEUE}.dlq", TIERS[0].name, QUEUE)
    assert (said["reason"], said["error"], said["attempt"], again["attempt"]) == (
        "permanent",
        "no",
        3,
        2,
    )
    assert said["headers_cut"] == again["headers_cut"] == ["all of its sender's"]
    assert broker.tries == 2 * (publishing.MOST_UNSENDABLE + 2)


def test_a_dead_letter_that_its_queue_refuses_waits_with_what_could_be_sent(
    broker: Broker, exits: Publishing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "REFUSED_SECONDS", -1)

    def refusal(routing_key: str, headers: dict[str, Any]) -> Exception | None:
        if "tenant" in headers:
            return UnsendableError("closed")
        return RefusedError("full") if routing_key.endswith(".dlq") else None

    monkeypatch.setattr(broker, "refusal", refusal)

    exits.dead_letter(delivered(tenant="t7"), WHY)

    ((tier, queue, headers),) = broker.taken
    assert (tier, queue, headers["is_dead"]) == (TIERS[-1].name, QUEUE, True)
    assert headers["reason"] == "permanent"
