"""The tasks' records on a real Redis: each promise of `tasks.store`, and what a second worker sees meanwhile."""

from __future__ import annotations

import dataclasses
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import redis

from stack.addresses import read_addresses
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import StoreAwayError
from workers.events.envelopes import Event
from workers.protocol.task import Task
from workers.tasks.store import LeaseRequest, Place, TaskStore, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
REDIS = {
    "ENGINE": "stub",
    "REDIS_URL": f"{read_addresses(os.environ).redis}/7",
    "LEASE": "2s",
    "MAX_STARTS": "2",
}
HERE = Place("cluster/vhost", "auto_orders")
EVENTS = (Event("ai.completions", "t", '{"x": 1}'), Event("audit.trail", "t", "{}"))


@pytest.fixture
def store() -> Iterator[TaskStore]:
    made = TaskStore(load_settings(REDIS), Connectivity(["redis"]))
    assert not made.look()
    yield made
    made.close()


@pytest.fixture
def claim() -> Iterator[LeaseRequest]:
    made = LeaseRequest(HERE, f"task-{uuid.uuid4()}", "a", replays=0, attempt=1)
    yield made
    lose(made)


def lose(claim: LeaseRequest) -> None:
    """Remove a record as a Redis without persistence does when it restarts."""
    with redis.Redis.from_url(REDIS["REDIS_URL"]) as server:
        server.delete(claim.key)


def by(claim: LeaseRequest, owner: str, **changes: int) -> LeaseRequest:
    return dataclasses.replace(claim, owner=owner, **changes)


def task(claim: LeaseRequest, description: str = "do") -> Task:
    return Task(claim.task_id, description, "that")


def begin(store: TaskStore, claim: LeaseRequest, *, is_redelivered: bool = False) -> Verdict:
    return store.begin(claim, task(claim), is_redelivered=is_redelivered).verdict


def test_one_runs_and_another_waits_until_the_lease_is_over(
    store: TaskStore, claim: LeaseRequest
) -> None:
    assert begin(store, claim) is Verdict.RUN
    assert begin(store, by(claim, "b")) is Verdict.LEASED
    time.sleep(1.5)
    store.renew(claim)
    time.sleep(1.5)
    assert begin(store, by(claim, "b")) is Verdict.LEASED
    time.sleep(0.7)
    assert begin(store, by(claim, "b")) is Verdict.RUN


def test_w4_a_result_answers_every_later_copy_and_the_first_one_stands(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    first = store.complete(claim, EVENTS)
    second = store.complete(by(claim, "b"), (Event("other", "t", "{}"),))

    assert first.result == second.result == EVENTS
    found = store.begin(by(claim, "c", attempt=9), task(claim), is_redelivered=True)
    assert (found.verdict, found.result, found.is_done) == (Verdict.RESULT, EVENTS, False)
    store.mark_done(claim)
    assert store.begin(claim, task(claim), is_redelivered=False).is_done


def test_a_run_that_never_ends_counts_as_a_start_and_too_many_are_poison(
    store: TaskStore, claim: LeaseRequest
) -> None:
    assert begin(store, by(claim, "a")) is Verdict.RUN
    store.explain(by(claim, "a"), "hard limit")
    time.sleep(2.1)
    assert begin(store, by(claim, "b")) is Verdict.RUN
    store.explain(by(claim, "a"), "not its owner any more")
    time.sleep(2.1)

    found = store.begin(by(claim, "c"), task(claim), is_redelivered=True)

    assert (found.verdict, found.detail) == (Verdict.POISON, "2 hard limit")


def test_a_run_that_ends_in_order_counts_no_start(store: TaskStore, claim: LeaseRequest) -> None:
    for number in range(5):
        assert begin(store, by(claim, str(number))) is Verdict.RUN
        store.release(by(claim, str(number)), attempt=1)


def test_a_run_that_is_left_to_its_process_counts_no_start_and_keeps_others_away(
    store: TaskStore, claim: LeaseRequest
) -> None:
    """MAX_STARTS is 2: a third begin would find poison if the ones before it had counted."""
    for number in range(3):
        assert begin(store, by(claim, str(number))) is Verdict.RUN
        store.leave(by(claim, str(number)))
        assert begin(store, by(claim, "b")) is Verdict.LEASED
        time.sleep(2.1)


def test_a_copy_whose_successor_is_on_its_way_is_stale(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    store.release(claim, attempt=2)

    assert begin(store, by(claim, "b"), is_redelivered=True) is Verdict.STALE
    assert begin(store, by(claim, "b", attempt=2)) is Verdict.RUN


def test_a_dead_letter_comes_back_by_replay_or_by_publishing_anew_but_not_by_redelivery(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    store.release(claim, attempt=1, dead="permanent")

    assert begin(store, by(claim, "b"), is_redelivered=True) is Verdict.STALE
    assert begin(store, by(claim, "b", replays=1), is_redelivered=True) is Verdict.RUN
    store.release(by(claim, "b", replays=1), attempt=1, dead="permanent")
    assert begin(store, by(claim, "c")) is Verdict.RUN


def test_an_id_that_means_another_task_is_a_conflict(store: TaskStore, claim: LeaseRequest) -> None:
    begin(store, claim)
    other = task(claim, "something else")

    assert store.begin(by(claim, "b"), other, is_redelivered=False).verdict is Verdict.CONFLICT
    store.complete(claim, EVENTS)
    assert store.begin(by(claim, "b"), other, is_redelivered=False).verdict is Verdict.CONFLICT


def test_a_record_that_was_lost_in_mid_run_is_made_again(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    lose(claim)
    store.renew(claim)

    assert begin(store, by(claim, "b")) is Verdict.LEASED
    assert store.complete(claim, EVENTS).result == EVENTS
    assert begin(store, by(claim, "b")) is Verdict.RESULT


def test_w4_one_that_lost_its_lease_cannot_end_the_run_of_another(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    time.sleep(2.1)
    assert begin(store, by(claim, "b")) is Verdict.RUN

    store.release(claim, attempt=1)
    store.renew(claim)

    assert begin(store, by(claim, "c")) is Verdict.LEASED


def test_w4_a_run_whose_task_went_on_as_a_newer_copy_is_passed(
    store: TaskStore, claim: LeaseRequest
) -> None:
    """Another worker ran it, failed, and put it back: nobody holds it, and it is not the first one's any more."""
    begin(store, claim)
    time.sleep(2.1)
    assert begin(store, by(claim, "b")) is Verdict.RUN
    store.release(by(claim, "b"), attempt=2)

    assert store.is_taken(claim)
    store.renew(claim)
    store.release(claim, attempt=2, dead="permanent")

    assert begin(store, by(claim, "c", attempt=2)) is Verdict.RUN
    store.release(by(claim, "c", attempt=2), attempt=3)
    store.release(claim, attempt=2)
    assert begin(store, by(claim, "d", attempt=2)) is Verdict.STALE


def test_w4_a_run_whose_task_lies_dead_is_passed(store: TaskStore, claim: LeaseRequest) -> None:
    begin(store, claim)
    time.sleep(2.1)
    assert begin(store, by(claim, "b")) is Verdict.RUN
    store.release(by(claim, "b"), attempt=1, dead="permanent")

    assert store.is_taken(claim)
    store.renew(claim)
    store.release(claim, attempt=2)

    assert begin(store, by(claim, "c"), is_redelivered=True) is Verdict.STALE


def test_a_run_that_nobody_followed_is_still_the_tasks(
    store: TaskStore, claim: LeaseRequest
) -> None:
    """Its lease is over, or its record is lost: what it came to counts."""
    begin(store, claim)
    time.sleep(2.1)
    assert not store.is_taken(claim)
    lose(claim)
    assert not store.is_taken(claim)
    store.release(claim, attempt=2)

    assert begin(store, by(claim, "b")) is Verdict.STALE


def test_another_task_under_the_id_of_a_dead_letter_is_begun_though_it_was_delivered_before(
    store: TaskStore, claim: LeaseRequest
) -> None:
    """A worker that stopped gave it back; it is no copy of what lies dead."""
    begin(store, claim)
    store.release(claim, attempt=1, dead="permanent")
    other = task(claim, "something else")

    assert store.begin(by(claim, "b"), other, is_redelivered=True).verdict is Verdict.RUN


def test_away_it_says_so_at_once_and_remembers_what_this_process_finished(
    claim: LeaseRequest,
) -> None:
    away = TaskStore(
        load_settings({**REDIS, "REDIS_URL": "redis://127.0.0.1:1/0"}), Connectivity(["redis"])
    )
    with pytest.raises(StoreAwayError):
        away.begin(claim, task(claim), is_redelivered=False)
    assert away.is_away
    begun = time.monotonic()
    with pytest.raises(StoreAwayError):
        away.complete(claim, EVENTS)
    assert time.monotonic() - begun < 2
    assert away.recall(claim) == EVENTS
    assert away.recall(by(claim, "b")) == EVENTS
    assert away.recall(dataclasses.replace(claim, task_id="other")) is None
    away.close()


def test_a_task_that_is_given_up_is_forgotten_unless_it_runs_or_is_finished(
    store: TaskStore, claim: LeaseRequest
) -> None:
    begin(store, claim)
    store.forget(claim.place, claim.task_id)
    assert begin(store, by(claim, "b")) is Verdict.LEASED
    store.release(claim, attempt=3)
    assert begin(store, by(claim, "b")) is Verdict.STALE

    store.forget(claim.place, claim.task_id)
    assert begin(store, by(claim, "b")) is Verdict.RUN
    store.complete(by(claim, "b"), EVENTS)
    store.forget(claim.place, claim.task_id)
    assert begin(store, by(claim, "c")) is Verdict.RESULT


def test_the_events_of_a_task_that_was_finished_and_told_are_found(
    store: TaskStore, claim: LeaseRequest
) -> None:
    def found(description: str = "do") -> tuple[Event, ...]:
        return store.find_events(claim.place, task(claim, description))

    begin(store, claim)
    assert found() == ()
    store.complete(claim, EVENTS)
    assert found() == ()
    store.mark_done(claim)
    assert found() == EVENTS
    assert found("something else") == ()


def test_a_redis_that_was_started_anew_gets_the_script_again(
    store: TaskStore, claim: LeaseRequest
) -> None:
    assert begin(store, claim) is Verdict.RUN
    with redis.Redis.from_url(REDIS["REDIS_URL"]) as server:
        server.script_flush()

    assert begin(store, by(claim, "b")) is Verdict.LEASED


def test_what_many_threads_ask_together_is_answered_to_each_of_them(
    store: TaskStore, claim: LeaseRequest
) -> None:
    """Their calls share round trips: no answer may go to another."""
    claims = [dataclasses.replace(claim, task_id=f"{claim.task_id}-{n}") for n in range(64)]

    def life(one: LeaseRequest) -> tuple[Event, ...]:
        result = (Event("ai.completions", one.task_id, "{}"),)
        assert begin(store, one) is Verdict.RUN
        assert begin(store, by(one, "b")) is Verdict.LEASED
        assert store.complete(one, result).result == result
        store.mark_done(one)
        return store.find_events(one.place, task(one))

    with ThreadPoolExecutor(len(claims)) as pool:
        found = list(pool.map(life, claims))

    assert [events[0].key for events in found] == [one.task_id for one in claims]
    for one in claims:
        lose(one)


def test_the_longest_times_that_can_be_set_are_times_that_redis_takes(claim: LeaseRequest) -> None:
    longest = {"LEASE": "30d", "RESULT_TTL": "36500d"}
    store = TaskStore(load_settings({**REDIS, **longest}), Connectivity(["redis"]))
    assert not store.look()

    assert begin(store, claim) is Verdict.RUN
    store.renew(claim)
    store.complete(claim, EVENTS)

    store.close()
    with redis.Redis.from_url(REDIS["REDIS_URL"]) as server:
        assert server.ttl(claim.key) > 36499 * 86400
