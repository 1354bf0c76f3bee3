"""A channel that the broker closes by itself, as after its `consumer_timeout`, and a health port that is taken (W5)."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from workers.amqp.consumer import Consumer, Requirements
from workers.connectivity import Connectivity

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.amqp.consumer import Delivery

pytestmark = pytest.mark.integration
QUEUE = "auto_orders"


def test_w5_a_channel_that_the_broker_closes_is_told_and_consumed_anew(site: Any) -> None:
    said: list[str] = []
    reach, stop = Listening(said), threading.Event()
    found: list[Delivery] = []
    consumer = Consumer(site.settings(), reach, Requirements([QUEUE], []), lambda: None)
    consumer.subscribe(QUEUE, 1, found.append)
    thread = threading.Thread(target=consumer.run, args=(stop,), daemon=True)
    thread.start()
    try:
        until(lambda: consumer.is_open)

        # An acknowledgement of what was never delivered: the broker closes the channel, as it does after a time-out.
        consumer._link.call(lambda: channel_of(consumer).basic_ack(99))  # noqa: SLF001 - nothing public does harm
        until(lambda: consumer.is_open and consumer.connections > 1)
        (words,) = filter(None, said)
        assert "the broker closed the channel of auto_orders: " in words
        assert "PRECONDITION_FAILED - unknown delivery tag 99" in words
        site.put(QUEUE, b"{}")
        until(lambda: len(found) == 1)
        consumer.settle(found[0])
    finally:
        stop.set()
        thread.join(10)


@pytest.mark.long
def test_w5_after_a_consumer_timeout_the_worker_is_there_again_and_pays_once(
    site: Any, worker: Callable[..., Any], management: Callable[..., Any]
) -> None:
    """RabbitMQ looks once a minute whether an acknowledgement is overdue (4.0.5)."""
    policy = {
        "pattern": "^auto_orders$",
        "definition": {"consumer-timeout": 5000},
        "priority": 200,
        "apply-to": "queues",
    }
    management("PUT", f"policies/{site.vhost}/impatient", policy)
    try:
        worker("order", STUB_SECONDS="80s")
        assert site.run("submit", "order", "--description", "slow", "--id", "slow").code == 0
        until(lambda: "PRECONDITION_FAILED" in log(site), 200)
        until(lambda: '"task_answered"' in log(site), 120)
        until(lambda: not ready(management, site.vhost), 60)
    finally:
        management("DELETE", f"policies/{site.vhost}/impatient")

    assert log(site).count('"task_answered"') == 1
    assert "closed the channel of auto_orders: " in log(site)
    assert not site.drain("auto_orders.dlq")


def log(site: Any) -> str:
    text: str = (site.folder / "order-0.log").read_text()
    return text


def ready(management: Callable[..., Any], vhost: str) -> int:
    """Count what is anywhere but in a dead letter queue, as the broker's statistics show it."""
    queues = management("GET", f"queues/{vhost}")
    return sum(queue.get("messages", 0) for queue in queues if not queue["name"].endswith(".dlq"))


class Listening(Connectivity):
    """Keeps every word that was said: the next connection may be there before anybody looks."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(["rabbitmq"])
        self._heard = said

    def report(self, system: str, reason: str) -> None:
        self._heard.append(reason)
        super().report(system, reason)


def channel_of(consumer: Consumer) -> Any:
    return consumer._subscriptions[QUEUE].channel  # noqa: SLF001 - as above


@pytest.mark.parametrize("port", ["taken", "80"])
def test_w5_a_health_port_that_cannot_be_had_is_one_line(site: Any, port: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        host = "127.0.0.1" if port == "taken" else "192.0.2.1"
        number = str(other.getsockname()[1]) if port == "taken" else port

        said = site.run("order", ENGINE="stub", HEALTH_HOST=host, HEALTH_PORT=number)

    assert said.code == 1
    (line,) = said.err.splitlines()
    assert line.startswith(f"error: HEALTH_HOST, HEALTH_PORT: cannot listen on {host}:{number}: ")


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
