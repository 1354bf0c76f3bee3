from __future__ import annotations

import pytest

from workers.engine.circuit_breaker import LONGEST_PAUSE, CircuitBreaker, State


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def changes() -> list[State]:
    return []


@pytest.fixture
def breaker(clock: Clock, changes: list[State]) -> CircuitBreaker:
    return CircuitBreaker(3, 10, clock, changes.append)


def test_it_opens_at_the_limit_and_only_failures_in_a_row_count(
    breaker: CircuitBreaker, changes: list[State]
) -> None:
    assert [breaker.fail(), breaker.fail()] == [False, False]
    breaker.succeed()
    assert [breaker.fail(), breaker.fail(), breaker.fail()] == [False, False, True]
    assert changes == [State.OPEN]


def test_one_is_let_through_after_the_pause_and_its_run_decides(
    breaker: CircuitBreaker, clock: Clock, changes: list[State]
) -> None:
    for _ in range(3):
        breaker.fail()
    clock.now = 9.9
    breaker.tick()
    assert breaker.state is State.OPEN
    clock.now = 10
    breaker.tick()
    breaker.succeed()

    assert changes == [State.OPEN, State.HALF_OPEN, State.CLOSED]


def test_each_further_pause_is_twice_as_long_up_to_the_longest(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    pauses = []
    for _ in range(3):
        breaker.fail()
    for _ in range(8):
        begun = clock.now
        while breaker.state is State.OPEN:
            clock.now += 1
            breaker.tick()
        pauses.append(clock.now - begun)
        assert breaker.fail() is True

    assert pauses == [10, 20, 40, 80, 160, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_it_waits_as_long_as_the_provider_asks(breaker: CircuitBreaker, clock: Clock) -> None:
    for _ in range(3):
        breaker.fail(retry_after=60)
    clock.now = 59
    breaker.tick()
    assert breaker.state is State.OPEN
    clock.now = 60
    breaker.tick()
    assert breaker.state is State.HALF_OPEN


def test_runs_that_were_under_way_count_no_attempt_and_change_nothing(
    breaker: CircuitBreaker, changes: list[State]
) -> None:
    for _ in range(3):
        breaker.fail()

    assert breaker.fail() is True
    assert changes == [State.OPEN]
