"""Moving queues between TTL groups while somebody publishes at full speed."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

import pika
import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

QUEUES = ("own_a", "own_b", "own_c")


class Publisher:
    """Publishes to every queue in turn, as fast as the broker takes it, until told to stop."""

    def __init__(self, broker: Any) -> None:
        self._broker = broker
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.published = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        parameters = pika.ConnectionParameters("127.0.0.1", self._broker.amqp, self._broker.vhost)
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        while not self._stop.is_set():
            for _ in range(50):
                for queue in QUEUES:
                    channel.basic_publish("", queue, b"m")
                    self.published += 1
            connection.process_data_events(0)
        connection.close()


def topology(a: str, b: str, c: str, **settings: Any) -> dict[str, Any]:
    return {
        "queues": {
            name: {"message_ttl": ttl, **settings}
            for name, ttl in zip(QUEUES, (a, b, c), strict=True)
        }
    }


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
def test_no_message_outlives_its_ttl_when_queues_move_between_groups(
    broker: Any, queue_type: str
) -> None:
    """Grow, shrink and swap TTL groups under load: afterwards every message is gone in time.

    A message published while no TTL matches never expires and blocks those behind it, so one gap shows for ever.
    """
    settings = {"type": queue_type}
    broker.converge(topology("2s", "2s", "3s", **settings))

    with Publisher(broker) as publisher:
        time.sleep(0.3)
        for ttls in (
            ("3s", "2s", "2s"),
            ("2s", "3s", "3s"),
            ("3s", "3s", "2s"),
            ("1s", "2s", "3s"),
        ):
            broker.converge(topology(*ttls, **settings))
            time.sleep(0.2)
        shrunk = {"queues": {n: {"message_ttl": "2s", **settings} for n in QUEUES[:2]}}
        broker.converge(shrunk)
        time.sleep(0.2)

    assert publisher.published > 1000
    deadline = time.monotonic() + 3 + 5
    while any(broker.count(queue) for queue in QUEUES) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert dict.fromkeys(QUEUES, 0) == {queue: broker.count(queue) for queue in QUEUES}


def test_a_new_queue_has_its_ttl_from_the_first_message_on(broker: Any) -> None:
    """The policy stands before the queue, so nothing slips in without a TTL."""
    result = broker.converge(topology("1s", "1s", "2s"))

    order = [outcome.step.key for outcome in result.outcomes]
    writes = [index for index, key in enumerate(order) if ".write/" in key[0]]
    queues = [index for index, key in enumerate(order) if ".queue/" in key[0]]
    assert max(writes) < min(queues)


def test_what_waits_keeps_its_ttl_and_the_plan_says_so(broker: Any) -> None:
    """From 1 h to 2 h with 100 messages: one change in place, all 100 there, and the number in the plan."""
    broker.converge({"queues": {"own_a": {"message_ttl": "1h"}}})
    broker.publish("own_a", 100)

    plan = broker.plan({"queues": {"own_a": {"message_ttl": "2h"}}})
    broker.carry_out(plan)

    (change,) = [c for c in plan.changes if c.effects]
    assert ["for messages published from now on; the 100 that wait keep 1h"] == [
        effect.text for effect in change.effects
    ]
    assert broker.count("own_a") == 100
    assert broker.plan({"queues": {"own_a": {"message_ttl": "2h"}}}).is_empty
