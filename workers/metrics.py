"""What `/metrics` tells, in Prometheus' words; docs/metrics.md has the meaning of each, with a query.

Every series is there from the start, with 0: a rate over a counter that appears with its first event misses that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily

from workers.events.delivery_reports import REFUSALS
from workers.protocol.dead_letter_reason import REASONS
from workers.protocol.queues import OUTBOX, REFUSED
from workers.protocol.retries import TIERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from workers.events.envelopes import Effort

SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1800, 3600)
WAIT_SECONDS = (*SECONDS, 7200, 14400)
ATTEMPTS = (1, 2, 3, 4, 5, 10)
OUTCOMES = (
    "completed", "retried", "dead_lettered", "reused", "parked", "stale", "postponed", "returned",
)  # fmt: skip
TOKENS = ("prompt", "completion")
MAX_MODELS = 20
"""How many models have series of their own, the setting's among them; an agent may name any number."""
OTHER = "other"

# When each counter was made is nobody's question, and twice as many lines.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """The metrics of one worker, in a registry of their own; each has the agent as a label.

    `queue` is where its tasks come from, `model` what its agent asks: what else they ask comes with its first answer.
    """

    def __init__(self, agent: str, queue: str, model: str) -> None:
        self.registry = CollectorRegistry()
        self._agent = agent
        self._models = {model}
        ProcessCollector(registry=self.registry)
        self._tasks = self._counter("tasks", "Deliveries settled, by what came of them.", "outcome")
        self._dead_letters = self._counter("dead_letters", "Tasks dead-lettered, by why.", "reason")
        self.results_reused = self._counter(
            "results_reused", "Deliveries that a stored result answered, each a run saved."
        ).labels(agent)
        self.late_runs = self._counter(
            "late_runs",
            "Runs that ended when another one had the task, and whose outcome was dropped.",
        ).labels(agent)
        self.events_repeated = self._counter(
            "events_repeated",
            "Events that may be on Kafka already, sent again with the same id.",
        ).labels(agent)
        self._events_refused = self._counter(
            "events_refused",
            "Events that Kafka refuses for good, which wait in events.outbox.dlq.",
            "error_class",
        )
        self._publishes_refused = self._counter(
            "publishes_refused",
            "Messages that RabbitMQ refused for longer than they are tried.",
            "to",
        )
        self._llm_calls = self._counter("llm_calls", "Requests to the model.", "model")
        self._llm_tokens = self._counter(
            "llm_tokens", "Tokens as the provider counts them.", "model", "kind"
        )
        self._llm_cost = self._counter(
            "llm_cost_usd", "Cost in US dollars where LLM_PRICE is set.", "model"
        )
        self._attempts = self._histogram(
            "task_attempts", "Attempts of tasks that were completed or dead-lettered.", ATTEMPTS
        )
        self._run_seconds = self._histogram("run_seconds", "How long an agent ran.", SECONDS)
        self._wait_seconds = self._histogram(
            "queue_wait_seconds", "From the publishing of a task to a run's begin.", WAIT_SECONDS
        )
        self._begin(queue, model)

    def _begin(self, queue: str, model: str) -> None:
        """Let every series be there with 0."""
        routes = (f"{queue}.dlq", *(tier.name for tier in TIERS), OUTBOX, REFUSED)
        for counter, values in (
            (self._tasks, OUTCOMES),
            (self._dead_letters, REASONS),
            (self._events_refused, sorted(REFUSALS)),
            (self._publishes_refused, routes),
            (self._llm_calls, [model]),
            (self._llm_cost, [model]),
        ):
            for value in values:
                counter.labels(self._agent, value)
        for kind in TOKENS:
            self._llm_tokens.labels(self._agent, model, kind)

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read when it is asked for."""
        self._gauge(name, meaning).labels(self._agent).set_function(read)

    def gauges(
        self, name: str, meaning: str, label: str, reads: Iterable[tuple[str, Callable[[], float]]]
    ) -> None:
        """Add gauges that differ in one label."""
        made = self._gauge(name, meaning, label)
        for value, read in reads:
            made.labels(self._agent, value).set_function(read)

    def counters(
        self,
        name: str,
        meaning: str,
        label: str,
        reads: Sequence[tuple[str, Callable[[], float]]],
    ) -> None:
        """Add counters that others count, and that differ in one label."""
        self.registry.register(
            _Counted(f"agent_worker_{name}", meaning, (self._agent, label), reads)
        )

    def settle(self, outcome: str, *, reason: str = "", attempt: int = 0) -> None:
        """Count a settled delivery; `attempt` where it was the last one of its task."""
        self._tasks.labels(self._agent, outcome).inc()
        if reason:
            self._dead_letters.labels(self._agent, reason).inc()
        if attempt:
            self._attempts.observe(attempt)

    def refuse_event(self, error_class: str) -> None:
        """Count an event that Kafka refuses for good."""
        self._events_refused.labels(self._agent, error_class).inc()

    def refuse_publish(self, to: str) -> None:
        """Count a message that RabbitMQ refused for longer than it is tried."""
        self._publishes_refused.labels(self._agent, to).inc()

    def run(self, effort: Effort) -> None:
        """Count what a run took."""
        if effort.ran is not None:
            self._run_seconds.observe(effort.ran)
        if effort.waited is not None:
            self._wait_seconds.observe(effort.waited)
        if effort.model is None:
            return
        used, where = effort.usage, (self._agent, self._known(effort.model))
        self._llm_calls.labels(*where).inc(used.calls)
        self._llm_tokens.labels(*where, "prompt").inc(used.prompt_tokens)
        self._llm_tokens.labels(*where, "completion").inc(used.completion_tokens)
        if effort.cost_usd is not None:
            self._llm_cost.labels(*where).inc(effort.cost_usd)

    def _known(self, model: str) -> str:
        """Give the label of a model. Threads that name new ones at one time may make one series more each."""
        if model not in self._models and len(self._models) >= MAX_MODELS:
            return OTHER
        self._models.add(model)
        return model

    def render(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        names = ("agent", *labels)
        return Counter(f"agent_worker_{name}", meaning, names, registry=self.registry)

    def _gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        names = ("agent", *labels)
        return Gauge(f"agent_worker_{name}", meaning, names, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        made = Histogram(
            f"agent_worker_{name}", meaning, ["agent"], buckets=buckets, registry=self.registry
        )
        return made.labels(self._agent)


class _Counted:
    """Collects counters that are kept elsewhere."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: tuple[str, str],
        reads: Sequence[tuple[str, Callable[[], float]]],
    ) -> None:
        self._name, self._meaning = name, meaning
        self._agent, self._label = labels
        self._reads = reads

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Read them now."""
        family = CounterMetricFamily(self._name, self._meaning, labels=["agent", self._label])
        for value, read in self._reads:
            family.add_metric([self._agent, value], read())
        yield family
