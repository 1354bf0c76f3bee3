"""K2: what is said of the groups that read a topic, and what could not be read is never said to be none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bizops.providers.kafka.api import group_offsets
from bizops.providers.kafka.api.consumer_groups import Groups

ENDS: dict[tuple[str, int], tuple[int, int] | None] = {("t", 0): (100, 600), ("t", 1): (0, 50)}


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Groups(), "no consumer group reads it or has read it"),
        (Groups({"g": {("u", 0): 3}}), "no consumer group reads it or has read it"),
        (
            Groups({"g": {("t", 0): 300, ("t", 1): 50}}),
            "read by g (300 records behind, not running)",
        ),
        (
            Groups({"g": {("t", 0): 600}}, running=frozenset({"g"})),
            "read by g (50 records behind)",
        ),
        (
            Groups({"g": {("t", 0): 7, ("t", 1): 90}}),
            "read by g (500 records behind, not running)",
        ),
        (
            Groups(reading={"g": frozenset({"t"})}, running=frozenset({"g"})),
            "read by g (nothing committed)",
        ),
        (Groups(unknown=("groups unknown: no",)), "groups unknown: no"),
        (
            Groups({"g": {("t", 0): 600, ("t", 1): 50}}, unknown=("others unknown: no",)),
            "read by g (0 records behind, not running); others unknown: no",
        ),
    ],
    ids=["none", "another topic", "idle", "one part read", "beyond", "new", "unknown", "both"],
)
def test_k2_what_is_said_of_the_readers(found: Groups, text: str) -> None:
    """An offset before the first record or behind the last counts as that; a part never read counts whole."""
    assert text == found.text("t", ENDS)


def test_k2_a_partition_without_a_leader_makes_the_number_a_least_one() -> None:
    ends = {**ENDS, ("t", 2): None}

    said = Groups({"g": {("t", 0): 600}}, running=frozenset({"g"})).text("t", ends)

    assert said == "read by g (at least 50 records behind)"


class Brokers:
    """Gives canned answers: the listing first, then the offsets."""

    lacking: tuple[str, ...] = ()

    def __init__(self, *answers: dict[int, Any]) -> None:
        self.numbers = (1, 2)
        self._answers = list(answers)

    def ask(self, requests: dict[int, Any]) -> dict[int, Any]:
        found = self._answers.pop(0)
        return {number: found[number] for number in requests}


def listing(*groups: tuple[str, str], error: int = 0) -> Any:
    listed = [SimpleNamespace(group_id=name, group_type=kind) for name, kind in groups]
    return SimpleNamespace(error_code=error, groups=listed)


def offsets(name: str, *parts: tuple[int, int], error: int = 0, part_error: int = 0) -> Any:
    found = [
        SimpleNamespace(partition_index=number, committed_offset=at, error_code=part_error)
        for number, at in parts
    ]
    topics = [SimpleNamespace(name="t", partitions=found)]
    return SimpleNamespace(group_id=name, error_code=error, topics=topics)


@pytest.mark.parametrize(
    ("answers", "expected", "unknown"),
    [
        (
            ({1: listing(("a", "classic")), 2: listing(("b", "consumer"))},
             {1: SimpleNamespace(groups=[offsets("a", (0, 3), (1, -1))]),
              2: SimpleNamespace(groups=[offsets("b", (0, 5))])}),
            {"a": {("t", 0): 3}, "b": {("t", 0): 5}},
            "",
        ),
        (
            ({1: listing(("a", "classic")), 2: "broker 2 does not answer"},
             {1: SimpleNamespace(groups=[offsets("a", (0, 3))])}),
            {"a": {("t", 0): 3}},
            "consumer groups unknown: broker 2 does not answer",
        ),
        (
            ({1: listing(("a", "classic"), ("b", "classic")), 2: listing()},
             {1: SimpleNamespace(groups=[offsets("a", error=30), offsets("b", error=69)])}),
            {},
            "committed offsets of 1 group unknown: GROUP_AUTHORIZATION_FAILED",
        ),
        (
            ({1: listing(("a", "classic")), 2: listing()},
             {1: SimpleNamespace(groups=[offsets("a", (0, -1), part_error=29)])}),
            {},
            "committed offsets of 1 group unknown: TOPIC_AUTHORIZATION_FAILED",
        ),
        (
            ({1: listing(("s", "share")), 2: listing(error=31)}, {}),
            {},
            "consumer groups unknown: CLUSTER_AUTHORIZATION_FAILED; 1 share group: what they read is unknown",
        ),
    ],
    ids=["two brokers", "one is silent", "denied", "part denied", "share groups"],
)  # fmt: skip
def test_k2_what_a_broker_does_not_tell_is_unknown(
    answers: tuple[Any, ...], expected: dict[str, Any], unknown: str
) -> None:
    """A group that is gone since the listing (69) is none."""
    brokers: Any = Brokers(*answers)

    found = group_offsets.committed(brokers, {"t": [0, 1]})

    assert found.offsets == expected
    assert "; ".join(found.unknown) == unknown


def test_k2_without_any_broker_nothing_is_known() -> None:
    brokers: Any = Brokers()
    brokers.numbers = ()

    assert group_offsets.committed(brokers, {"t": [0]}).unknown


def test_k2_what_kafka_python_cannot_connect_with_is_named() -> None:
    brokers: Any = Brokers()
    brokers.lacking = ("sasl.mechanism OAUTHBEARER",)

    (said,) = group_offsets.committed(brokers, {"t": [0]}).unknown

    assert said == ("committed offsets unknown: kafka-python has no sasl.mechanism OAUTHBEARER")
