"""What `/metrics` tells, in Prometheus' words. Counters of tasks carry the agent, those of the model its name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.events import Effort

SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600, 1800, 3600)


class Metrics:
    """The metrics of one worker, in a registry of their own."""

    def __init__(self, agent: str) -> None:
        self.registry = CollectorRegistry()
        self._agent = agent
        self._tasks = self._counter(
            "tasks", "Messages settled, by outcome: completed, retried, dead_lettered, reused, "
            "parked, stale, postponed, returned", "agent", "outcome",
        )  # fmt: skip
        self._dead_letters = self._counter(
            "dead_letters", "Messages dead-lettered", "agent", "reason"
        )
        self._llm_calls = self._counter("llm_calls", "Requests to the model", "model")
        self._llm_tokens = self._counter(
            "llm_tokens", "Tokens, prompt and completion", "model", "kind"
        )
        self._llm_cost = self._counter("llm_cost_usd", "Cost where LLM_PRICE is set", "model")
        self.results_reused = self._counter(
            "results_reused", "Deliveries that a stored result answered, each a run saved"
        )
        self.late_runs = self._counter(
            "late_runs", "Runs that ended when another one had the task, whose outcome stands"
        )
        self.events_repeated = self._counter(
            "events_repeated", "Events that may be there already, sent again with the same id"
        )
        self.events_refused = self._counter(
            "events_refused",
            "Events that Kafka refuses for good: they wait in events.outbox.dlq",
            "error_class",
        )
        self.publishes_refused = self._counter(
            "publishes_refused",
            "Messages that RabbitMQ refused for longer than they are tried",
            "to",
        )
        self._attempts = self._histogram(
            "task_attempts", "Attempts of a settled task", (1, 2, 3, 4, 5, 10)
        )
        self._run_seconds = self._histogram("run_seconds", "How long an agent ran", SECONDS)
        self._wait_seconds = self._histogram(
            "queue_wait_seconds", "From publishing to the run's begin", SECONDS
        )

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """Add a gauge that is read when it is asked for."""
        Gauge(f"agent_worker_{name}", meaning, registry=self.registry).set_function(read)

    def settle(self, outcome: str, *, reason: str = "", attempt: int = 0) -> None:
        """Count a settled message; `attempt` where it was the last one of its task."""
        self._tasks.labels(self._agent, outcome).inc()
        if reason:
            self._dead_letters.labels(self._agent, reason).inc()
        if attempt:
            self._attempts.observe(attempt)

    def run(self, effort: Effort) -> None:
        """Count what a run took."""
        if effort.ran is not None:
            self._run_seconds.observe(effort.ran)
        if effort.waited is not None:
            self._wait_seconds.observe(effort.waited)
        if effort.model is None:
            return
        self._llm_calls.labels(effort.model).inc(effort.usage.calls)
        self._llm_tokens.labels(effort.model, "prompt").inc(effort.usage.prompt_tokens)
        self._llm_tokens.labels(effort.model, "completion").inc(effort.usage.completion_tokens)
        if effort.cost_usd is not None:
            self._llm_cost.labels(effort.model).inc(effort.cost_usd)

    def render(self) -> bytes:
        """Give all metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"agent_worker_{name}", meaning, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"agent_worker_{name}", meaning, buckets=buckets, registry=self.registry)
