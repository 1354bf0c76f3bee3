"""Requests are cut into pieces that KRaft takes."""

from __future__ import annotations

import contextlib
import time
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st

from bizops import errors
from bizops.provider import Options
from bizops.providers.kafka.api import bulk, writes
from bizops.providers.kafka.api.bulk import pieces
from bizops.providers.kafka.api.deadline import Deadline
from bizops.providers.kafka.declared.specs import Connection, Settings
from bizops.providers.kafka.provider import KafkaProvider


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 30), max_size=60), st.integers(1, 50))
def test_pieces_hold_every_name_once_and_keep_the_limit(
    weights: dict[str, int], limit: int
) -> None:
    """Only a name that is too heavy by itself goes beyond the limit, and goes alone."""
    found = list(pieces(weights, limit))

    assert sorted(weights) == [name for piece in found for name in piece]
    for piece in found:
        assert len(piece) == 1 or sum(weights[name] for name in piece) <= limit


def test_pieces_are_no_smaller_than_they_need_be() -> None:
    """One request where one is enough."""
    assert list(pieces(dict.fromkeys("abcd", 2), 8)) == [["a", "b", "c", "d"]]
    assert list(pieces(dict.fromkeys("abcd", 2), 7)) == [["a", "b", "c"], ["d"]]


class Controller:
    """Takes so many seconds for each request, and answers it or, where it is silent, not."""

    patience = 0.2

    def __init__(self, seconds: float, *, is_silent: bool = False) -> None:
        self._seconds = seconds
        self._is_silent = is_silent
        self.given: list[float] = []

    def controller(self) -> Controller:
        return self

    def delete_topics(self, names: list[str], **options: float) -> dict[str, Future[None]]:
        self.given.append(options["request_timeout"])
        time.sleep(self._seconds)
        answer: Future[None] = Future()
        if self._is_silent:
            answer.set_exception(KafkaException(KafkaError(KafkaError._TIMED_OUT)))  # noqa: SLF001 - public code
        else:
            answer.set_result(None)
        return dict.fromkeys(names, answer)


def test_a_long_row_of_answered_pieces_is_never_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline is that of silence: thousands of topics take longer than one request may."""
    monkeypatch.setattr(bulk, "RECORDS", 5)
    busy: Any = Controller(0.1)

    answers = bulk.delete(busy, [f"t{number}" for number in range(6)], Deadline(0.25))

    assert set(answers.values()) == {None}
    assert len(busy.given) == 6
    assert min(busy.given) > 0.15


def test_after_a_piece_without_an_answer_nothing_more_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "RECORDS", 5)
    gone: Any = Controller(0.0, is_silent=True)

    answers = bulk.delete(gone, ["a", "b", "c"], Deadline(0.25))

    assert len(gone.given) == 1
    assert all(answers[name] is not None for name in "abc")


def test_tries_that_find_no_broker_share_the_time_of_two_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A lost cluster ends an apply within 25 s where a request may take 10; a fresh try has 15 s."""
    now, lost_for, given = [0.0], [0.0], []
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def written(
        _client: Any, _steps: Any, _look: Any, deadline: Deadline, _stopped: Any
    ) -> list[Any]:
        given.append(round(deadline.left, 1))
        now[0] += lost_for[0]
        if lost_for[0]:
            raise errors.UnreachableError("no broker answers")  # noqa: TRY003 - as words.py does
        return []

    monkeypatch.setattr(writes, "apply", written)
    connection = Connection.model_validate({"bootstrap.servers": "127.0.0.1:9"})
    provider = KafkaProvider(connection, Settings(), Options(timeout=10))
    for seconds in (10.0, 4.0, 60.0, 0.0, 0.0):
        lost_for[0] = seconds
        with contextlib.suppress(errors.UnreachableError):
            provider.apply(())

    assert given == [15.0, 10.0, 6.0, 5.0, 15.0]
