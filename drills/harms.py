"""What is done to workers and servers. Each takes the scene and the ids of the tasks that were published, in order."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drills.fleet import pid_of
from drills.ledger import ANSWER, Step
from drills.room import DEAD_LETTERS, QUEUE
from drills.scene import Batch, DrillError
from drills.servers import BROKERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drills.scene import Scene

ALARM = "0.0000001"
FROZEN_SECONDS = 15.0
"""Longer than two heartbeats and a lease of the drills' workers."""
SHORT_GRACE = 6.0
"""Seconds of grace in the drill of a stop that has to cut something off."""


def kill_worker(scene: Scene, tasks: list[str]) -> None:
    """Kill -9 the process in which the first task runs."""
    scene.fleet.kill(scene.wait_for_run(tasks[0]))


def kill_workers_again_and_again(scene: Scene, tasks: list[str]) -> None:
    """Kill a process in mid-run every second, ten times."""
    for _ in range(10):
        scene.fleet.kill(scene.wait_for_run(*tasks))
        time.sleep(1)


def reset_connections(scene: Scene, tasks: list[str]) -> None:
    """Break all connections to RabbitMQ while the first task runs."""
    scene.wait_for_run(tasks[0])
    scene.proxy.mend()


def reset_connections_late(scene: Scene, tasks: list[str]) -> None:
    """Break all connections to RabbitMQ 4 s after the first task began."""
    scene.wait_for_run(tasks[0])
    time.sleep(4)
    scene.proxy.mend()


def cut_network(scene: Scene, tasks: list[str]) -> None:
    """Let everything between workers and RabbitMQ disappear for 20 s: longer than two heartbeats."""
    scene.wait_for_run(tasks[0])
    scene.proxy.cut()
    time.sleep(20)
    scene.proxy.mend()


def stop_worker(scene: Scene, tasks: list[str]) -> None:
    """SIGTERM to the process in which the first task runs; it has to exit with 0."""
    _leave(scene, tasks[0], exit_code=0)


def stop_stuck_worker(scene: Scene, tasks: list[str]) -> None:
    """SIGTERM to a process whose run never ends: it goes within the grace all the same, and with 0."""
    with _within_grace(scene, tasks[0]):
        _leave(scene, tasks[0], exit_code=0)


def stop_worker_that_is_cut_off(scene: Scene, tasks: list[str]) -> None:
    """SIGTERM to a process that RabbitMQ no longer answers: it goes within the grace all the same."""
    with _within_grace(scene, tasks[0]):
        scene.proxy.cut()
        try:
            _leave(scene, tasks[0], exit_code=0)
        finally:
            scene.proxy.mend()


def stop_worker_at_once(scene: Scene, tasks: list[str]) -> None:
    """SIGTERM twice: the process goes at once, with the code of a signal."""
    _leave(scene, tasks[0], exit_code=128 + 15, signals=2)


def replace_workers(scene: Scene, _: list[str]) -> None:
    """Replace all workers one by one, the new one first, as `docker service update --force` does."""
    for pid in scene.fleet.pids:
        scene.fleet.start(1)
        time.sleep(1.5)
        if code := scene.fleet.leave(pid):
            message = f"a worker exited with {code}"
            raise DrillError(message)


@contextmanager
def _within_grace(scene: Scene, task: str) -> Iterator[None]:
    scene.wait_for_run(task)
    begun = time.monotonic()
    yield
    if (took := time.monotonic() - begun) > SHORT_GRACE:
        message = f"the worker took {took:.1f} s to go, and its grace is {SHORT_GRACE:g} s"
        raise DrillError(message)


def _leave(scene: Scene, task: str, *, exit_code: int, signals: int = 1) -> None:
    pid = pid_of(scene.wait_for_run(task))
    scene.fleet.start(1)
    code = scene.fleet.leave(pid, signals=signals)
    if code != exit_code:
        message = f"the worker exited with {code}, not {exit_code}"
        raise DrillError(message)


def freeze_workers(scene: Scene, tasks: list[str]) -> None:
    """Wait until the tasks' processes stopped themselves, and let them go on when others have run their tasks.

    RabbitMQ closes their connections after two missed heartbeats, and their leases are over before.
    """
    try:
        frozen = scene.fleet.wait_for_frozen(len(tasks))
    except TimeoutError as error:
        raise DrillError(str(error)) from None
    scene.fleet.start(1)
    time.sleep(FROZEN_SECONDS)
    try:
        scene.expect(lambda: set(tasks) <= scene.listener.heard_of(), "others run the tasks")
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    scene.expect(lambda: scene.room.consumers() == len(scene.fleet.pids), "all workers consume")


def upgrade_workers(scene: Scene, _: list[str]) -> None:
    """Replace workers of 0.1.0 one by one, and break all connections at each step: others get what runs already."""
    for pid in scene.fleet.pids:
        scene.fleet.start(1)
        time.sleep(2)
        scene.proxy.mend()
        time.sleep(1)
        if code := scene.fleet.leave(pid):
            message = f"a worker exited with {code}"
            raise DrillError(message)


def publish_again(scene: Scene, tasks: list[str]) -> None:
    """Publish tasks again, once they are completed."""
    scene.expect(lambda: set(tasks) <= scene.listener.finished(), "the tasks are completed")
    for task in tasks:
        scene.send(task, task, Batch())


def publish_other_content(scene: Scene, tasks: list[str]) -> None:
    """Publish other tasks under the ids of these, while they run and once they are completed."""
    scene.wait_for_run(tasks[0])
    other = Batch(end="conflict")
    for task in tasks:
        scene.send(f"{task}-early", task, other, "something else")
    scene.expect(lambda: set(tasks) <= scene.listener.finished(), "the tasks are completed")
    for task in tasks:
        scene.send(f"{task}-late", task, other, "something else")


def delete_queue(scene: Scene, tasks: list[str]) -> None:
    """Delete the work queue while its tasks run, declare it again after 3 s; what only waited in it is gone with it."""
    scene.expect(
        lambda: len(scene.ledger.active()) == len(tasks) and scene.room.depth(QUEUE) == 0,
        "all tasks are in their runs",
    )
    scene.room.delete_queue()
    time.sleep(3)
    scene.room.declare()


def bring_provider_down(scene: Scene, tasks: list[str]) -> None:
    """Let the provider be down for 10 s."""
    scene.wait_for_run(tasks[0])
    scene.ledger.outage = Step("500")
    time.sleep(10)
    scene.ledger.outage = None


def take_the_first_two_last(scene: Scene, tasks: list[str]) -> None:
    """Let the first two tasks succeed once all others are completed."""
    others = set(tasks[2:])
    scene.expect(lambda: others <= scene.listener.finished(), "the other tasks are completed")
    for task in tasks[:2]:
        scene.ledger.script(task, (ANSWER,))


def restart_rabbitmq(scene: Scene, tasks: list[str]) -> None:
    """Restart RabbitMQ in order, while the first task runs."""
    scene.wait_for_run(tasks[0])
    scene.servers.docker("restart", "rabbitmq")


def kill_rabbitmq(scene: Scene, tasks: list[str]) -> None:
    """Kill -9 RabbitMQ while the first task runs, and start it 5 s later."""
    scene.wait_for_run(tasks[0])
    scene.servers.crash("rabbitmq", 5)


def kill_rabbitmq_behind_a_retry(scene: Scene, tasks: list[str]) -> None:
    """Kill -9 RabbitMQ while all tasks but the last two are back from their tier; those keep the workers busy."""
    scene.wait_for_run(tasks[-2])
    scene.wait_for_run(tasks[-1])
    returned = len(tasks) - 2
    scene.expect(lambda: scene.room.depth(QUEUE) == returned, "the tasks are back in their queue")
    scene.servers.crash("rabbitmq", 5)


def raise_memory_alarm(scene: Scene, tasks: list[str]) -> None:
    """Let RabbitMQ run out of memory, as it thinks, for 15 s: it blocks every connection that publishes."""
    scene.wait_for_run(tasks[0])
    try:
        scene.servers.execute("rabbitmq", "rabbitmqctl", "set_vm_memory_high_watermark", ALARM)
        time.sleep(15)
    finally:
        scene.servers.execute("rabbitmq", "rabbitmqctl", "set_vm_memory_high_watermark", "0.6")


def pause_kafka(scene: Scene, tasks: list[str]) -> None:
    """Pause all Kafka brokers for 60 s; the tasks go on meanwhile, and a worker that holds the outbox is killed."""
    scene.wait_for_run(tasks[0])
    scene.servers.docker("pause", *BROKERS)
    try:
        begun = time.monotonic()
        scene.expect(lambda: scene.room.depth("events.outbox") > 0, "events wait in the outbox")
        victim = scene.publish(Batch(runs=2))
        scene.fleet.kill(scene.wait_for_run(*victim))
        scene.expect(lambda: len(scene.ledger.runs()) > len(tasks), "the work goes on")
        time.sleep(max(0, 60 - (time.monotonic() - begun)))
    finally:
        scene.servers.docker("unpause", *BROKERS)


def kill_redis(scene: Scene, tasks: list[str]) -> None:
    """Kill -9 Redis while the first task runs, publish more, and start it after 10 s."""
    scene.wait_for_run(tasks[0])
    scene.servers.docker("kill", "redis")
    try:
        scene.publish(Batch(count=4))
        time.sleep(10)
    finally:
        scene.servers.docker("start", "redis")


def kill_redis_for_good(scene: Scene, tasks: list[str]) -> None:
    """Kill -9 Redis, and start it when everything is over."""
    scene.servers.docker("kill", "redis")
    try:
        scene.publish(Batch(count=2), Batch(steps=(Step("die"),), end="poison", runs=2))
        scene.expect(lambda: scene.room.depth(DEAD_LETTERS) == 1, "the poison is found", 60)
    finally:
        scene.servers.docker("start", "redis")
    del tasks
