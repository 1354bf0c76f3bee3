"""What a worker does with a task over which it fails itself, on real servers."""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING

import pytest
import redis

from workers.tasks.store import Place

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from tests.workers.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.slow]
QUEUE, DLQ = "auto_orders", "auto_orders.dlq"


def test_a_task_over_which_the_worker_fails_twice_is_dead_lettered_and_the_next_one_is_done(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    """Here its record holds what no worker wrote: no try can help, and none is an attempt of the agent."""
    task_id = f"task-{uuid.uuid4()}"
    record = Place("defects", QUEUE).key(task_id)
    store = redis.Redis.from_url(site.environment()["REDIS_URL"])
    store.hset(record, "result", "{broken")
    worker("order", RECORD_NAMESPACE="defects")

    site.run("submit", "order", "--description", "broken", "--id", task_id)
    done = site.run("submit", "order", "--description", "sound", "--wait", "--timeout", "60s")

    assert done.code == 0, done.err
    deadline = time.monotonic() + 60
    while not site.channel.queue_declare(DLQ, passive=True).method.message_count:
        assert time.monotonic() < deadline
        site.channel.connection.sleep(0.2)
    ((properties, body),) = site.drain(DLQ)
    assert task_id.encode() in body
    assert properties.headers["reason"] == "internal"
    assert "JSONDecodeError" in properties.headers["error"]
    store.delete(record)
