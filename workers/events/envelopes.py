"""What is told to the world about a task: versioned envelopes, and which of them follow from which outcome. Pure.

The seed's flow: a result goes to `ai.completions`, a failure to `ai.errors`, what an agent decided to `ai.decisions`,
each outcome to `audit.trail`, and what it took to `analytics.metrics`.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from workers.errors import InvalidTaskError
from workers.protocol.message_body import load
from workers.protocol.usage import Usage
from workers.redaction import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VERSION = 1
COMPLETIONS = "ai.completions"
ERRORS = "ai.errors"
DECISIONS = "ai.decisions"
AUDIT = "audit.trail"
METRICS = "analytics.metrics"
NO_USAGE = Usage()
MAX_OUTPUT = 128 << 10
"""Characters of an output in an event: in JSON at most 768 KiB, and a broker takes 1 MiB (message.max.bytes)."""
MAX_ERROR = 4000
"""Characters of an error in an event; an agent's own code may raise anything."""
_NAMESPACE = uuid.UUID("6f1c1f0e-6a52-5d0e-9b5e-9d9f8a7a1c55")
_TYPES = {
    COMPLETIONS: "task.completed",
    ERRORS: "task.failed",
    DECISIONS: "task.decided",
    AUDIT: "task.audited",
    METRICS: "task.measured",
}
TOPICS = tuple(_TYPES)

OutcomeWord = Literal["completed", "retried", "dead_lettered"]


@dataclass(frozen=True, slots=True)
class Event:
    """A record: its topic, its key (the task's id), and its value, an envelope as JSON."""

    topic: str
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose events they are; `attempt` counts from 1, `replays` from 0.

    `content` is a digest of the message's body: it tells a task from another one that is published under its id.
    """

    task_id: str
    queue: str
    agent: str
    worker: str
    trace_id: str
    attempt: int
    replays: int = 0
    content: str = ""


@dataclass(frozen=True, slots=True)
class Effort:
    """What a run took: seconds, and what the model counted; nothing where there was no run."""

    waited: float | None = None
    ran: float | None = None
    model: str | None = None
    usage: Usage = NO_USAGE
    cost_usd: float | None = None


def completed(
    subject: Subject, effort: Effort, output: str, hide: Callable[[str], str]
) -> tuple[Event, ...]:
    """Give the events of a finished task; one of `ai.decisions` only where the output holds a decision.

    `hide` takes out of the output what no event may hold.
    """
    data: dict[str, Any] = {
        "output": shorten(output, MAX_OUTPUT, hide),
        "is_truncated": len(output) > MAX_OUTPUT,
    }
    events = [(COMPLETIONS, data)]
    if decision := find_decision(data["output"]):
        events.append((DECISIONS, decision))
    events.append((AUDIT, {"outcome": "completed"}))
    events.append((METRICS, {"outcome": "completed"}))
    return _envelopes(subject, effort, "completed", events)


def failed(
    subject: Subject, effort: Effort, error_class: str, error: str, reason: str | None
) -> tuple[Event, ...]:
    """Give the events of a failed attempt; `reason` says why it is dead-lettered, None that it is tried again."""
    outcome: OutcomeWord = "dead_lettered" if reason else "retried"
    data: dict[str, Any] = {
        "error": error[:MAX_ERROR],
        "error_class": error_class,
        "will_retry": not reason,
    }
    audit: dict[str, Any] = {"outcome": outcome, "error_class": error_class}
    if reason:
        data["reason"] = audit["reason"] = reason
    found = [(ERRORS, data), (AUDIT, audit), (METRICS, {"outcome": outcome})]
    return _envelopes(subject, effort, reason or outcome, found)


def find_decision(output: str) -> dict[str, Any] | None:
    """Give the agent's decision where its output is, also in a code fence, a JSON object with the text `decision`.

    Nothing else counts as one: prose is not interpreted.
    """
    text = output.strip()
    if text.startswith("```"):
        text = text.strip("`").removeprefix("json").strip()
    if not text.startswith("{"):
        return None
    try:
        found = load(text.encode(), None, MAX_OUTPUT * 4)
    except (InvalidTaskError, UnicodeEncodeError):
        return None
    return found if isinstance(found.get("decision"), str) else None


def _envelopes(
    subject: Subject, effort: Effort, outcome: str, events: Iterable[tuple[str, dict[str, Any]]]
) -> tuple[Event, ...]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    shared: dict[str, Any] = {
        "version": VERSION,
        "time": now,
        "task_id": subject.task_id,
        "queue": subject.queue,
        "agent": subject.agent,
        "worker": subject.worker,
        "attempt": subject.attempt,
        "trace_id": subject.trace_id,
        "model": effort.model,
        "tokens": {
            "calls": effort.usage.calls,
            "prompt": effort.usage.prompt_tokens,
            "completion": effort.usage.completion_tokens,
        },
        "cost_usd": effort.cost_usd,
        "durations": {"waited": _round(effort.waited), "ran": _round(effort.ran)},
    }
    return tuple(
        Event(
            topic,
            subject.task_id,
            _to_json(
                {
                    **shared,
                    "id": event_id(subject, _TYPES[topic], outcome),
                    "type": _TYPES[topic],
                    "data": data,
                }
            ),
        )
        for topic, data in events
    )


def _to_json(envelope: dict[str, Any]) -> str:
    """Give readable JSON; half a character (a lone surrogate), which a model may write, stays escaped."""
    text = json.dumps(envelope, ensure_ascii=False)
    return text.encode("utf-8", "backslashreplace").decode()


def event_id(subject: Subject, kind: str, outcome: str) -> str:
    """Give the id of an event: the same for the same outcome of one attempt, whoever tells it and how often.

    An attempt may have two outcomes: told as failed, it is made again where its retry could not be published.
    """
    counts = (str(subject.replays), str(subject.attempt))
    parts = (subject.queue, subject.task_id, subject.content, *counts, kind, outcome)
    return str(uuid.uuid5(_NAMESPACE, "\0".join(parts)))


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
