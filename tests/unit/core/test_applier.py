from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest

from bizops import applier, errors, graph
from bizops.applier import Listener, Stop, Timing
from bizops.applier.schedule import Schedule
from bizops.applier.users import Users
from bizops.change import Action, ApplyResult, Outcome, Readiness, Status, Step, Write
from bizops.graph import Graph
from bizops.testing import FakeProvider, fake_address

if TYPE_CHECKING:
    from collections.abc import Sequence

Make = Any
QUICK = Timing(first_look=0.001, look=0.005, settle_timeout=5, backoff=0.001)


def carried(live: FakeProvider, plan: Any, **options: Any) -> ApplyResult:
    options.setdefault("pace", QUICK)
    return applier.apply(graph.steps(plan), {"fake": live}, **options)


def by_name(result: ApplyResult) -> dict[str, Status]:
    return {o.step.change.address.name: o.status for o in result.outcomes if o.step.change}


def test_a_failure_skips_its_dependents_and_nothing_else(thing: Make, planned: Make) -> None:
    """The rest is done, and what is skipped names the need that failed."""
    live = FakeProvider(fails={"b": ["disk full"]})
    resources = (thing("a"), thing("b", needs=("a",)), thing("c", needs=("b",)), thing("d"))

    result = carried(live, planned(live, *resources))

    assert {
        "a": Status.APPLIED,
        "b": Status.FAILED,
        "c": Status.SKIPPED,
        "d": Status.APPLIED,
    } == by_name(result)
    skipped = next(o for o in result.outcomes if o.status is Status.SKIPPED)
    assert "fake.thing/b" in skipped.detail
    assert not result.is_ok


def test_what_is_skipped_names_what_it_needs_itself(thing: Make, planned: Make) -> None:
    """What failed may be a thing of others that stands far behind it."""
    live = FakeProvider(fails={"a": ["disk full"]})
    resources = (thing("a"), thing("b", needs=("a",)), thing("c", needs=("b",)))

    result = carried(live, planned(live, *resources))

    details = {o.step.key[0]: o.detail for o in result.outcomes if o.status is Status.SKIPPED}
    assert details == {
        "fake.thing/b": "it needs fake.thing/a, which failed",
        "fake.thing/c": "it needs fake.thing/b, which is skipped, as fake.thing/a failed",
    }


def test_what_only_carries_order_is_not_named(thing: Make, planned: Make) -> None:
    """It has no line of its own that could say more."""
    live = FakeProvider()
    carried(live, planned(live, thing("b")))
    live.fails["a"] = ["disk full"]
    resources = (thing("a"), thing("b", needs=("a",)), thing("c", needs=("b",)))

    result = carried(live, planned(live, *resources))

    assert [o.detail for o in result.outcomes if o.status is Status.SKIPPED] == [
        "it needs fake.thing/a, which failed"
    ]


def test_a_deletion_of_what_has_no_address_is_named_as_one(thing: Make, planned: Make) -> None:
    """An old policy goes when all new ones are there, and a queue waits for its own old one."""
    new = Write("fake", "new", Action.CREATE, "policy new (10 queues)")
    old = Write(
        "fake", "old", Action.DELETE, "policy old", serves=(fake_address("a"),), after=("new",)
    )
    plan = replace(planned(FakeProvider(), thing("a")), writes=(new, old))
    board = Schedule(graph.steps(plan), Listener(), Users(Graph({}, {}), {}))
    (first,) = board.take("fake")

    board.end(Outcome(first, Status.FAILED, "refused"))

    details = {o.step.key[0]: o.detail for o in board.finish()}
    assert details["fake.thing/a"] == (
        "it needs the deletion of policy old, which is skipped, as policy new (10 queues) failed"
    )


def test_a_second_run_finishes_the_job(thing: Make, planned: Make) -> None:
    """After a partial failure the same plan again does only what is left."""
    live = FakeProvider(fails={"b": ["disk full"]})
    resources = (thing("a"), thing("b", needs=("a",)))
    carried(live, planned(live, *resources))
    live.journal.clear()

    assert carried(live, planned(live, *resources)).is_ok
    assert [("CREATE", "b")] == live.journal
    assert planned(live, *resources).is_empty


def test_what_needs_nothing_of_each_other_is_one_batch(thing: Make, planned: Make) -> None:
    """Five hundred independent things are one call."""
    live = FakeProvider()

    assert carried(live, planned(live, *(thing(f"t{index}") for index in range(500)))).is_ok
    assert [500] == live.batches


def test_a_step_waits_until_its_need_has_settled(thing: Make, planned: Make) -> None:
    """Written is not enough: the need must have taken effect."""
    live = FakeProvider(settles={"a": 3})
    told: list[str] = []

    class Told(Listener):
        def ended(self, outcome: Outcome) -> None:
            assert outcome.step.change is not None
            told.append(outcome.step.change.address.name)

    carried(live, planned(live, thing("b", needs=("a",)), thing("a")), listener=Told())

    assert ["a", "b"] == told
    assert live.settles["a"] == 0


def test_a_step_begins_when_its_need_has_settled_and_not_at_the_next_look(
    thing: Make, planned: Make
) -> None:
    """Here the next look is in an hour, and both steps are carried out by the same thread."""
    live = FakeProvider()
    plan = planned(live, thing("b", needs=("a",)), thing("a"))
    seldom = Timing(first_look=0.001, look=3600)
    thread = threading.Thread(
        target=carried, args=(live, plan), kwargs={"pace": seldom}, daemon=True
    )

    thread.start()
    thread.join(20)

    assert [("CREATE", "a"), ("CREATE", "b")] == live.journal


def test_a_transient_error_is_tried_again(thing: Make, planned: Make) -> None:
    """RETRY is written again until it passes, and then counts as applied."""
    transient = Outcome(None, Status.RETRY, "leader election")  # type: ignore[arg-type]
    live = FakeProvider(fails={"a": [transient, transient]})

    assert carried(live, planned(live, thing("a"))).is_ok
    assert [("CREATE", "a")] * 3 == live.journal


def test_a_transient_error_that_stays_is_a_failure_with_its_words(
    thing: Make, planned: Make
) -> None:
    """Tries are bounded."""
    transient = Outcome(None, Status.RETRY, "leader election")  # type: ignore[arg-type]
    live = FakeProvider(fails={"a": [transient] * 99})

    result = carried(live, planned(live, thing("a")))

    assert [(Status.FAILED, "leader election")] == [(o.status, o.detail) for o in result.outcomes]
    assert QUICK.tries == len(live.journal)


def test_a_transient_error_is_not_tried_again_for_longer_than_silence_is_borne(
    thing: Make, planned: Make
) -> None:
    """A write that is not answered takes as long as a request may take, each time."""
    transient = Outcome(None, Status.RETRY, "no answer")  # type: ignore[arg-type]
    live = FakeProvider(fails={"a": [transient] * 99})

    result = carried(live, planned(live, thing("a")), pace=Timing(0.001, 0.005, silence=0))

    assert [(Status.FAILED, "no answer")] == [(o.status, o.detail) for o in result.outcomes]
    assert [("CREATE", "a")] == live.journal


def test_what_is_written_and_cannot_be_looked_at_any_more_fails_soon(
    thing: Make, planned: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for the time that something may take to settle."""
    live = FakeProvider()
    plan = planned(live, thing("a"))

    said = errors.UnreachableError("no answer")
    monkeypatch.setattr(live, "readiness", Mock(side_effect=said))
    result = carried(live, plan, pace=Timing(0.001, 0.005, settle_timeout=60, silence=0.2))

    (outcome,) = result.outcomes
    assert outcome.status is Status.FAILED
    assert outcome.detail == "written, and what became of it was not read: no answer"
    assert outcome.seconds < 30


def test_the_time_of_a_write_that_is_not_answered_counts_as_silence_of_what_settles(
    thing: Make, planned: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that is lost is waited for once: not in a write first, and then in looks for as long again."""
    live = FakeProvider(settles={"slow": 10**9})
    plan = planned(live, thing("slow"), thing("quick"), thing("next", needs=("quick",)))
    lost = Mock(side_effect=errors.UnreachableError("no answer"))

    def unanswered(steps: Sequence[Step], *rest: Any) -> Sequence[Outcome]:
        if [step.key[0] for step in steps] != ["fake.thing/next"]:
            return apply(steps, *rest)
        time.sleep(0.6)
        monkeypatch.setattr(live, "readiness", lost)
        return [Outcome(step, Status.FAILED, "not answered") for step in steps]

    apply = live.apply
    monkeypatch.setattr(live, "apply", unanswered)
    result = carried(live, plan, pace=Timing(0.001, 0.005, settle_timeout=60, silence=0.5))

    assert by_name(result) == {
        "quick": Status.APPLIED,
        "next": Status.FAILED,
        "slow": Status.FAILED,
    }
    assert lost.call_count == 1


def test_what_never_settles_fails_at_its_deadline(thing: Make, planned: Make) -> None:
    """The deadline is per resource, and the outcome says what it still waited for."""
    live = FakeProvider(settles={"a": 10**9})

    result = carried(
        live, planned(live, thing("a")), pace=Timing(0.001, 0.005, settle_timeout=0.05)
    )

    assert Status.FAILED is result.outcomes[0].status
    assert "not settled after" in result.outcomes[0].detail


def test_a_defect_in_a_provider_ends_its_steps_and_hangs_nothing(
    thing: Make, planned: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that is not ours is told as a defect."""
    live = FakeProvider()
    plan = planned(live, thing("a"), thing("b", needs=("a",)))

    def broken(_steps: Any) -> Any:
        raise KeyError("oops")

    monkeypatch.setattr(live, "apply", broken)
    result = carried(live, plan)

    assert {"a": Status.FAILED, "b": Status.SKIPPED} == by_name(result)
    assert "a defect in bizops" in result.outcomes[0].detail


class Interrupting(FakeProvider):
    """Asks to stop as soon as something was written."""

    def __init__(self, stop: Stop, level: int, **settings: Any) -> None:
        super().__init__(**settings)
        self._stop, self._level = stop, level

    def _apply(self, step: Step) -> Outcome:
        """Ask once."""
        outcome = super()._apply(step)
        self._stop.ask(self._level, "asked")
        return outcome


def test_the_first_interrupt_finishes_what_is_in_flight_and_starts_nothing_more(
    thing: Make, planned: Make
) -> None:
    """What was begun settles; what was not is skipped, and said."""
    stop = Stop()
    live = Interrupting(stop, 1, settles={"a": 3})

    result = carried(live, planned(live, thing("a"), thing("b", needs=("a",))), stop=stop)

    assert {"a": Status.APPLIED, "b": Status.SKIPPED} == by_name(result)
    assert result.interrupted
    assert [("CREATE", "a")] == live.journal


def test_the_second_interrupt_stops_waiting_and_says_what_still_runs(
    thing: Make, planned: Make
) -> None:
    """What was written and has not settled is RUNNING, not failed and not done."""
    stop = Stop()
    live = Interrupting(stop, 2, settles={"a": 10**9})

    result = carried(live, planned(live, thing("a"), thing("b", needs=("a",))), stop=stop)

    assert {"a": Status.RUNNING, "b": Status.SKIPPED} == by_name(result)


def test_an_interrupt_in_the_middle_of_a_batch_leaves_the_rest_of_it_unwritten(
    thing: Make, planned: Make
) -> None:
    """A batch may be thousands of requests, and the lock may be somebody else's before the last of them."""
    stop = Stop()
    live = Interrupting(stop, 1)

    result = carried(live, planned(live, thing("a"), thing("b"), thing("c")), stop=stop)

    assert [3] == live.batches
    assert [("CREATE", "a")] == live.journal
    assert {"a": Status.APPLIED, "b": Status.SKIPPED, "c": Status.SKIPPED} == by_name(result)
    assert {"not started: the apply was stopped"} == {
        o.detail for o in result.outcomes if o.status is Status.SKIPPED
    }


def test_what_was_tried_in_vain_is_not_tried_again_after_an_interrupt(
    thing: Make, planned: Make
) -> None:
    """It may have been carried out: so it has failed, with what was said, and is not `not started`."""
    stop = Stop()
    plan = planned(FakeProvider(), thing("a"), thing("b"))
    silent = Outcome(
        next(iter(graph.steps(plan).steps.values())), Status.RETRY, "no answer in 10 s"
    )
    live = Interrupting(stop, 1, fails={"a": [silent]})

    result = carried(live, plan, stop=stop)

    assert {"a": Status.FAILED, "b": Status.SKIPPED} == by_name(result)
    assert "stopped before it was tried again: no answer in 10 s" in {
        o.detail for o in result.outcomes
    }


def test_an_apply_killed_anywhere_converges_on_the_next_run(thing: Make, planned: Make) -> None:
    """Whatever prefix of the steps was carried out, planning again finishes exactly the rest."""
    resources = [thing(f"t{i}", needs=(f"t{i - 1}",) if i else (), size=2) for i in range(6)]
    for written in range(7):
        live = FakeProvider({f"t{index}": {("size",): 2} for index in range(written)})

        assert carried(live, planned(live, *resources)).is_ok
        assert 6 - written == len(live.journal)
        assert planned(live, *resources).is_empty


def test_no_thread_is_left_behind(thing: Make, planned: Make) -> None:
    """An apply ends its workers."""
    live = FakeProvider()
    carried(live, planned(live, thing("a")))

    assert [] == [t.name for t in threading.enumerate() if t.name.startswith("apply-")]


class Elsewhere(FakeProvider):
    """After the first write another system answers, as behind a load balancer of two clusters."""

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        del steps
        message = "this is another cluster"
        raise errors.WrongSystemError(message)


def test_another_system_is_not_asked_until_the_time_is_over(thing: Make, planned: Make) -> None:
    live = Elsewhere()

    result = carried(live, planned(live, thing("a")))

    assert [Status.FAILED] == [outcome.status for outcome in result.outcomes]
    assert "this is another cluster" in result.outcomes[0].detail
    assert result.outcomes[0].seconds < QUICK.settle_timeout


def test_what_a_write_has_changed_is_not_said_to_be_untouched(thing: Make, planned: Make) -> None:
    """Derived policies change a queue before its own turn comes, and an apply may be stopped between."""
    live = FakeProvider()
    plan = planned(live, thing("a"), thing("b"))
    write = Write("fake", "policy", Action.CREATE, "+ policy", serves=(fake_address("a"),))
    board = Schedule(
        graph.steps(replace(plan, writes=(write,))), Listener(), Users(Graph({}, {}), {})
    )
    (first,) = (step for step in board.take("fake") if step.write is not None)
    board.end(Outcome(first, Status.APPLIED))

    said = {o.step.key[0]: o.detail for o in board.finish() if o.status is Status.SKIPPED}

    assert said == {
        "fake.thing/a": "stopped before it was looked at: what it takes has been written"
    }
