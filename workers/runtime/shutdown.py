"""How a worker goes: no new task, what has not started goes back, what runs may finish within the grace period."""

from __future__ import annotations

import logging
import queue
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.configuration.settings import STOP_SECONDS
from workers.errors import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.amqp.consumer import Consumer, Delivery
    from workers.tasks.running_tasks import Run, RunningTasks
    from workers.tasks.store import TaskStore

LOG = logging.getLogger(__name__)
CALL_OFF_SECONDS = 1.0
"""How long a run that is called off may take to notice."""
CLOSE_SECONDS = 1.8
"""How long closing may take: what remains of STOP_SECONDS then, but for one look around."""


@dataclass(frozen=True, slots=True)
class ShutdownContext:
    """What a stop has to leave tidy; `is_busy` says whether any delivery is being handled."""

    consumer: Consumer
    runs: RunningTasks
    store: TaskStore
    waiting: queue.SimpleQueue[Delivery | None]
    is_busy: Callable[[], bool]


class Stop:
    """One stop of a worker, brought forward by `advance` from one thread until it says that it is over.

    A stop that `is_asked` for gives back what does not end within the grace period, also a run that nothing can stop:
    it was not its turn to fail. A stop because of such a run leaves that one to count as a start that never ended.
    """

    def __init__(self, premises: ShutdownContext, grace: float, *, is_asked: bool) -> None:
        self._premises = premises
        self._is_asked = is_asked
        self._deadline = time.monotonic() + grace - STOP_SECONDS
        self._called_off_at: float | None = None

    def advance(self) -> bool:
        """Do what is due; gives whether the worker may go."""
        self._premises.consumer.pause_all()
        self._return_unstarted()
        active = self._premises.runs.active()
        running = [run for run in active if self._is_asked or not run.is_stuck]
        if not running and not self._premises.is_busy():
            return True
        now = time.monotonic()
        if self._called_off_at is None:
            # Nothing but stuck runs cannot be waited for: the process ends them.
            if now >= self._deadline or (not running and active):
                self._called_off_at = now
                self._premises.runs.call_off()
            return False
        if now - self._called_off_at < CALL_OFF_SECONDS:
            return False
        for run in running:
            self._return(run)
        return True

    def _return_unstarted(self) -> None:
        while True:
            try:
                delivery = self._premises.waiting.get_nowait()
            except queue.Empty:
                return
            if delivery is not None:
                self._premises.consumer.settle(delivery, requeue=True)

    def _return(self, run: Run) -> None:
        """Give back a task whose run did not end in time, but not before the process has gone that it ends with."""
        LOG.warning("task_returned", extra={"task_id": run.claim.task_id, "error_class": "stopped"})
        try:
            self._premises.store.leave(run.claim)
        except StoreAwayError as error:
            LOG.debug("not_left", extra={"reason": str(error)})
        # After the record: it may be delivered again at once.
        self._premises.consumer.settle(run.delivery, requeue=True)
