"""Records of many threads that go together."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from workers.batches import LONGEST, Batches
from workers.events import Event
from workers.reports import Report

if TYPE_CHECKING:
    from collections.abc import Callable

ENOUGH = 5.0


def event(name: str) -> Event:
    return Event("ai.errors", name, "{}")


def test_each_event_has_its_own_report_and_the_order_of_a_thread_is_kept() -> None:
    sent: list[str] = []

    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        sent.append(key)
        on_report(Report(key))

    batches = Batches(send)
    batches.start()
    found = batches.hand_over([event("a"), event("b")]) + batches.hand_over([event("c")])

    assert [each.result(ENOUGH).problem for each in found] == ["a", "b", "c"]
    assert sent == ["a", "b", "c"]
    batches.close()


def test_what_comes_while_a_batch_is_on_its_way_goes_together() -> None:
    is_first_out, may_report = threading.Event(), threading.Event()
    at: dict[str, float] = {}

    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        at[key] = time.monotonic()
        if key == "first":
            is_first_out.set()
            may_report.wait(ENOUGH)
        on_report(Report())

    batches = Batches(send)
    batches.start()
    batches.hand_over([event("first")])
    assert is_first_out.wait(ENOUGH)
    others = [each for name in "abc" for each in batches.hand_over([event(name)])]
    assert not any(each.done() for each in others)
    may_report.set()

    assert [each.result(ENOUGH) for each in others] == [Report()] * 3
    batches.close()


def test_a_record_without_a_report_holds_up_the_next_batch_for_a_moment_only() -> None:
    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        if key != "slow":
            on_report(Report())

    batches = Batches(send)
    batches.start()
    (slow,) = batches.hand_over([event("slow")])
    time.sleep(LONGEST / 2)
    (quick,) = batches.hand_over([event("quick")])

    assert quick.result(ENOUGH) == Report()
    assert not slow.done()
    batches.close()


def test_a_record_that_cannot_be_sent_is_one_that_failed_and_the_others_go() -> None:
    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        if key == "bad":
            raise RuntimeError
        on_report(Report())

    batches = Batches(send)
    batches.start()
    bad, good = batches.hand_over([event("bad"), event("good")])

    assert bad.result(ENOUGH).problem == "ai.errors: RuntimeError"
    assert bad.result(ENOUGH).is_passing
    assert good.result(ENOUGH) == Report()
    batches.close()
