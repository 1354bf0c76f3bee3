"""The life of a task in a worker, from delivery to acknowledgement.

    read -> begin (duplicate? runs elsewhere? poison?) -> too old? -> run -> store the result -> tell -> acknowledge

Whatever ends a process in between, the broker delivers the message again, and the task's record says how far it came.
"""

from __future__ import annotations

import itertools
import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers import liveness
from workers.engine.circuit_breaker import State
from workers.engine.interface import Deadline
from workers.errors import (
    InvalidTaskError,
    RefusedError,
    RunError,
    StoreAwayError,
    TransientError,
)
from workers.events import envelopes
from workers.logs import about
from workers.protocol.dead_letter_reason import DeadLetterReason
from workers.protocol.task import find_id, read_task
from workers.tasks import agent_call
from workers.tasks.message import Message
from workers.tasks.publishing import DeliveryLostError
from workers.tasks.running_tasks import Run
from workers.tasks.store import LeaseReply, LeaseRequest, Place, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.amqp.consumer import Delivery
    from workers.configuration.settings import Settings
    from workers.engine.circuit_breaker import CircuitBreaker
    from workers.engine.interface import Answer
    from workers.metrics import Metrics
    from workers.protocol.task import Task
    from workers.protocol.usage import Usage
    from workers.tasks.completion import Completion
    from workers.tasks.running_tasks import RunningTasks
    from workers.tasks.store import TaskStore

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What a worker works with; `worker` is the process's name in logs, events and leases."""

    worker: str
    settings: Settings
    store: TaskStore
    runs: RunningTasks
    breaker: CircuitBreaker
    metrics: Metrics
    endings: Completion


class TaskProcessor:
    """Handles deliveries; `process` runs the agent. Called from several threads."""

    def __init__(self, bench: WorkerContext, process: Callable[[Task, Deadline], Answer]) -> None:
        self._bench = bench
        self._endings = bench.endings
        self._process = process
        self._numbers = itertools.count(1)

    def handle(self, delivery: Delivery) -> None:
        """Bring one delivery to its end. What could not be confirmed stays the broker's, and comes again."""
        message = Message.read(delivery)
        with about(trace_id=message.trace_id, attempt=message.attempt):
            try:
                self._read(message)
            except DeliveryLostError as error:
                LOG.info("delivery_lost", extra={"reason": str(error)})
            except RefusedError as error:
                LOG.warning("publish_refused", extra={"reason": str(error)})
                self._endings.settle(message, "returned", requeue=True)

    def give_up(self, delivery: Delivery, error: BaseException) -> None:
        """Dead-letter a delivery over which the worker itself failed; raises GoneError."""
        message = Message.read(delivery)
        task_id = self._find_id(delivery)
        # No word of the error itself: nobody knows what a defect puts there.
        text = f"a defect in the worker: {type(error).__name__}; its log says more"
        obituary = DeadLetterReason("internal", "internal_error", text, closes_record=False)
        with about(task_id=task_id, trace_id=message.trace_id, attempt=message.attempt):
            self._endings.bury(message, obituary, self._claim(message, task_id))

    def _read(self, message: Message) -> None:
        if message.is_dead:
            self._endings.bury_again(message)
            return
        if self._bench.breaker.state is State.OPEN:
            self._endings.settle(message, "returned", requeue=True)
            return
        delivery = message.delivery
        try:
            task = read_task(
                delivery.body,
                self._bench.settings.max_body,
                delivery.properties.content_encoding,
                self._bench.settings.redactor().redact,
            )
        except InvalidTaskError as error:
            task_id = self._find_id(delivery)
            obituary = DeadLetterReason("invalid", "invalid_task", str(error), closes_record=False)
            with about(task_id=task_id):
                self._endings.bury(message, obituary, self._claim(message, task_id))
            return
        with about(task_id=task.id):
            self._begin(message, task, self._claim(message, task.id))

    def _find_id(self, delivery: Delivery) -> str:
        encoding = delivery.properties.content_encoding
        return find_id(delivery.body, self._bench.settings.max_body, encoding)

    def _check_age(self, message: Message) -> DeadLetterReason | None:
        """Say why a task is not begun any more; one whose result exists, or that runs, is never too old."""
        ttl, age = self._bench.settings.task_ttl, message.age
        if ttl and age is not None and age > ttl:
            text = f"published {age:.0f} s ago, and TASK_TTL is {ttl}"
            return DeadLetterReason("expired", "expired", text)
        return None

    def _claim(self, message: Message, task_id: str) -> LeaseRequest:
        owner = f"{self._bench.worker}/{next(self._numbers)}"
        delivery = message.delivery
        place = Place.of(self._bench.settings, delivery.cluster, delivery.queue)
        return LeaseRequest(place, task_id, owner, message.replays, message.attempt)

    def _begin(self, message: Message, task: Task, claim: LeaseRequest) -> None:
        grant = self._ask(message, claim, task)
        match grant.verdict:
            case Verdict.RUN:
                if obituary := self._check_age(message):
                    self._endings.bury(message, obituary, claim)
                else:
                    self._run(message, task, claim)
            case Verdict.RESULT:
                LOG.info("result_reused")
                self._bench.metrics.results_reused.inc()
                self._endings.finish(message, claim, grant, "reused")
            case Verdict.LEASED:
                # Without the store nobody knows: this was the one look that such a message gets.
                is_unguarded = message.is_unguarded or self._bench.store.is_away
                self._endings.park(message, is_unguarded=is_unguarded)
            case Verdict.STALE:
                LOG.info("stale_copy", extra={"reason": grant.detail})
                self._endings.settle(message, "stale")
            case Verdict.POISON:
                text = f"begun and never ended: {grant.detail}"
                self._endings.bury(message, DeadLetterReason("poison", "poison", text), claim)
            case Verdict.CONFLICT:
                text = "another task has this id, with another description, output or context"
                obituary = DeadLetterReason("conflict", "id_conflict", text, closes_record=False)
                self._endings.bury(message, obituary, claim)

    def _ask(self, message: Message, claim: LeaseRequest, task: Task) -> LeaseReply:
        """Ask the store; without it, a message that was delivered before gets one more try, and that is all."""
        is_redelivered = message.delivery.redelivered
        try:
            return self._bench.store.begin(
                claim, task, is_redelivered=is_redelivered or message.is_parked
            )
        except StoreAwayError:
            if known := self._bench.store.recall(claim):
                return LeaseReply(Verdict.RESULT, known)
            if self._bench.runs.is_running(claim):
                return LeaseReply(Verdict.LEASED)
            if not is_redelivered:
                return LeaseReply(Verdict.RUN)
            if not message.is_unguarded:
                return LeaseReply(Verdict.LEASED)
            return LeaseReply(Verdict.POISON, detail="2 times, while Redis was away")

    def _run(self, message: Message, task: Task, claim: LeaseRequest) -> None:
        deadline = Deadline(self._bench.settings.soft_time_limit)
        run = Run(claim, message.delivery, deadline)
        waited = message.age
        with self._bench.runs.track(run):
            with liveness.rest():  # the limits of the run watch it
                found = agent_call.run(self._process, task, deadline)
            # From here on others are waited for: a broker that blocks is not the agent's time.
            run.has_returned = True
            if isinstance(found, RunError):
                self._fail(message, run, found, self._measure(run, waited, found.spent))
                return
            self._bench.breaker.succeed()
            effort = self._measure(run, waited, (found.model, found.usage))
            LOG.info("task_answered", extra={"model": found.model, "ran_seconds": effort.ran})
            subject = self._endings.subject(message, task.id)
            hide = self._bench.settings.redactor().redact_known
            told = envelopes.completed(subject, effort, found.text, hide)
            self._endings.finish(message, claim, self._keep(claim, told), "completed")

    def _keep(self, claim: LeaseRequest, found: tuple[envelopes.Event, ...]) -> LeaseReply:
        """Store a result; gives the one that stands, which is another run's where that was first."""
        try:
            grant = self._bench.store.complete(claim, found)
        except StoreAwayError:
            return LeaseReply(Verdict.RESULT, found)
        if grant.result != found:
            LOG.info("late_result_dropped")
            self._bench.metrics.late_runs.inc()
        return grant

    def _is_taken(self, claim: LeaseRequest) -> bool:
        try:
            return self._bench.store.is_taken(claim)
        except StoreAwayError:
            return False

    def _fail(
        self, message: Message, run: Run, failure: RunError, effort: envelopes.Effort
    ) -> None:
        """Tell a failure that counts from one that is nobody's attempt: called off, or the provider is down."""
        if self._is_taken(run.claim):
            # Whoever has the task now says what becomes of it.
            LOG.info("late_failure_dropped", extra={"error_class": failure.error_class})
            self._bench.metrics.late_runs.inc()
            self._endings.settle(message, "returned", requeue=True)
            return
        if run.is_stuck:
            text = f"over the hard time limit of {self._bench.settings.hard_time_limit}"
            failure = TransientError(text, error_class="hard_time_limit")
        elif failure.error_class == "called_off" and run.deadline.is_called_off:
            self._endings.give_back(message, run.claim)
            return
        if not failure.is_provider:
            self._bench.breaker.succeed()
        elif self._bench.breaker.fail(getattr(failure, "retry_after", None)):
            LOG.info("task_postponed", extra={"error_class": failure.error_class})
            self._endings.postpone(message, run.claim, self._bench.breaker.seconds_left)
            return
        self._endings.fail(message, run.claim, failure, effort)

    def _measure(
        self, run: Run, waited: float | None, spent: tuple[str, Usage] | None
    ) -> envelopes.Effort:
        """Count what a run took, whatever came of it."""
        model, usage = spent or (None, envelopes.NO_USAGE)
        model = model and self._bench.settings.redactor().redact(model)
        price, ran = self._bench.settings.llm_price, round(time.monotonic() - run.begun, 3)
        cost = price.cost(usage.prompt_tokens, usage.completion_tokens) if price and model else None
        effort = envelopes.Effort(waited, ran, model, usage, cost)
        self._bench.metrics.run(effort)
        return effort
