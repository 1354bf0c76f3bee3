"""A drill can fail: for each column, what its witnesses would have to see."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from drills.verdict import Counts, Found, Letter, Run, Sent, Told, count

SENT = Sent("m", "t", "completed", runs=1)
RUN = Run("t", "w", 0.0, 1.0, "answered")
LETTER = Letter("m", "poison")


def told(end: str, *topics: str, attempt: int = 1) -> list[Told]:
    return [
        Told(topic, "t", f"{topic}/{attempt}", attempt, is_final=end != "retried", task_end=end)
        for topic in topics
    ]


COMPLETED = told("completed", "ai.completions", "audit.trail", "analytics.metrics")
BURIED = told("dead_lettered", "ai.errors", "audit.trail", "analytics.metrics")
GOOD = Found([SENT], [RUN], COMPLETED, [])
DEAD = Found([dataclasses.replace(SENT, end="poison")], [RUN], BURIED, [LETTER])


def test_a_task_that_ends_as_it_should_leaves_every_column_at_zero() -> None:
    assert count(GOOD) == Counts(1, 1, 0, 0, 0, 0, 0, 0)
    assert count(DEAD) == Counts(1, 0, 1, 0, 0, 0, 0, 0)
    assert count(GOOD).is_good


@pytest.mark.parametrize(
    ("found", "changes", "column"),
    [
        pytest.param(GOOD, {"told": [], "runs": []}, "lost", id="nowhere"),
        pytest.param(GOOD, {"told": COMPLETED[:1]}, "lost", id="completed-without-audit"),
        pytest.param(DEAD, {"told": []}, "lost", id="dead-lettered-and-nobody-told"),
        pytest.param(DEAD, {"letters": []}, "lost", id="told-as-dead-and-in-no-queue"),
        pytest.param(GOOD, {"runs": [RUN, Run("t", "v", 2.0, 3.0, "answered")]}, "run_twice", id="paid-again"),
        pytest.param(GOOD, {"runs": [Run("t", "v", -2.0, -1.0, "died"), RUN]}, "run_twice", id="a-run-too-many"),
        pytest.param(GOOD, {"left": {"retry.5s": ["m"]}}, "stuck", id="left-in-a-tier"),
        pytest.param(GOOD, {"left": {"events.outbox": ["?"]}}, "stuck", id="left-in-the-outbox"),
        pytest.param(GOOD, {"idle_workers": 1}, "stuck", id="a-worker-consumes-no-more"),
        pytest.param(GOOD, {"bad_exits": 1}, "stuck", id="a-worker-does-not-go"),
        pytest.param(GOOD, {"letters": [LETTER]}, "astray", id="completed-and-dead-lettered"),
        pytest.param(DEAD, {"letters": [LETTER, LETTER]}, "astray", id="dead-lettered-twice"),
        pytest.param(DEAD, {"letters": [Letter("m", "expired")]}, "astray", id="for-another-reason"),
        pytest.param(DEAD, {"told": [*BURIED, *COMPLETED]}, "astray", id="buried-and-completed"),
        pytest.param(GOOD, {"letters": [Letter("x", "poison")]}, "astray", id="nobody-sent-it"),
        pytest.param(
            GOOD,
            {"told": [*COMPLETED[:2], *told("retried", "audit.trail", attempt=0), *COMPLETED[2:]]},
            "astray",
            id="events-out-of-order",
        ),
        pytest.param(
            GOOD, {"told": [*COMPLETED, *told("retried", "audit.trail")]}, "astray", id="one-event-id-for-two",
        ),
    ],
)  # fmt: skip
def test_each_column_counts_what_it_says(
    found: Found, changes: dict[str, Any], column: str
) -> None:
    counts = dataclasses.asdict(count(dataclasses.replace(found, **changes)))
    wrong = {
        name for name in ("lost", "run_twice", "overlapped", "stuck", "astray") if counts[name]
    }
    assert wrong == {column}


def test_runs_that_go_on_side_by_side_are_one_overlap() -> None:
    other = dataclasses.replace(RUN, begun=0.5, ended=0.9, outcome="failed")
    sent = [dataclasses.replace(SENT, runs=2)]
    assert count(dataclasses.replace(GOOD, sent=sent, runs=[RUN, other])).overlapped == 1
    endless = dataclasses.replace(other, begun=-3.0, ended=None)
    assert count(dataclasses.replace(GOOD, sent=sent, runs=[RUN, endless])).overlapped == 1


def test_the_same_event_twice_is_one_event_and_in_order() -> None:
    events = [*told("retried", "audit.trail", attempt=0), *COMPLETED]
    again = [*events, *told("retried", "audit.trail", attempt=0)]
    assert count(dataclasses.replace(GOOD, told=again)).is_good
