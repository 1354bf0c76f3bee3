from __future__ import annotations

import textwrap
from typing import Any

import pytest

from bizops import errors, graph
from bizops.change import Action, Change, Plan, Write
from bizops.resource import Observation, Presence
from bizops.testing import FakeProvider, fake_address

Make = Any


def printed(plan: Plan) -> str:
    """Print the steps in an order that respects the graph, one a line, indented by depth."""
    found = graph.steps(plan)
    depths: dict[graph.Key, int] = {}
    while len(depths) < len(found.steps):
        for key, needs in found.needs.items():
            if key not in depths and needs <= depths.keys():
                depths[key] = 1 + max((depths[need] for need in needs), default=-1)
    lines = sorted((depth, key) for key, depth in depths.items())
    return "\n".join(
        f"{'  ' * depth}{key[1].lower()} {key[0].split('/')[1]}" for depth, key in lines
    )


def test_creates_follow_needs_and_deletes_run_them_backwards(thing: Make, planned: Make) -> None:
    """A chain is made from the bottom up and taken down from the top."""
    resources = (thing("a"), thing("b", needs=("a",)), thing("c", needs=("b",)))
    full = FakeProvider({"a": {}, "b": {}, "c": {}})

    made = printed(planned(FakeProvider(), *resources))
    gone = printed(planned(full, *resources, destroy=True))

    assert "create a\n  create b\n    create c" == made
    assert "delete c\n  delete b\n    delete a" == gone


def test_a_step_with_nothing_to_do_still_carries_order(thing: Make, planned: Make) -> None:
    """The middle of a chain is unchanged, and its ends keep their order."""
    resources = (thing("a", size=2), thing("b", needs=("a",)), thing("c", needs=("b",)))

    found = printed(planned(FakeProvider({"a": {("size",): 1}, "b": {}}), *resources))

    assert "update a\n  noop b\n    create c" == found


def test_a_replace_is_a_delete_and_then_a_create(thing: Make, planned: Make) -> None:
    """What dies with it is not deleted, only made again after it."""
    child = thing("child", needs=("t",))
    live = FakeProvider({"t": {("shape",): "round"}, "child": {}}, dependents={"t": (child,)})

    found = printed(planned(live, thing("t", shape="square"), child))

    assert "delete t\n  create t\n    create child" == found


def test_writes_stand_before_what_they_serve_and_after_what_they_follow() -> None:
    """New policies come first, old ones go last, and the update settles after both."""
    queue = fake_address("q")
    change = Change(queue, Action.UPDATE, None, Observation(queue, Presence.PRESENT))
    fresh = Write("fake", "new", Action.CREATE, "+ new", serves=(queue,))
    stale = Write("fake", "old", Action.DELETE, "- old", serves=(queue,), after=("new",))

    found = printed(Plan("shop", (change,), (stale, fresh)))

    assert textwrap.dedent("""\
        create new
          delete old
            update q""") == found  # fmt: skip


def test_a_loop_is_printed_from_its_smallest_member() -> None:
    """The same loop gives the same words, in reading order."""
    names = [fake_address(name) for name in ("c", "a", "b")]
    changes = tuple(
        Change(
            name, Action.CREATE, None, Observation(name, Presence.ABSENT), needs=(names[index - 2],)
        )
        for index, name in enumerate(names)
    )

    with pytest.raises(
        errors.BizopsError, match=r"fake\.thing/a CREATE -> .* -> fake\.thing/a CREATE"
    ):
        graph.steps(Plan("shop", changes))
