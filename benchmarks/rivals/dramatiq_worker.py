"""Dramatiq: late acknowledgement (its default), confirms, one process, eight threads, prefetch eight."""

from __future__ import annotations

import os
import sys
import time

from tally import BODY, HOST, PORT, THREADS, VHOST, Tally

os.environ["dramatiq_queue_prefetch"] = str(THREADS)  # noqa: SIM112 - its own spelling

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

broker = RabbitmqBroker(
    host=HOST, port=PORT, virtual_host=VHOST, confirm_delivery=True, max_priority=10
)
dramatiq.set_broker(broker)
tally = Tally(int(sys.argv[2]))


@dramatiq.actor(queue_name="bench_dramatiq")
def task(_: str) -> None:
    """Do nothing with a KiB."""
    tally.begin()
    tally.end()


def publish(number: int) -> None:
    """Fill its queue."""
    for _ in range(number):
        task.send(BODY)


def work(_: int) -> None:
    """Take them all."""
    dramatiq.Worker(broker, worker_threads=THREADS).start()
    while True:
        time.sleep(1)


if __name__ == "__main__":
    {"publish": publish, "work": work}[sys.argv[1]](int(sys.argv[2]))
