"""Requests of many threads that go together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from workers.batches import Batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

ENOUGH = 5.0


class Echo:
    """Answers with what was asked, and with an error where that is `bad`; `held` holds up the first batch."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.is_out, self.held = threading.Event(), threading.Event()

    def carry(self, batch: Sequence[tuple[str, Future[str]]]) -> None:
        self.batches.append([asked for asked, _ in batch])
        self.is_out.set()
        self.held.wait(ENOUGH)
        for asked, answer in batch:
            if asked == "bad":
                raise RuntimeError(asked)
            answer.set_result(asked)


@pytest.fixture
def echo() -> Echo:
    return Echo()


@pytest.fixture
def batches(echo: Echo) -> Iterator[Batches[str, str]]:
    found: Batches[str, str] = Batches("echo", echo.carry)
    found.start()
    yield found
    found.close()


def test_each_request_has_its_own_answer_and_the_order_of_a_thread_is_kept(
    echo: Echo, batches: Batches[str, str]
) -> None:
    echo.held.set()
    found = batches.hand_over(["a", "b"]) + batches.hand_over(["c"])

    assert [each.result(ENOUGH) for each in found] == ["a", "b", "c"]
    assert [asked for batch in echo.batches for asked in batch] == ["a", "b", "c"]


def test_what_comes_while_a_batch_is_on_its_way_goes_together(
    echo: Echo, batches: Batches[str, str]
) -> None:
    batches.hand_over(["first"])
    assert echo.is_out.wait(ENOUGH)
    others = [each for name in "abc" for each in batches.hand_over([name])]
    assert not any(each.done() for each in others)
    echo.held.set()

    assert [each.result(ENOUGH) for each in others] == ["a", "b", "c"]
    assert echo.batches == [["first"], ["a", "b", "c"]]


def test_a_batch_that_cannot_be_carried_fails_and_the_next_one_goes(
    echo: Echo, batches: Batches[str, str]
) -> None:
    """What was answered before stays answered."""
    echo.held.set()
    good, bad, unasked = batches.hand_over(["good", "bad", "unasked"])

    assert good.result(ENOUGH) == "good"
    for each in (bad, unasked):
        with pytest.raises(RuntimeError):
            each.result(ENOUGH)
    (after,) = batches.hand_over(["after"])
    assert after.result(ENOUGH) == "after"


def test_what_waits_at_the_end_goes_first(echo: Echo, batches: Batches[str, str]) -> None:
    echo.held.set()
    found = batches.hand_over(["last"])

    batches.close()

    assert found[0].done()
    (late,) = batches.hand_over(["late"])
    with pytest.raises(ConnectionError):
        late.result(ENOUGH)
