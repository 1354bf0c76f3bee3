"""What a drill is, and how one is run."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drills.fleet import build_image
from drills.older import checkout_of
from drills.scene import Batch, DrillError, Scene
from drills.verdict import Counts, count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from drills.servers import Servers

AFTERWARDS = Batch(count=2)
"""Published once the harm is done: does anybody still work?"""


def no_harm(_: Scene, __: list[str]) -> None:
    """Do nothing to the servers: the tasks themselves are the harm."""


@dataclass(frozen=True, slots=True)
class Drill:
    """`batches` are published, then `harm` is done, given their tasks' ids in order.

    `is_short` marks those that take some seconds and harm nobody but their own workers, so that they may run on
    shared servers. `is_in_image` runs the workers in containers of their image. `older` is a commit whose workers are
    there before the harm. `patience` is how many seconds after the harm everything has to be over.
    """

    name: str
    what: str
    batches: tuple[Batch, ...]
    harm: Callable[[Scene, list[str]], None] = no_harm
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = 2
    is_short: bool = False
    is_in_image: bool = False
    older: str = ""
    patience: float = 40.0


@dataclass(frozen=True, slots=True)
class Row:
    """What came of a drill; `fault` says why it proved nothing, empty where it did.

    `logs` is the folder of the workers' logs, which is kept where the row is not good.
    """

    drill: Drill
    counts: Counts
    seconds: float
    fault: str
    logs: Path

    @property
    def is_good(self) -> bool:
        """Whether it ran as intended, and every promise was kept."""
        return not self.fault and self.counts.is_good


def run(drill: Drill, servers: Servers, module: str = "drills.agent") -> Row:
    """Run a drill with workers that `python -m module` starts."""
    begun = time.monotonic()
    fault = ""
    image = build_image() if drill.is_in_image else ""
    with Scene(servers, drill.settings, module, image) as scene:
        try:
            scene.fleet.start(drill.workers, checkout_of(drill.older, scene.folder))
            scene.expect(lambda: scene.room.consumers() == drill.workers, "all workers consume")
            task_ids = scene.publish(*drill.batches)
            drill.harm(scene, task_ids)
            scene.publish(AFTERWARDS)
        except DrillError as error:
            fault = str(error)
        scene.wait_for_end(drill.patience)
        counts = count(scene.find())
        fault = fault or "; ".join(scene.listener.faults[:3])
    row = Row(drill, counts, time.monotonic() - begun, fault, scene.folder)
    if row.is_good:
        shutil.rmtree(scene.folder)
    return row
