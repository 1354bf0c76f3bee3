"""What a drill counts, from what its witnesses saw. Pure."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COMPLETED = "completed"
TOPICS = {
    COMPLETED: ("ai.completions", "audit.trail", "analytics.metrics"),
    "dead_lettered": ("ai.errors", "audit.trail", "analytics.metrics"),
}
"""Where the events of a task are, by its end."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that RabbitMQ confirmed: how it should end (`completed`, or why it is dead-lettered).

    `runs` is how many runs the drill's harm excuses: 1, and one for each that the harm ends before it has a result.
    `overlaps` says that it excuses two at a time.
    """

    message_id: str
    task_id: str
    end: str
    runs: int
    overlaps: bool = False


@dataclass(slots=True)
class Run:
    """One run of an agent, in seconds of the ledger's clock; `outcome` is `died` where the process ended first."""

    task_id: str
    worker: str
    begun: float
    ended: float | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in the dead-letter queue."""

    message_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """An event on Kafka: `outcome` is what the task's audit, error or completion says."""

    topic: str
    task_id: str
    event_id: str
    attempt: int
    is_final: bool
    task_end: str


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that the witnesses saw. `left` maps queues to messages that stayed there."""

    sent: Sequence[Sent]
    runs: Sequence[Run]
    told: Sequence[Told]
    letters: Sequence[Letter]
    left: Mapping[str, Sequence[str]] = field(default_factory=dict)
    idle_workers: int = 0
    bad_exits: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """The row of a drill; all but the first three should be 0."""

    published: int
    completed: int
    dead_lettered: int
    lost: int
    run_twice: int
    overlapped: int
    stuck: int
    astray: int

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.run_twice or self.overlapped or self.stuck or self.astray)


def count(found: Found) -> Counts:
    """Count."""
    finished = {told.task_id for told in found.told if told.topic == TOPICS[COMPLETED][0]}
    letters = Counter(letter.message_id for letter in found.letters)
    left = [message for messages in found.left.values() for message in messages]
    return Counts(
        published=len(found.sent),
        completed=len(finished & {sent.task_id for sent in found.sent}),
        dead_lettered=len(letters),
        lost=sum(_is_lost(sent, found, finished, {*letters, *left}) for sent in found.sent),
        run_twice=_count_repeats(found),
        overlapped=_count_overlaps(found),
        stuck=len(left) + found.idle_workers + found.bad_exits,
        astray=_count_astray(found, finished, letters),
    )


def _is_lost(sent: Sent, found: Found, finished: set[str], elsewhere: set[str]) -> bool:
    """Whether a message is nowhere, or one of the events that its end should have brought is on no topic."""
    if sent.message_id in elsewhere and sent.end == COMPLETED:
        return False  # astray or stuck, but not lost
    if sent.task_id not in finished and sent.message_id not in elsewhere:
        return True
    end = COMPLETED if sent.end == COMPLETED else "dead_lettered"
    topics = {
        told.topic
        for told in found.told
        if told.task_id == sent.task_id and told.is_final and told.task_end == end
    }
    return not topics.issuperset(TOPICS[end])


def _count_repeats(found: Found) -> int:
    """Count runs that began after the task had an answer, or beyond what the drill excuses, whichever is more."""
    excused: Counter[str] = Counter()
    for sent in found.sent:
        excused[sent.task_id] = max(excused[sent.task_id], sent.runs)
    repeats = 0
    for task_id, runs in _by_task(found.runs).items():
        answered = [run.ended for run in runs if run.outcome == "answered" and run.ended]
        late = sum(run.begun > min(answered) for run in runs) if answered else 0
        repeats += max(late, len(runs) - excused[task_id], 0)
    return repeats


def _count_overlaps(found: Found) -> int:
    excused = {sent.task_id for sent in found.sent if sent.overlaps}
    runs = _by_task(found.runs)
    return sum(_overlaps(runs[task_id]) for task_id in runs.keys() - excused)


def _overlaps(runs: Sequence[Run]) -> bool:
    ordered = sorted(runs, key=lambda run: run.begun)
    return any(
        first.ended is None or second.begun < first.ended
        for first, second in itertools.pairwise(ordered)
    )


def _count_astray(found: Found, finished: set[str], letters: Counter[str]) -> int:
    """Count messages that ended elsewhere than they should, in two places, twice, and events that mislead."""
    reasons = {letter.message_id: letter.reason for letter in found.letters}
    wrong = {
        sent.message_id
        for sent in found.sent
        if (sent.message_id in reasons) is (sent.end == COMPLETED)
        or reasons.get(sent.message_id, sent.end) != sent.end
        or letters[sent.message_id] > 1
        or (sent.end in {"exhausted", "permanent", "poison"} and sent.task_id in finished)
    }
    # A lost message is nowhere, which is counted once.
    nowhere = {
        s.message_id for s in found.sent if not (s.task_id in finished or letters[s.message_id])
    }
    strangers = set(letters) - {sent.message_id for sent in found.sent}
    return (
        len(wrong - nowhere)
        + len(strangers)
        + _count_disorder(found.told)
        + _count_contradictions(found.told)
        + _count_second_results(found.told)
    )


def _count_contradictions(told: Sequence[Told]) -> int:
    """Count event ids that came with more than one meaning: who goes by ids would miss all but the first."""
    meanings: dict[str, set[str]] = {}
    for event in told:
        meanings.setdefault(event.event_id, set()).add(event.task_end)
    return sum(len(found) > 1 for found in meanings.values())


def _count_second_results(told: Sequence[Told]) -> int:
    """Count tasks with more than one answer: the same one may come again, and has the same id then."""
    ids: dict[str, set[str]] = {}
    for event in told:
        if event.topic == TOPICS[COMPLETED][0]:
            ids.setdefault(event.task_id, set()).add(event.event_id)
    return sum(len(found) > 1 for found in ids.values())


def _count_disorder(told: Sequence[Told]) -> int:
    """Count tasks whose audit events, each at its first coming, are not in the order of the attempts."""
    attempts: dict[str, list[int]] = {}
    seen: set[str] = set()
    for event in told:
        if event.topic == "audit.trail" and event.event_id not in seen:
            seen.add(event.event_id)
            attempts.setdefault(event.task_id, []).append(event.attempt)
    return sum(numbers != sorted(numbers) for numbers in attempts.values())


def _by_task(runs: Sequence[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.task_id, []).append(run)
    return found
