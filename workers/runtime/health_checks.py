"""How a worker is: what makes it alive, what makes it ready, and the gauges that are read when somebody asks."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from workers.engine.circuit_breaker import State

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from workers.amqp.consumer import Consumer
    from workers.amqp.publisher import Publisher
    from workers.connectivity import Connectivity
    from workers.engine.circuit_breaker import CircuitBreaker
    from workers.events.producer import EventStream
    from workers.liveness import SignOfLife
    from workers.metrics import Metrics
    from workers.tasks.running_tasks import RunningTasks

STILL = 120.0
"""Seconds without a sign of life after which a thread counts as dead: longer than any of its time-outs."""


@dataclass(frozen=True, slots=True)
class HealthChecks:
    """Reads a worker's parts; `slots` are the threads that agents work in, `pulses` theirs.

    `longest_wait` is how many seconds one wait for another system may take them. `watched` gives when its steward was
    last seen, `is_stopping` whether it goes.
    """

    consumer: Consumer
    publisher: Publisher
    stream: EventStream
    runs: RunningTasks
    breaker: CircuitBreaker
    reach: Connectivity
    slots: Sequence[threading.Thread]
    pulses: Sequence[SignOfLife]
    longest_wait: float
    watched: Callable[[], float]
    is_stopping: Callable[[], bool]

    def problems(self) -> list[str]:
        """Give what only a restart would mend. No other system can cause any of it by being away."""
        found = []
        if time.monotonic() - min(self.consumer.beat, self.watched()) > STILL:
            found.append(f"a thread that must never wait did nothing for {STILL:g} s")
        ended = sum(slot.ident is not None and not slot.is_alive() for slot in self.slots)
        if ended and not self.is_stopping():
            found.append(f"{ended} of {len(self.slots)} threads for agents ended")
        if time.monotonic() - min(pulse.at for pulse in self.pulses) > self.longest_wait:
            found.append(f"a thread for agents did nothing for {self.longest_wait:g} s")
        if any(run.is_stuck for run in self.runs.active()):
            found.append("a run is over its hard time limit")
        return found

    def parts(self) -> dict[str, bool]:
        """Say of each part whether it works."""
        return {
            "consumer": self.consumer.is_open and not self.is_stopping(),
            "publisher": self.publisher.is_open,
            "kafka": self.reach.has("kafka"),
            "redis": self.reach.has("redis"),
            "provider": self.breaker.state is not State.OPEN,
        }

    def add_gauges(self, metrics: Metrics, outbox_depth: Callable[[], float]) -> None:
        """Let the metrics show what can be read at any time."""
        gauge = metrics.gauge
        gauge("tasks_in_flight", "Tasks that agents work on now.", lambda: len(self.runs.active()))
        gauge(
            "breaker_state",
            "Whether tasks are taken: 0 closed, yes; 1 half-open, one; 2 open, none.",
            lambda: self.breaker.state.value,
        )
        gauge(
            "kafka_events_in_flight",
            "Events without a delivery report yet.",
            lambda: self.stream.outstanding,
        )
        gauge("outbox_messages", "Events that wait in events.outbox for Kafka.", outbox_depth)
        metrics.gauges(
            "up",
            "Whether a system was there when it was last asked.",
            "system",
            [(system, partial(self.reach.has, system)) for system in self.reach.systems],
        )
        metrics.counters(
            "rabbitmq_connections",
            "Connections to RabbitMQ so far: all but the first are reconnects.",
            "role",
            [
                ("consumer", lambda: self.consumer.connections),
                ("publisher", lambda: self.publisher.connections),
            ],
        )
