"""What becomes of publishes when their connection is lost, on a real RabbitMQ behind a network that is cut."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pika
import pytest

from drills.proxy import Proxy
from workers.amqp import publisher as publishing
from workers.amqp.properties import Properties
from workers.amqp.publisher import Publisher
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import PublishError, UnroutableError, UnsendableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack.addresses import Addresses

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def proxy(addresses: Addresses) -> Iterator[Proxy]:
    made = Proxy(addresses.amqp)
    yield made
    made.close()


@pytest.fixture
def publisher(proxy: Proxy) -> Iterator[Publisher]:
    settings = load_settings(
        {
            "ENGINE": "stub",
            "RABBITMQ_HOST": "127.0.0.1",
            "RABBITMQ_PORT": str(proxy.port),
            "HEARTBEAT": "5",
        }
    )
    made = Publisher(settings, Connectivity(["rabbitmq_publisher"]))
    made.start()
    for _ in range(50):
        if made.is_open:
            break
        time.sleep(0.1)
    yield made
    made.close(timeout=1)


def test_what_rabbitmq_closes_its_connection_over_is_told_from_a_lost_one(
    proxy: Proxy, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would do so again: a frame that is larger than it takes."""
    monkeypatch.setattr(publishing, "MOST_PROPERTIES", 1 << 20)

    with pytest.raises(UnsendableError, match="RabbitMQ closes the connection over it: "):
        publisher.publish("", "nowhere", b"", Properties(headers={"large": "x" * 140_000}))

    del proxy
    for _ in range(100):
        try:
            publisher.publish("", "nowhere", b"", Properties())
        except UnroutableError:
            return
        except PublishError:
            time.sleep(0.1)
    pytest.fail("the connection did not come back")


def test_all_who_wait_hear_of_a_lost_connection_and_not_only_the_first(
    proxy: Proxy, publisher: Publisher
) -> None:
    assert publisher.is_open
    proxy.cut()

    def publish(_: int) -> float:
        begun = time.monotonic()
        with pytest.raises(PublishError):
            publisher.publish("", "nowhere", b"", pika.BasicProperties())
        return time.monotonic() - begun

    with ThreadPoolExecutor(3) as threads:
        # Two heartbeats, and some patience; a publish of its own takes up to 75 s to give up.
        assert max(threads.map(publish, range(3))) < 25
