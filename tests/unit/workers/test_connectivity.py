from __future__ import annotations

import logging
from typing import Any

import pytest

from workers import connectivity
from workers.connectivity import FIRST_LOOK, REASON_PAUSE, Connectivity


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(connectivity.time, "monotonic", lambda: now[0])
    return now


def lines(caplog: pytest.LogCaptureFixture) -> list[Any]:
    return [
        (r.getMessage(), {k: v for k, v in vars(r).items() if k in {"a", "b", "systems"}})
        for r in caplog.records
    ]


def test_all_that_is_away_at_the_start_is_one_line(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    caplog.set_level(logging.INFO, "workers")
    found = Connectivity(("a", "b"))
    found.report("a", "refused")
    found.flush()
    assert lines(caplog) == []
    found.report("b", "unknown host")
    for _ in range(3):
        found.flush()

    assert lines(caplog) == [("away", {"a": "refused", "b": "unknown host"})]
    clock[0] = 1


def test_a_system_that_says_nothing_does_not_hold_the_line_up(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    caplog.set_level(logging.INFO, "workers")
    found = Connectivity(("a", "b"))
    found.report("a", "refused")
    clock[0] = FIRST_LOOK
    found.flush()

    assert lines(caplog) == [("away", {"a": "refused"})]


def test_each_change_is_one_line_and_another_reason_only_after_a_while(
    caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    caplog.set_level(logging.INFO, "workers")
    found = Connectivity(("a",))
    for reason in ("", "refused", "refused too", "refused"):
        found.report("a", reason)
        found.flush()
    clock[0] = REASON_PAUSE
    for reason in ("missing: queue q", "", ""):
        found.report("a", reason)
        found.flush()

    assert lines(caplog) == [
        ("connected", {"systems": ["a"]}),
        ("away", {"a": "refused"}),
        ("away", {"a": "missing: queue q"}),
        ("connected", {"systems": ["a"]}),
    ]
    assert found.has("a")
    assert not found.has("b")
