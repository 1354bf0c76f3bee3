"""Nothing is taken from a user that is still there, and what another topology declares, too, stays."""

from __future__ import annotations

from typing import Any

import pytest

from bizops import applier, graph
from bizops.applier import Timing
from bizops.change import Action, Outcome, Status
from bizops.provider import Bystander
from bizops.testing import FakeProvider, fake_address

Make = Any
OLD = fake_address("old")
QUICK = Timing(first_look=0.001, look=0.005, settle_timeout=5, backoff=0.001)


def using(path: tuple[str, ...] = ("size",), **others: Any) -> FakeProvider:
    """Give a system whose `user` uses `old`, which nobody declares."""
    things = {"old": {}, "user": {("size",): 1, ("root",): "x"}}
    return FakeProvider(things, uses={"user": [("old", path)]}, **others)


def carried(live: FakeProvider, plan: Any) -> dict[str, tuple[Status, str]]:
    result = applier.apply(graph.steps(plan), {"fake": live}, pace=QUICK)
    return {o.step.change.address.name: (o.status, o.detail) for o in result.outcomes}


def test_a_deletion_waits_until_its_user_has_settled_without_it(thing: Make, planned: Make) -> None:
    live = using()
    live.settles["user"] = 5
    plan = planned(live, thing("user", size=2), owns=("old",), prune=True)

    ended = carried(live, plan)

    assert not plan.refusals
    assert [("UPDATE", "user"), ("DELETE", "old")] == live.journal
    assert {status for status, _ in ended.values()} == {Status.APPLIED}


def test_a_deletion_does_not_happen_where_its_user_failed(thing: Make, planned: Make) -> None:
    """The user may have been set back to what it had, and needs it then."""
    failed = Outcome(None, Status.FAILED, "rolled back")  # type: ignore[arg-type]
    live = using(fails={"user": [failed]})

    ended = carried(live, planned(live, thing("user", size=2), owns=("old",), prune=True))

    assert ended["old"] == (Status.SKIPPED, "it needs fake.thing/user, which failed")
    assert "old" in live.things


def test_s1_a_deletion_does_not_happen_where_a_user_that_had_settled_has_failed_since(
    thing: Make, planned: Make
) -> None:
    """It waits for the slowest of its users, and the others have their time to fail."""

    class Falling(FakeProvider):
        def readiness(self, steps: Any) -> Any:
            ended = super().readiness(steps)
            if ("UPDATE", "slow") in self.journal and not self.settles.get("slow"):
                self.settles["user"] = 1
            return ended

    things = {"old": {}, "user": {("size",): 1}, "slow": {("size",): 1}}
    uses = {"user": [("old", ("size",))], "slow": [("old", ("size",))]}
    live = Falling(things, uses=uses, settles={"slow": 5})
    wanted = (thing("user", size=2), thing("slow", size=2))

    ended = carried(live, planned(live, *wanted, owns=("old",), prune=True))

    assert ended["user"][0] is ended["slow"][0] is Status.APPLIED
    said = "stays: fake.thing/user used it, and has not stayed settled: 1 looks left"
    assert ended["old"] == (Status.FAILED, said)
    assert "old" in live.things


def test_a_defect_in_the_last_look_at_a_user_ends_the_deletion_and_hangs_nothing(
    thing: Make, planned: Make
) -> None:
    class Broken(FakeProvider):
        def readiness(self, steps: Any) -> Any:
            if "settled" in self.settles:
                raise KeyError("oops")
            ended = super().readiness(steps)
            if all(each.settled for each in ended):
                self.settles["settled"] = 0
            return ended

    live = Broken({"old": {}, "user": {("size",): 1}}, uses={"user": [("old", ("size",))]})

    ended = carried(live, planned(live, thing("user", size=2), owns=("old",), prune=True))

    assert ended["old"][0] is Status.FAILED
    assert "a defect in bizops" in ended["old"][1]
    assert "old" in live.things


def test_s1_what_a_user_has_not_settled_without_is_not_deleted(thing: Make, planned: Make) -> None:
    """Its settings name it no more; part of it may run with those of before, or be set back to them."""
    live = FakeProvider({"old": {}, "user": {("size",): 1}}, former={"user": ["old"]})

    kept = planned(live, thing("user", size=1), owns=("old",), prune=True)
    changed = planned(live, thing("user", size=2), owns=("old",), prune=True)

    (refusal,) = kept.refusals
    assert refusal.address == OLD
    assert refusal.why.startswith("fake.thing/user has not settled without it")
    assert not changed.refusals
    (gone,) = [change for change in changed.changes if change.action is Action.DELETE]
    assert gone.waits == (fake_address("user"),)


@pytest.mark.parametrize("size", [1, None])
def test_what_a_user_keeps_is_not_deleted(thing: Make, planned: Make, size: int | None) -> None:
    plan = planned(using(), thing("user", size=size), owns=("old",), prune=True)

    (refusal,) = plan.refusals
    assert refusal.address == OLD
    assert refusal.why == "fake.thing/user uses it (size), and keeps it"
    assert "change size of fake.thing/user" in refusal.remedies


def test_another_setting_that_changes_is_not_enough(thing: Make, planned: Make) -> None:
    live = using(("root",))
    plan = planned(live, thing("user", size=2), owns=("old",), prune=True)
    assert [OLD] == [refusal.address for refusal in plan.refusals]


def test_a_user_that_goes_in_the_same_run_goes_first(planned: Make) -> None:
    live = using()
    plan = planned(live, owns=("old", "user"), prune=True)
    carried(live, plan)
    assert not plan.refusals
    assert [("DELETE", "user"), ("DELETE", "old")] == live.journal


def test_a_user_that_is_left_out_keeps_it(planned: Make) -> None:
    """With a target, what uses it is not part of the run."""
    plan = planned(using(), owns=("old", "user"), prune=True, targets=("fake.thing/old",))
    (refusal,) = plan.refusals
    assert "let fake.thing/user go in the same run" in refusal.remedies


@pytest.mark.parametrize("choice", [{"destroy": True}, {}])
def test_what_others_use_is_neither_destroyed_nor_replaced(
    thing: Make, planned: Make, choice: dict[str, bool]
) -> None:
    live = FakeProvider({"t": {("shape",): "round"}}, users={"t": ("service web of topology b",)})
    plan = planned(live, thing("t", shape="square"), **choice)
    verb = "deleted" if choice else "replaced"
    (refusal,) = plan.refusals
    assert refusal.why == f"service web of topology b uses it, so it cannot be {verb}"


def test_what_another_topology_declares_is_not_pruned(thing: Make, planned: Make) -> None:
    live = FakeProvider({"old": {}}, claims={"old": ("b",)})
    kept = planned(live, thing("x"), owns=("old",), prune=True)
    gone = planned(live, thing("x"), owns=("old",), prune=True, adopt=("fake.thing/old",))
    assert [OLD] == [observed.address for observed in kept.unmanaged]
    assert not any(change.action is Action.DELETE for change in kept.changes)
    assert any(change.action is Action.DELETE for change in gone.changes)


def test_what_another_topology_declares_is_not_destroyed(thing: Make, planned: Make) -> None:
    live = FakeProvider({"t": {}}, claims={"t": ("b", "c")})
    plan = planned(live, thing("t"), destroy=True)
    assert not plan.changes
    said = (
        "fake.thing/t stays: topologies b and c declare it, too; --adopt fake.thing/t destroys it"
    )
    assert said in plan.warnings


def test_of_what_nobody_declares_a_destroy_says_nothing_unless_it_prunes(
    thing: Make, planned: Make
) -> None:
    live = FakeProvider({"old": {}}, claims={"old": ("b",)})
    plans = [
        planned(live, thing("x"), owns=("old",), destroy=True, prune=prune)
        for prune in (False, True)
    ]
    told = [any(str(OLD) in text for text in plan.warnings) for plan in plans]
    assert told == [False, True]


def test_what_another_topology_declares_is_not_replaced(thing: Make, planned: Make) -> None:
    live = FakeProvider({"t": {("shape",): "round"}}, claims={"t": ("b",)})
    plan = planned(live, thing("t", shape="square"))
    (refusal,) = plan.refusals
    assert refusal.why == "topology b declares it, too, so it cannot be replaced"


def reading(queue: str, **others: Any) -> FakeProvider:
    """Give a system whose `worker` names a queue, as one in a list."""
    return FakeProvider({"old": {}, "worker": {("tags", "QUEUE_NAME"): queue}}, **others)


@pytest.mark.parametrize(
    "queue",
    ["old", "first, old", "first;old", "--queue=old", "amqp://u@h:5672/v?queue=old", '["old"]'],
)
def test_r2_a_deletion_waits_for_who_names_it_and_stops_to(
    thing: Make, planned: Make, queue: str
) -> None:
    worker = thing("worker", tags=(("QUEUE_NAME", "new"),))
    plan = planned(reading(queue), worker, owns=("old",), prune=True)
    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]
    assert gone.waits == (fake_address("worker"),)
    assert not plan.refusals


@pytest.mark.parametrize(
    ("queue", "is_named"),
    [("old", True), ("older", False), ("old.dlq", False), ("--queue=very-old", False)],
)
def test_r2_who_goes_on_naming_it_is_told(
    thing: Make, planned: Make, queue: str, *, is_named: bool
) -> None:
    """A name in a variable may mean something else, so it is no refusal."""
    worker = thing("worker", tags=(("QUEUE_NAME", queue),))
    plan = planned(reading(queue), worker, owns=("old",), prune=True)
    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]
    said = "fake.thing/worker names it in tags.QUEUE_NAME"
    assert [effect.text for effect in gone.effects] == ([said] if is_named else [])
    assert not plan.refusals


def test_r2_who_changes_the_list_and_goes_on_naming_it_is_told(thing: Make, planned: Make) -> None:
    """The variable is another one afterwards, and the reader still reads."""
    worker = thing("worker", tags=(("QUEUE_NAME", "old, second"),))
    plan = planned(reading("old, first"), worker, owns=("old",), prune=True)
    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]
    assert [effect.text for effect in gone.effects] == [
        "fake.thing/worker names it in tags.QUEUE_NAME"
    ]
    assert gone.waits == ()


def test_r2_others_who_name_it_are_told(planned: Make) -> None:
    other = Bystander("service web of topology b", ((("environment", "Q"), "old"),))
    plan = planned(FakeProvider({"old": {}}, bystanders=(other,)), owns=("old",), prune=True)
    (gone,) = plan.changes
    assert [effect.text for effect in gone.effects] == [
        "service web of topology b names it in environment.Q"
    ]


def test_what_no_system_checks_is_told_and_deleted(thing: Make, planned: Make) -> None:
    """A queue whose dead-letter exchange goes drops what it would have sent there."""
    live = using(("size",), loose=frozenset({"user"}))
    plan = planned(live, thing("user", size=1), owns=("old",), prune=True)
    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]
    assert [effect.text for effect in gone.effects] == ["fake.thing/user names it in size"]
    assert not plan.refusals
