"""Dramatiq: late acknowledgement (its default), confirms, results in Redis, as many threads and prefetch as slots."""

from __future__ import annotations

import os
import sys
import time

from tally import BODY, HOST, PORT, RESULT_SECONDS, RESULTS, SLOTS, VHOST, Tally

os.environ["dramatiq_queue_prefetch"] = str(SLOTS)  # noqa: SIM112 - its own spelling

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

broker = RabbitmqBroker(
    host=HOST, port=PORT, virtual_host=VHOST, confirm_delivery=True, max_priority=10
)
tally = Tally(int(sys.argv[2]))


class Counting(dramatiq.Middleware):  # type: ignore[misc] # dramatiq has no types here
    """Counts a task whose result is stored; it is acknowledged next."""

    def after_process_message(self, *_: object, **__: object) -> None:
        """Count it."""
        tally.end()


# The last one that is added hears of a message's end first (2.1).
broker.add_middleware(Counting())
broker.add_middleware(
    Results(backend=RedisBackend(url=RESULTS), store_results=True, result_ttl=RESULT_SECONDS * 1000)
)
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name="bench_dramatiq")
def task(body: str) -> str:
    """Give back a KiB."""
    tally.begin()
    return body


def publish(number: int) -> None:
    """Fill its queue."""
    for _ in range(number):
        task.send(BODY)


def work(_: int) -> None:
    """Take them all."""
    dramatiq.Worker(broker, worker_threads=SLOTS).start()
    while True:
        time.sleep(1)


if __name__ == "__main__":
    {"publish": publish, "work": work}[sys.argv[1]](int(sys.argv[2]))
