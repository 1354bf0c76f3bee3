"""A broker that hangs during a plan and during an apply, and an apply that is asked to stop."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from stack.addresses import BROKER, read_addresses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack.servers import Server

pytestmark = pytest.mark.integration

SECOND = "rabbitmq-310"
ADDRESSES = read_addresses({**os.environ, BROKER: SECOND})
EXCHANGES = f"{ADDRESSES.management}/api/exchanges/%2F"
TEXT = """\
HEAD
%s
kafka:
  owns: {topics: ["TAG.*"]}
  topics: {TAG.t: {partitions: 1, replication_factor: 1}}
""" % "\n".join(f"    TAG_q{index:03}: {{message_ttl: 1h}}" for index in range(150))  # noqa: UP031


@pytest.fixture
def pause(servers: dict[str, Server]) -> Iterator[Any]:
    """Pause the second RabbitMQ, which nobody else uses for long; always wake it in the end."""
    paused = []

    def put_to_sleep() -> None:
        servers[SECOND].pause()
        paused.append(SECOND)

    def wake() -> None:
        while paused:
            servers[paused.pop()].unpause()

    put_to_sleep.wake = wake  # type: ignore[attr-defined]
    yield put_to_sleep
    wake()


@pytest.mark.disruptive
def test_a_broker_that_hangs_during_a_plan_is_one_clear_error(shop: Any, pause: Any) -> None:
    """It is told within the time-out, the other system is still compared, and nothing is created."""
    shop.addresses = ADDRESSES
    shop.declare(TEXT)
    pause()

    planned = shop.run("plan", "--timeout", "2")
    drifted = shop.run("drift", "--timeout", "2")
    pause.wake()

    assert (3, 3) == (planned.code, drifted.code), planned.out + drifted.out
    assert ADDRESSES.management in planned.err
    assert "+ rabbitmq" not in planned.out
    assert f"+ kafka.topic/{shop.tag}.t" in planned.out
    assert "NOT READ" in drifted.out


@pytest.mark.disruptive
def test_a_broker_that_hangs_during_an_apply_fails_that_part_and_a_second_run_finishes(
    shop: Any, pause: Any
) -> None:
    """The apply ends by itself, exits 1, and says what is left."""
    shop.addresses = ADDRESSES
    shop.declare(TEXT)
    begun = shop.start("apply", "--auto-approve", "-q", "--timeout", "2", "--lock=false")
    while f"{shop.tag}_dlx" not in requests.get(EXCHANGES, auth=("guest", "guest"), timeout=9).text:
        assert begun.poll() is None, begun.communicate()
    pause()
    try:
        out, err = begun.communicate(timeout=100)
    finally:
        begun.kill()
    pause.wake()

    assert begun.returncode == 1, out + err
    assert ADDRESSES.management in out + err

    shop.apply("--lock=false")
    assert shop.run("plan", "--detailed-exitcode").code == 0


SLOW = """\
bizops: 1
name: TAG
rabbitmq:
  owns: {queues: [TAG_*]}
  queues: {TAG_orders: {}}
swarm:
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      stop_grace_period: 1s
      needs: [rabbitmq.queue/TAG_orders]
      deploy: {replicas: 1, update_config: {monitor: 20s}}
    TAG-later:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      stop_grace_period: 1s
      needs: [swarm.service/TAG-worker]
      deploy: {replicas: 0}
"""


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_an_apply_in_order_and_it_says_what_is_left(
    sent: signal.Signals, code: int, shop: Any, witness: Any, rabbitmq: Server
) -> None:
    """SIGINT finishes what is in flight, SIGTERM stops waiting; both start nothing more and free the lock."""
    shop.declare(SLOW)
    begun = shop.start("apply", "--auto-approve")
    deadline = time.monotonic() + 30
    while f"{shop.tag}-worker" not in witness("docker", "service", "ls", "--format", "{{.Name}}"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    begun.send_signal(sent)
    out, err = begun.communicate(timeout=100)

    assert begun.returncode == code, out + err
    assert f"{shop.tag}-later" in out + err
    assert f"{shop.tag}-later" not in witness("docker", "service", "ls", "--format", "{{.Name}}")
    assert f"bizops.lock.{shop.tag}" not in rabbitmq.run("rabbitmqctl", "-q", "list_queues", "name")
