"""Harm upon harm, under load: each once a round, in an order of chance, and the next when the last is mended."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drills.scene import Scene

ROUNDS = 2
WORKERS = 4


def break_one_after_another(scene: Scene, tasks: list[str]) -> None:
    """Do all of it; the order is another one in each run of the drill.

    Redis stands: without it nobody knows what another worker did, and a task may run twice.
    """
    del tasks
    every = (_kill_a_worker, _break_connections, _pause_a_broker, _kill_rabbitmq)
    for _ in range(ROUNDS):
        for harm in random.sample(every, len(every)):
            scene.expect(lambda: scene.room.consumers() == WORKERS, "all workers consume", 60)
            scene.expect(lambda: bool(scene.ledger.active()), "a task is in its run")
            harm(scene)
            time.sleep(random.uniform(0, 3))  # noqa: S311 - chance, no secret


def _kill_a_worker(scene: Scene) -> None:
    for run in scene.ledger.active()[:1]:
        scene.fleet.kill(run)


def _break_connections(scene: Scene) -> None:
    scene.proxy.mend()


def _pause_a_broker(scene: Scene) -> None:
    scene.servers.docker("pause", "kafka-2")
    time.sleep(8)
    scene.servers.docker("unpause", "kafka-2")


def _kill_rabbitmq(scene: Scene) -> None:
    scene.servers.crash("rabbitmq", 4)
