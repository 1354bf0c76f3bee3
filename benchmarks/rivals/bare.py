"""Our consumer alone: late acknowledgement, as many threads and prefetch as slots; no schema, no store, no events."""

from __future__ import annotations

import queue
import sys
import threading

import pika
from tally import BODY, HOST, PORT, SLOTS, VHOST, Tally

from workers.amqp.consumer import Consumer, Delivery, Requirements
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity

QUEUE = "bench_bare"


def publish(number: int) -> None:
    """Declare the queue, and fill it with persistent messages."""
    connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, PORT, VHOST))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-max-priority": 10})
    for _ in range(number):
        channel.basic_publish("", QUEUE, BODY.encode(), pika.BasicProperties(delivery_mode=2))
    connection.close()


def work(number: int) -> None:
    """Take them all."""
    settings = load_settings({"ENGINE": "stub", "RABBITMQ_HOST": HOST, "RABBITMQ_VHOST": VHOST})
    tally, waiting = Tally(number), queue.SimpleQueue[Delivery]()
    consumer = Consumer(
        settings, Connectivity(["rabbitmq"]), Requirements([QUEUE], []), lambda: None
    )
    consumer.subscribe(QUEUE, SLOTS, waiting.put)

    def serve() -> None:
        while True:
            delivery = waiting.get()
            tally.begin()
            consumer.settle(delivery)
            tally.end()

    for _ in range(SLOTS):
        threading.Thread(target=serve, daemon=True).start()
    consumer.run(threading.Event())


if __name__ == "__main__":
    {"publish": publish, "work": work}[sys.argv[1]](int(sys.argv[2]))
