"""Carries out a plan; the only caller of `Provider.apply`.

Each system has one thread. What is ready goes to its provider as one batch; a step is done when the provider says
that it has settled, and only then does what needs it begin. A failure skips its dependents and nothing else.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bizops.applier.progress import Listener, Stop, Timing
from bizops.applier.schedule import Schedule
from bizops.applier.users import Users
from bizops.applier.worker import Worker
from bizops.change import ApplyResult

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.graph import Graph
    from bizops.provider import Provider

__all__ = ["Listener", "Stop", "Timing", "apply"]


def apply(
    steps: Graph,
    providers: Mapping[str, Provider],
    *,
    pace: Timing | None = None,
    listener: Listener | None = None,
    stop: Stop | None = None,
) -> ApplyResult:
    """Carry out the steps of a plan and give what became of each.

    Raises nothing for a step that fails; a defect in a provider (an exception that is not ours) ends the steps of
    that batch as failed and is told in their detail. Raises KeyboardInterrupt where `stop` says so; what is being
    written then goes on without us.
    """
    board = Schedule(steps, listener or Listener(), Users(steps, providers))
    stop = stop or Stop()
    workers = [
        Worker(name, provider, board, pace or Timing(), stop)
        for name, provider in providers.items()
    ]
    threads = [
        threading.Thread(target=worker.work, name=f"apply-{worker.name}", daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)
            stop.check()
    return ApplyResult(board.finish(), interrupted=stop.level > 0)
