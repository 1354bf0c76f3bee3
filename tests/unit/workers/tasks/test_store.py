"""What a worker remembers of its last results by itself."""

from __future__ import annotations

import pytest

from workers.events.envelopes import Event
from workers.tasks import store
from workers.tasks.store import Memory


def events(size: int) -> tuple[Event, ...]:
    return (Event("ai.completions", "key", "x" * (size - 3)),)


def test_w5_the_last_results_are_kept_up_to_a_number_and_a_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "REMEMBERED", 3)
    monkeypatch.setattr(store, "REMEMBERED_BYTES", 100)
    memory = Memory()

    for name, size in {"a": 10, "b": 10, "c": 10, "d": 10}.items():
        memory.keep(name, events(size))
    assert [memory.get(name) is not None for name in "abcd"] == [False, True, True, True]

    memory.keep("e", events(90))
    assert [memory.get(name) is not None for name in "bcde"] == [False, False, True, True]


def test_w5_a_result_that_is_kept_again_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REMEMBERED_BYTES", 100)
    memory = Memory()

    for _ in range(20):
        memory.keep("a", events(60))
    memory.keep("b", events(40))

    assert memory.get("a") is not None
    assert memory.get("b") is not None


def test_w5_one_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "REMEMBERED_BYTES", 100)
    memory = Memory()

    memory.keep("a", events(101))

    assert memory.get("a") is None
