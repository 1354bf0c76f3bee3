"""What turns a row of the cluster drills red: each broken promise is seen, and what keeps them all is not."""

from __future__ import annotations

import pytest

from drills.cluster.command import Said
from drills.cluster.harm import Harm
from drills.cluster.promises import Expected, broken, changed, lost, usual
from drills.cluster.state import State

QUEUE = "rabbitmq.queue/far"
BEFORE = State(frozenset({QUEUE, "rabbitmq.queue/near"}), {"ttl": "1h"}, {"far": 5})
AWAY = ("rabbit@n3",)
QUIET = "No changes: drill matches the live systems. 2 unchanged.\n"
WARNING = "warning: rabbitmq: 2 of 3 nodes run: rabbit@n3 is down\n"


def said(out: str = QUIET, err: str = WARNING, code: int | None = 0, seconds: float = 2.0) -> Said:
    return Said(code, seconds, out, err)


def judge(command: str, found: Said, harm: Harm = Harm.KILL, gone: int = 1) -> list[str]:
    return broken(command, found, usual(command, harm, gone), AWAY, BEFORE)


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("plan", said()),
        ("drift", said(out="No drift: drill matches the live systems, 2 read.\n")),
        (
            "apply",
            said(out="Apply: 1 added, 1 changed, 0 destroyed, 0 failed, 0 skipped in 2 s.\n"),
        ),
        (
            "prune",
            said(out="  ! rabbitmq.queue/far\n", err="error: 1 change refused\n" + WARNING, code=1),
        ),
        ("destroy", said(out="", err="error: refused: on rabbit@n3, which is down\n", code=1)),
    ],
)
def test_nothing_is_broken_where_every_promise_is_kept(command: str, found: Said) -> None:
    assert judge(command, found) == []


@pytest.mark.parametrize(
    ("command", "found", "what"),
    [
        ("plan", said(out=f"  + {QUEUE}   file.yaml:3\n"), f"plans + {QUEUE}"),
        ("plan", said(out=f"  - {QUEUE}   file.yaml:3\n"), f"plans - {QUEUE}"),
        ("plan", said(out="  ~ rabbitmq.queue/near\n"), "plans ~ rabbitmq.queue/near"),
        ("plan", said(out=f"  -/+ {QUEUE}   file.yaml:3\n"), f"plans -/+ {QUEUE}"),
        ("plan", said(err=""), "does not name who is away"),
        ("plan", said(seconds=25.1), "took 25 s, allowed are 25"),
        ("plan", said(code=3), "exit 3, expected 0"),
        ("plan", said(err=WARNING + "Traceback (most recent call last):\n"), "it crashed"),
        (
            "drift",
            said(out=f"MISSING    {QUEUE}    file.yaml:3\n", code=0),
            f"reports MISSING {QUEUE}",
        ),
        ("drift", said(out=f"CHANGED    {QUEUE}    file.yaml:3\n"), f"reports CHANGED {QUEUE}"),
        ("apply", said(code=1), "exit 1, expected 0"),
        ("apply", said(code=None), "exit None, expected 0"),
        (
            "destroy",
            said(out=f"  ✓ {QUEUE}  destroyed  0.1 s\n", code=1),
            f"says that {QUEUE} is destroyed",
        ),
        ("destroy", said(code=0), "exit 0, expected 1"),
        ("prune", said(err="error: refused\n", code=1), "does not name who is away"),
    ],
)
def test_a_broken_promise_is_seen(command: str, found: Said, what: str) -> None:
    assert what in judge(command, found)


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_without_a_majority_a_reader_says_that_it_could_not_read(command: str) -> None:
    assert judge(command, said(), gone=2) == ["exit 0, expected 3"]
    assert judge(command, said(code=3), gone=2) == []


def test_words_tell_the_truth_where_they_may() -> None:
    expected = Expected(frozenset({3}), words="1 of 3 nodes run")
    minority = said(err="warning: rabbitmq: 1 of 3 nodes run: n2 and n3 are down\n")
    assert broken("plan", minority, expected, AWAY, BEFORE) == []
    assert broken("plan", said(), expected, AWAY, BEFORE) == ["exit 0, expected 3"]


def test_without_a_majority_an_apply_that_ends_well_is_a_broken_promise() -> None:
    assert judge("apply", said(), gone=2) == ["exit 0, expected 1 or 3"]


def test_who_froze_a_moment_ago_need_not_be_known() -> None:
    assert judge("plan", said(code=3, err=""), Harm.FREEZE) == []
    assert judge("apply", said(code=1, err=""), Harm.FREEZE) == []
    assert judge("destroy", said(code=0, err=""), Harm.FREEZE) == ["exit 0, expected 1 or 3"]


def test_a_difference_that_tells_the_truth_is_allowed_where_it_is_expected() -> None:
    expected = Expected(frozenset({2}), reports=frozenset({"DEGRADED", "*"}))
    found = said(out="DEGRADED   swarm.service/pinned   file.yaml:3\n", code=2)
    assert broken("drift", found, expected, AWAY, BEFORE) == []


@pytest.mark.parametrize(
    ("after", "what"),
    [
        (State(frozenset({QUEUE}), BEFORE.settings), "lost rabbitmq.queue/near"),
        (State(BEFORE.objects, {"ttl": "1h"}, {"far": 4}), "far holds 4, put in were 5"),
        (State(BEFORE.objects, {"ttl": "1h"}, {"far": 6}), "far holds 6, put in were 5"),
        (State(BEFORE.objects, {"ttl": "1h"}, {"near": 0}), "far is not counted any more"),
        (State(BEFORE.objects, {}, {}, ("policies of far: a, b",)), "twice: policies of far: a, b"),
    ],
)
def test_what_is_lost_or_there_twice_is_seen(after: State, what: str) -> None:
    assert lost(BEFORE, after) == [what]


def test_what_was_written_without_a_majority_is_seen() -> None:
    after = State(BEFORE.objects | {"rabbitmq.queue/new"}, {"ttl": "2h"})
    assert changed(BEFORE, after) == ["made rabbitmq.queue/new", "wrote ttl"]
    assert changed(BEFORE, BEFORE) == []
