"""The worker: connects, takes tasks, lets its agent work on them, and goes in order."""

from __future__ import annotations

import logging
import os
import queue
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING, ClassVar

from workers.amqp.consumer import Consumer, Requirements
from workers.amqp.publisher import Publisher
from workers.connectivity import Connectivity
from workers.engine import load_engine
from workers.engine.circuit_breaker import CircuitBreaker, State
from workers.engine.interface import AgentProfile
from workers.errors import SettingsError
from workers.events.producer import EventStream
from workers.liveness import SignOfLife
from workers.metrics import Metrics
from workers.protocol.queues import OUTBOX, REFUSED
from workers.protocol.retries import TIERS
from workers.runtime.health_checks import STILL, HealthChecks
from workers.runtime.http_server import Answers, HealthServer
from workers.runtime.shutdown import CLOSE_SECONDS, ShutdownContext, Stop
from workers.tasks.completion import Completion, CompletionContext
from workers.tasks.processing import TaskProcessor, WorkerContext
from workers.tasks.publishing import Publishing
from workers.tasks.running_tasks import RunningTasks
from workers.tasks.store import OLD_RECORDS, TaskStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from workers.amqp.consumer import Delivery
    from workers.configuration.settings import Settings
    from workers.engine.interface import Answer, Deadline
    from workers.events.envelopes import Event
    from workers.protocol.task import Task
    from workers.tasks.message import Message

LOG = logging.getLogger(__name__)
STEP = 0.2
DEPTH_PAUSE = 15.0
FALLBACK_PAUSE = 5.0


class CrewAIWorker:
    """One agent's worker. A new agent is a subclass with these five, and `AGENTS` or an entry point names it.

    `name` is what the command line calls it, `queue` where its tasks come from; role, goal and backstory are what
    CrewAI tells the model.
    """

    name: ClassVar[str]
    queue: ClassVar[str]
    role: ClassVar[str]
    goal: ClassVar[str]
    backstory: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        """Build everything, and connect to nothing yet."""
        self.settings = settings
        self.queue_name = settings.queue_name or self.queue
        self.worker = f"{self.name}@{socket.gethostname()}:{os.getpid()}"
        self._persona = AgentProfile(self.name, self.role, self.goal, self.backstory)
        self._engine = load_engine(settings)
        asked = settings.redactor().redact(settings.llm_model)
        self._metrics = Metrics(self.name, self.queue_name, asked)
        self._waiting: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._reach = Connectivity(("rabbitmq", "rabbitmq_publisher", "kafka", "redis"))
        self._consumer = Consumer(settings, self._reach, self._requirements(), self._tick)
        self._publisher = Publisher(settings, self._reach)
        self._stream = EventStream(settings, self._reach, self._follow_kafka)
        self._store = TaskStore(settings, self._reach)
        self._runs = RunningTasks(settings, self._store)
        self._outlets = Publishing(
            self.worker, self._publisher, self._stream, self._consumer, self._metrics
        )
        self._breaker = CircuitBreaker(
            settings.breaker_failures, settings.breaker_pause, time.monotonic, self._follow_breaker
        )
        self._handling = self._make_handling()
        self._consumer.subscribe(self.queue_name, settings.concurrency, self._waiting.put)
        self._consumer.subscribe(OUTBOX, 0, self._outlets.relay)
        self._pulses = [SignOfLife() for _ in range(settings.concurrency)]
        self._slots = [
            threading.Thread(target=self._serve, args=(each,), name=f"agent-{number}", daemon=True)
            for number, each in enumerate(self._pulses)
        ]
        self._finished = threading.Event()
        self._closed = threading.Event()
        self._signals = self._exit_code = self._busy = 0
        self._busy_guard = threading.Lock()
        self._depth = 0
        self._watched = time.monotonic()
        self._depth_at = 0.0
        vitals = self._vitals()
        vitals.add_gauges(self._metrics, lambda: self._depth)
        self._health = HealthServer(
            settings.health_host,
            settings.health_port,
            Answers(vitals.problems, vitals.parts, self._metrics.render),
        )

    def start(self) -> int:
        """Work until a signal; gives the exit code: 0, or 1 where only a new process helps. For the main thread."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        LOG.info("worker_started", extra={"worker": self.worker, "queue": self.queue_name})
        if self._store.look():
            raise SettingsError([OLD_RECORDS])
        self._health.start()
        self._connect_kafka()
        for thread in self._slots:
            thread.start()
        threading.Thread(target=self._steward, name="steward", daemon=True).start()
        try:
            self._connect_rabbitmq()
        finally:
            self.cleanup()
        self._closed.set()
        LOG.info("worker_stopped", extra={"worker": self.worker, "exit_code": self._exit_code})
        return self._exit_code

    def _connect_rabbitmq(self) -> None:
        """Connect, and consume until the worker is finished; comes back from whatever the broker does."""
        self._publisher.start()
        self._consumer.run(self._finished)

    def _connect_kafka(self) -> None:
        """Connect the producer, in the background: without Kafka, events wait in the outbox."""
        self._stream.start()

    def callback(self, delivery: Delivery) -> None:
        """Handle one delivery to its end; raises nothing. A worker that stops gives it back.

        Where the worker itself fails, the delivery goes back after a pause, and is dead-lettered the next time.
        """
        try:
            if self._is_stopping:
                self._consumer.settle(delivery, requeue=True)
            else:
                self._handling.handle(delivery)
        except BaseException as error:  # a slot that ends never comes back
            LOG.exception("internal_error")
            time.sleep(FALLBACK_PAUSE)
            self._give_up(delivery, error)

    def process_task(self, task: Task, deadline: Deadline) -> Answer:
        """Let the agent work on a task; raises RunError."""
        return self._engine.run(self._persona, task, deadline)

    def publish_event(self, message: Message, events: Sequence[Event]) -> bool:
        """Deliver events that follow from a message; gives whether they wait in the outbox. Raises GoneError."""
        return self._outlets.tell(message, events)

    def cleanup(self) -> None:
        """Close everything, with what Kafka has not reported yet first."""
        self._outlets.close()
        if left := self._stream.close(timeout=1.0):
            LOG.warning("events_not_delivered", extra={"count": left})
        self._publisher.close(timeout=0.5)
        self._store.close()
        self._health.close()

    def _give_up(self, delivery: Delivery, error: BaseException) -> None:
        try:
            if delivery.redelivered:
                self._handling.give_up(delivery, error)
        except BaseException:
            LOG.exception("internal_error")
        # Does nothing where the delivery is acknowledged by now.
        self._consumer.settle(delivery, requeue=True)

    def _make_handling(self) -> TaskProcessor:
        exits = CompletionContext(
            self.publish_event, self._consumer, self._outlets, self._store, self._metrics
        )
        endings = Completion(
            exits,
            self.name,
            self.worker,
            self.settings.max_attempts,
            self.settings.redactor(),
        )
        bench = WorkerContext(
            self.worker,
            self.settings,
            self._store,
            self._runs,
            self._breaker,
            self._metrics,
            endings,
        )
        return TaskProcessor(bench, self.process_task)

    def _vitals(self) -> HealthChecks:
        return HealthChecks(
            self._consumer,
            self._publisher,
            self._stream,
            self._runs,
            self._breaker,
            self._reach,
            slots=self._slots,
            pulses=self._pulses,
            longest_wait=STILL + self.settings.event_timeout,
            watched=lambda: self._watched,
            is_stopping=lambda: self._is_stopping,
        )

    def _requirements(self) -> Requirements:
        tiers = [tier.name for tier in TIERS]
        return Requirements(
            [self.queue_name, f"{self.queue_name}.dlq", *tiers, OUTBOX, REFUSED], tiers
        )

    def _serve(self, own: SignOfLife) -> None:
        own.adopt()
        while (delivery := self._waiting.get()) is not None:
            own.beat()
            with self._busy_guard:
                self._busy += 1
            try:
                self.callback(delivery)
            finally:
                own.rest()
                with self._busy_guard:
                    self._busy -= 1

    @property
    def _is_stopping(self) -> bool:
        return self._signals > 0 or self._exit_code > 0

    def _steward(self) -> None:
        try:
            self._watch()
        except Exception:
            LOG.exception("internal_error")
            self._exit_code = 1
        self._finished.set()
        self._consumer.wake()
        # A broker that does not answer holds up the closing of its connection.
        if not self._closed.wait(CLOSE_SECONDS):
            LOG.warning("closing_cut_short")
            os._exit(self._exit_code)

    def _watch(self) -> None:
        """Watch the runs, the breaker, the signals and what can be reached, until the worker may go."""
        stop: Stop | None = None
        while stop is None or not stop.advance():
            self._watched = time.monotonic()
            if self._runs.tick() and not self._signals:
                self._exit_code = 1
            self._breaker.tick()
            if not self._reach.has("redis") and self._store.look():
                LOG.error("old_records", extra={"reason": OLD_RECORDS})
                self._exit_code = 1
            self._reach.flush()
            if stop is None and self._is_stopping:
                LOG.info("worker_stopping", extra={"worker": self.worker})
                premises = ShutdownContext(
                    self._consumer, self._runs, self._store, self._waiting, lambda: self._busy > 0
                )
                grace = self.settings.stop_grace_period
                stop = Stop(premises, grace, is_asked=self._signals > 0)
            time.sleep(STEP)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        # No lock may be taken here: the thread that is interrupted may hold it.
        self._signals += 1
        if self._signals > 1:
            os._exit(128 + number)

    def _tick(self) -> None:
        if time.monotonic() - self._depth_at >= DEPTH_PAUSE:
            self._depth_at = time.monotonic()
            self._depth = self._consumer.count_messages(OUTBOX)

    def _follow_kafka(self, is_away: bool) -> None:  # noqa: FBT001 - a callback
        if not self._is_stopping:
            self._consumer.set_prefetch(OUTBOX, 0 if is_away else 1)

    def _follow_breaker(self, state: State) -> None:
        LOG.warning("breaker", extra={"state": state.name.lower()})
        wanted = {State.OPEN: 0, State.HALF_OPEN: 1, State.CLOSED: self.settings.concurrency}
        if not self._is_stopping:
            self._consumer.set_prefetch(self.queue_name, wanted[state])
