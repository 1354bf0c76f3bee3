"""Who takes what one object alone may have waits for who gives it up, where some order of the two would do."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bizops import graph
from bizops.testing import FakeProvider, fake_definition, installed
from bizops.testing.fake import THING

if TYPE_CHECKING:
    from collections.abc import Iterator

Make = Any


@pytest.fixture(autouse=True)
def _ports() -> Iterator[None]:
    """Let the tags of a thing be what it has alone."""
    kind = replace(
        THING,
        exclusive=lambda fields: frozenset(
            path[1] for path, value in fields.items() if path[0] == "tags" and value
        ),
    )
    with installed(replace(fake_definition(), kinds=(kind,))):
        yield


def live(**held: str) -> FakeProvider:
    return FakeProvider({name: {("tags", port): "x"} for name, port in held.items()})


def has(thing: Make, name: str, port: str, *needs: str) -> Any:
    return thing(name, needs=needs, tags=((port, "x"),))


def waits(plan: Any) -> dict[str, list[str]]:
    graph.steps(plan)  # raises where steps need each other
    return {
        change.address.name: [user.name for user in change.waits]
        for change in plan.changes
        if change.waits
    }


def test_who_takes_it_waits_for_who_gives_it_up(thing: Make, planned: Make) -> None:
    plan = planned(live(a="80"), has(thing, "a", "81"), has(thing, "b", "80"))

    assert waits(plan) == {"b": ["a"]}


def test_two_that_swap_wait_for_neither(thing: Make, planned: Make) -> None:
    plan = planned(live(a="80", b="81"), has(thing, "a", "81"), has(thing, "b", "80"))

    assert waits(plan) == {}


def test_three_that_pass_it_round_wait_for_none(thing: Make, planned: Make) -> None:
    wanted = (has(thing, "a", "81"), has(thing, "b", "82"), has(thing, "c", "80"))

    assert waits(planned(live(a="80", b="81", c="82"), *wanted)) == {}


def test_who_is_needed_by_who_gives_it_up_does_not_wait(thing: Make, planned: Make) -> None:
    """What is declared comes first: the one that gives it up is changed after what it needs."""
    wanted = (has(thing, "a", "81", "middle"), thing("middle", needs=("b",)), has(thing, "b", "80"))

    assert waits(planned(live(a="80"), *wanted)) == {}
