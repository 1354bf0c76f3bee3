from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops import guard
from bizops.guard import Consents
from bizops.resource import Lifecycle
from bizops.testing import FakeProvider, guarded

if TYPE_CHECKING:
    from bizops.change import Plan

Make = Any


def refused(plan: Plan) -> list[str]:
    return [str(r.address.name if r.address else "the plan") for r in plan.refusals]


def test_deleting_what_holds_data_needs_that_address_named(thing: Make, planned: Make) -> None:
    """Only the named address goes; a glob names several."""
    live = FakeProvider({"full": {}, "empty": {}}, weights={"full": "812 messages"})
    plan = planned(live, thing("t"), owns=("full", "empty"), prune=True)

    assert ["full"] == refused(guarded(live, plan, Consents()))
    assert [] == refused(guarded(live, plan, Consents(("fake.thing/full",))))
    assert [] == refused(guarded(live, plan, Consents(("fake.thing/f*",))))
    assert ["full"] == refused(guarded(live, plan, Consents(("fake.thing/empty",))))


def test_a_refusal_carries_the_numbers_and_the_option(thing: Make, planned: Make) -> None:
    """What is at stake stands in the refusal, and the last remedy is the exact option."""
    live = FakeProvider({"t": {("shape",): "round"}}, weights={"t": "812 messages"})
    plan = guarded(live, planned(live, thing("t", shape="square")), Consents())

    assert "it would delete 812 messages" == plan.refusals[0].why
    assert ("keep shape as it is", "--allow-data-loss fake.thing/t") == plan.refusals[0].remedies


def test_what_cannot_be_weighed_is_taken_for_the_worst(thing: Make, planned: Make) -> None:
    """A missing answer is never consent."""
    live = FakeProvider({"t": {("shape",): "round"}})
    plan = planned(live, thing("t", shape="square"))

    assert ["t"] == refused(guard.guard(plan, {}, Consents()))


def test_what_dies_with_another_is_not_weighed_by_itself(thing: Make, planned: Make) -> None:
    """It is made again at once; what it is worth is part of what it dies with."""
    live = FakeProvider(
        {"t": {("shape",): "round"}, "part": {}},
        weights={"part": "1 binding"},
        dependents={"t": (thing("part"),)},
    )
    plan = planned(live, thing("t", shape="square"))

    assert ["t"] == [address.name for address in guard.at_stake(plan)]
    assert [] == refused(guarded(live, plan, Consents()))


def test_a_loss_in_place_needs_the_address_named(thing: Make, planned: Make) -> None:
    """A field that loses data is refused by its name."""
    live = FakeProvider({"t": {("size",): 9}})
    plan = planned(live, thing("t", size=1))

    assert ["size"] == [refusal.field for refusal in guarded(live, plan, Consents()).refusals]
    assert [] == refused(guarded(live, plan, Consents(("fake.thing/t",))))


def test_a_protected_resource_is_never_replaced_whatever_is_allowed(
    thing: Make, planned: Make
) -> None:
    """No consent overrides `protect`."""
    live = FakeProvider({"t": {("shape",): "round"}})
    plan = planned(live, thing("t", shape="square", lifecycle=Lifecycle(protect=True)))

    assert ["t"] == refused(guarded(live, plan, Consents(("*",), max_deletes=9)))


@pytest.mark.parametrize(
    ("total", "gone", "max_deletes", "is_refused"),
    [
        (10, 3, None, False),  # just the share
        (10, 4, None, True),  # more than the share
        (2, 2, None, False),  # few are never asked about
        (3, 3, None, True),
        (10, 4, 4, False),
        (10, 4, 3, True),
        (10, 2, 1, True),  # a limit that is given counts, however few they are
    ],
)
def test_removing_a_large_part_of_a_system_needs_the_number(
    total: int, gone: int, max_deletes: int | None, is_refused: bool, thing: Make, planned: Make
) -> None:
    """More than 30 % and more than two are refused without `--max-deletes`."""
    live = FakeProvider({f"n{index}": {} for index in range(total)})
    declared = [thing(f"n{index}") for index in range(total - gone)]
    plan = planned(live, *declared, owns=("n*",), prune=True)

    found = guarded(live, plan, Consents(max_deletes=max_deletes))

    assert (["the plan"] if is_refused else []) == refused(found)


def test_a_partial_plan_is_measured_against_everything_there(thing: Make, planned: Make) -> None:
    """Targeting three of twenty does not look like removing everything."""
    live = FakeProvider({f"n{index:02}": {("shape",): "round"} for index in range(20)})
    resources = [thing(f"n{index:02}", shape="square") for index in range(20)]

    plan = planned(live, *resources, targets=("fake.thing/n00", "fake.thing/n01", "fake.thing/n02"))

    assert [] == refused(guarded(live, plan, Consents()))


def test_destroy_is_not_asked_about_the_share_again(thing: Make, planned: Make) -> None:
    """Its consent is the topology's name, typed."""
    live = FakeProvider({f"n{index}": {} for index in range(9)})
    plan = planned(live, *(thing(f"n{index}") for index in range(9)), destroy=True)

    assert [] == refused(guarded(live, plan, Consents(is_destroy=True)))


def test_what_lies_on_a_part_that_is_down_is_never_deleted(thing: Make, planned: Make) -> None:
    """No consent helps: what it holds is unknown, and it would come back."""
    away = {"t": "on node 3, which is down"}
    live = FakeProvider({"t": {("shape",): "round"}}, weights={"t": "1 message"}, away=away)
    everything = Consents(("*",), is_destroy=True)
    replaced = planned(live, thing("t", shape="square"))
    pruned = planned(live, owns=("t",), prune=True)
    destroyed = planned(live, thing("t", shape="round"), destroy=True)

    for plan in (replaced, pruned, destroyed):
        assert () == guard.at_stake(plan)
        (refusal,) = guarded(live, plan, everything).refusals
        assert "on node 3, which is down" in refusal.why
    assert [] == refused(
        guarded(live, planned(live, thing("t", shape="round", size=3)), Consents())
    )
