"""The runs of a process: their leases are renewed, their limits watched, and a stop can call them off."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workers.errors import StoreAwayError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.amqp.consumer import Delivery
    from workers.configuration.settings import Settings
    from workers.engine.interface import Deadline
    from workers.tasks.store import LeaseRequest, TaskStore

LOG = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Run:
    """One agent at work on one delivery, since `begun` (monotonic seconds).

    From `has_returned` on no limit of time holds: what is told and stored then waits for others, not for the agent.
    """

    claim: LeaseRequest
    delivery: Delivery
    deadline: Deadline
    begun: float = field(default_factory=time.monotonic)
    has_returned: bool = False
    is_stuck: bool = False


class RunningTasks:
    """Everything that runs in this process now; may be used from any thread."""

    def __init__(self, settings: Settings, store: TaskStore) -> None:
        self._settings = settings
        self._store = store
        self._guard = threading.Lock()
        self._runs: set[Run] = set()
        self._renewed = time.monotonic()

    @contextmanager
    def track(self, run: Run) -> Iterator[None]:
        """Count a run as active, and keep its task reserved, until it ends."""
        with self._guard:
            self._runs.add(run)
        try:
            yield
        finally:
            with self._guard:
                self._runs.discard(run)

    def active(self) -> list[Run]:
        """Give the runs that have not ended, the stuck ones too."""
        with self._guard:
            return list(self._runs)

    def is_running(self, claim: LeaseRequest) -> bool:
        """Whether this process works on another copy of the task now."""
        return any(run.claim.key == claim.key for run in self.active())

    def tick(self) -> list[Run]:
        """Renew leases, three times in the life of one; gives the runs that went over the hard limit since."""
        now = time.monotonic()
        runs = self.active()
        if now - self._renewed >= self._settings.lease / 3:
            self._renewed = now
            for run in runs:
                self._renew(run)
        over = [
            run
            for run in runs
            if not (run.is_stuck or run.has_returned)
            and now - run.begun > self._settings.hard_time_limit
        ]
        for run in over:
            run.is_stuck = True
            run.deadline.call_off()
            self._explain(run)
        return over

    def call_off(self) -> None:
        """Let no run ask its model again."""
        for run in self.active():
            run.deadline.call_off()

    def _renew(self, run: Run) -> None:
        try:
            self._store.renew(run.claim)
        except StoreAwayError as error:
            LOG.debug("lease_not_renewed", extra={"reason": str(error)})

    def _explain(self, run: Run) -> None:
        limit = self._settings.hard_time_limit
        LOG.error("hard_time_limit", extra={"task_id": run.claim.task_id, "seconds": limit})
        try:
            self._store.explain(run.claim, f"a run went over the hard time limit of {limit}")
        except StoreAwayError as error:
            LOG.debug("run_not_explained", extra={"reason": str(error)})
