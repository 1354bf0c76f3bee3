"""Our worker as it is deployed, with an agent that answers at once: schema, store, lease, result, events."""

from __future__ import annotations

import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import pika
from tally import BODY, HOST, PORT, VHOST, Tally

from workers import logs
from workers.agents.order import OrderWorker
from workers.configuration.settings import load_settings
from workers.events.producer import EventStream
from workers.protocol.queues import OUTBOX, REFUSED
from workers.protocol.retries import TIERS
from workers.protocol.task import Task
from workers.tasks.store import LeaseReply, TaskStore, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from workers.events.envelopes import Event

QUEUE = "auto_orders"


def declare(*queues: str) -> None:
    """Declare what workers of these queues need."""
    with pika.BlockingConnection(pika.ConnectionParameters(HOST, PORT, VHOST)) as connection:
        channel = connection.channel()
        for queue in queues:
            channel.queue_declare(queue, durable=True, arguments={"x-max-priority": 10})
            channel.queue_declare(f"{queue}.dlq", durable=True)
        for name in (OUTBOX, REFUSED, *(tier.name for tier in TIERS)):
            channel.queue_declare(name, durable=True)
        for tier in TIERS:
            channel.exchange_declare(tier.name, "fanout", durable=True)


def publish(number: int) -> None:
    """Fill the queue with tasks of 1 KiB."""
    declare(QUEUE)
    connection = pika.BlockingConnection(pika.ConnectionParameters(HOST, PORT, VHOST))
    channel = connection.channel()
    run, now = uuid.uuid4().hex, int(time.time())
    for index in range(number):
        body = Task(f"{run}-{index}", BODY, "nothing").to_json()
        properties = pika.BasicProperties(delivery_mode=2, timestamp=now)
        channel.basic_publish("", QUEUE, body, properties)
    connection.close()


def leave_out(parts: Collection[str]) -> None:
    """Take promises away from the worker, to see what each costs: `records` in Redis, `events` on Kafka."""

    def begin(*_: object, **__: object) -> LeaseReply:
        return LeaseReply(Verdict.RUN)

    def complete(_: TaskStore, __: object, events: Sequence[Event]) -> LeaseReply:
        return LeaseReply(Verdict.RESULT, tuple(events))

    def nothing(*_: object) -> list[Any]:
        return []

    if "records" in parts:
        replaced: dict[str, Any] = {"begin": begin, "complete": complete, "mark_done": nothing}
        for name, function in replaced.items():
            setattr(TaskStore, name, function)
    if "events" in parts:
        EventStream.deliver = nothing  # type: ignore[method-assign]


def work(number: int, slots: int) -> None:
    """Take them all, so many at a time."""
    settings = load_settings({
        "ENGINE": "stub",
        "CONCURRENCY": str(slots),
        "WORKER_OLD_RECORDS": "ignore",
        "RABBITMQ_HOST": HOST,
        "RABBITMQ_VHOST": VHOST,
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:9092",
        "REDIS_URL": f"redis://{HOST}:6379/8",
        "RESULT_TTL": "5m",
        "HEALTH_PORT": "0",
    })  # fmt: skip
    logs.configure("warning", settings.redactor())
    tally = Tally(number)

    class Counting(OrderWorker):
        def callback(self, delivery: object) -> None:
            tally.begin()
            super().callback(delivery)  # type: ignore[arg-type] # as it comes
            tally.end()

    Counting(settings).start()


if __name__ == "__main__":
    if sys.argv[1] == "declare":
        declare(*sys.argv[2:])
    elif sys.argv[1] == "publish":
        publish(int(sys.argv[2]))
    else:
        leave_out(sys.argv[4:])
        work(int(sys.argv[2]), int(sys.argv[3]))
