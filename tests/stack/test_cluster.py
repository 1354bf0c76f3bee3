from __future__ import annotations

import pytest

from stack.cluster import choose_apart, choose_members, choose_stray
from stack.health import Node


def seen(members: str, partitions: str = "") -> dict[str, Node]:
    """Give what a node sees: one letter for each member, and for each that it lost sight of."""
    return {name: Node(is_running=True, partitions=frozenset(partitions)) for name in members}


@pytest.mark.parametrize(
    ("views", "members", "stray"),
    [
        ({"a": "a", "b": "b", "c": "c"}, "a", "b"),
        ({"b": "b"}, "b", ""),
        ({"a": "abc", "b": "abc", "c": "abc"}, "abc", ""),
        ({"a": "a", "b": "bc", "c": "bc"}, "bc", "a"),
        ({"a": "abc", "b": "abc", "c": "c"}, "abc", "c"),
        ({"b": "ab", "c": "c"}, "ab", "c"),
        ({"a": "a", "c": "abc"}, "abc", "a"),
        ({"a": "ab", "b": "abc", "c": "abc"}, "abc", ""),
        ({}, "", ""),
    ],
    ids=[
        "all new", "one alone yet", "formed", "one alone beside two", "one lost its data",
        "one alone, one down", "lost its data, one down", "joining just now", "none serves",
    ],
)  # fmt: skip
def test_the_side_with_the_most_nodes_stays_and_others_join_it(
    views: dict[str, str], members: str, stray: str
) -> None:
    """A joining node drops what it holds, so it has to be the right one."""
    # Given what each serving node sees
    found = {name: seen(view) for name, view in views.items()}
    # When the cluster that stays and a node to join are chosen
    chosen = choose_members(found)
    # Then they are those
    assert chosen == set(members)
    assert choose_stray(found, chosen) == stray


@pytest.mark.parametrize(
    ("partitions", "apart"),
    [
        ({"a": "", "b": "", "c": ""}, ""),
        ({"a": "c", "b": "c", "c": "ab"}, "c"),
        ({"a": "bc", "b": "a", "c": "a"}, "a"),
        ({"a": "b", "b": "a", "c": ""}, "b"),
    ],
    ids=["none", "the last", "the first", "two of each other"],
)
def test_of_a_partition_the_smaller_side_is_restarted(
    partitions: dict[str, str], apart: str
) -> None:
    """It takes the state of the others."""
    # Given three members that lost sight of each other, or not
    views = {
        name: {n: seen(n, lost if n == name else "")[n] for n in "abc"}
        for name, lost in partitions.items()
    }
    # When the node to restart is chosen
    # Then it is the one that lost the most, the last of several
    assert choose_apart(views) == apart
