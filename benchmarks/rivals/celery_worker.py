"""Celery: late acknowledgement, confirms, results in Redis, one process, as many threads and prefetch as slots."""

from __future__ import annotations

import sys

from celery import Celery
from celery.signals import task_postrun
from kombu import Queue
from tally import BODY, HOST, PORT, RESULT_SECONDS, RESULTS, SLOTS, VHOST, Tally

QUEUE = "bench_celery"
app = Celery("bench", broker=f"amqp://guest:guest@{HOST}:{PORT}/{VHOST}", backend=RESULTS)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"confirm_publish": True},
    task_queues=[Queue(QUEUE, durable=True, queue_arguments={"x-max-priority": 10})],
    task_default_queue=QUEUE,
    result_expires=RESULT_SECONDS,
    worker_redirect_stdouts=False,
)
tally = Tally(int(sys.argv[2]))


@app.task(name="bench.task")  # type: ignore[untyped-decorator] # celery has no types
def task(body: str) -> str:
    """Give back a KiB."""
    tally.begin()
    return body


@task_postrun.connect  # type: ignore[untyped-decorator] # celery has no types
def count(**_: object) -> None:
    """Count a task whose result is stored; it is acknowledged next."""
    tally.end()


def publish(number: int) -> None:
    """Fill its queue."""
    for _ in range(number):
        task.apply_async((BODY,), queue=QUEUE)


def work(_: int) -> None:
    """Take them all."""
    options = ["--pool=threads", f"--concurrency={SLOTS}", "--loglevel=ERROR"]
    app.worker_main(["worker", *options, "--without-gossip", "--without-mingle", "-Q", QUEUE])


if __name__ == "__main__":
    {"publish": publish, "work": work}[sys.argv[1]](int(sys.argv[2]))
