"""Workers that break a promise on purpose: `python -m tests.drills.careless`, with CARELESS in the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from drills.agent import DrillWorker, main
from workers.tasks.store import LeaseReply, TaskStore, Verdict

if TYPE_CHECKING:
    from workers.amqp.consumer import Delivery
    from workers.configuration.settings import Settings
    from workers.protocol.task import Task
    from workers.tasks.store import LeaseRequest


class AckFirst(DrillWorker):
    """Acknowledges a task before it works on it."""

    def callback(self, delivery: Delivery) -> None:
        self._consumer.settle(delivery)
        super().callback(delivery)


class Forgetful(DrillWorker):
    """Knows of no lease and no result."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._store.__class__ = ForgetfulStore


class ForgetfulStore(TaskStore):
    def begin(self, claim: LeaseRequest, task: Task, *, is_redelivered: bool) -> LeaseReply:
        super().begin(claim, task, is_redelivered=is_redelivered)
        return LeaseReply(Verdict.RUN)


if __name__ == "__main__":
    main({"ack first": AckFirst, "forgetful": Forgetful}[os.environ["CARELESS"]])
