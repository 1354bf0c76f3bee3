"""Which brokers answer, and what follows for partitions, as a table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bizops.providers.kafka.live.members import Members, away, cluster, members, warnings


def part(leader: int, replicas: list[int], isrs: list[int]) -> Any:
    return SimpleNamespace(leader=leader, replicas=replicas, isrs=isrs)


def topic(name: str, *parts: Any) -> Any:
    return SimpleNamespace(topic=name, error=None, partitions=dict(enumerate(parts)))


def metadata(listed: list[int], *topics: Any) -> Any:
    return SimpleNamespace(
        brokers=dict.fromkeys(listed), topics={each.topic: each for each in topics}
    )


HEALTHY = topic("h", part(1, [1, 2], [1, 2]))


@pytest.mark.parametrize(
    ("listed", "answering", "replicas", "text"),
    [
        ([1, 2, 3], {1, 2, 3}, [1, 3], "3 brokers"),
        ([1], {1}, [1], "1 broker"),
        ([1, 2, 3], {1, 2}, [1, 3], "2 of 3 brokers answer: broker 3 does not"),
        ([1, 2], {1, 2}, [1, 3], "2 of 3 brokers answer: broker 3 does not"),
        ([1, 2], {1}, [1, 3], "1 of 3 brokers answers: brokers 2 and 3 do not"),
    ],
    ids=["all", "single", "listed and silent", "known by its replicas", "both"],
)
def test_the_brokers_are_those_that_are_listed_and_those_that_replicas_name(
    listed: list[int], answering: set[int], replicas: list[int], text: str
) -> None:
    """A broker whose session ended is in no list: the partitions that lie on it tell of it."""
    found = members(metadata(listed, topic("t", part(1, replicas, replicas))), answering)

    assert text == found.text


def test_a_cluster_says_what_its_partitions_lack() -> None:
    """Degraded is a broker that is away, a partition without a leader, or replicas out of sync."""
    broken = topic("t", part(-1, [3], [3]), part(1, [1, 3], [1]))
    whole = metadata([1, 2], HEALTHY)
    down = metadata([1, 2], HEALTHY, broken)

    assert (cluster(whole, members(whole, {1, 2})).text, False) == ("2 brokers", False)
    assert not cluster(whole, members(whole, {1, 2})).is_degraded
    state = cluster(down, members(down, {1, 2}))
    assert state.is_degraded
    assert state.text == (
        "2 of 3 brokers answer: broker 3 does not, 1 partition without a leader, "
        "1 partition with replicas out of sync"
    )


@pytest.mark.parametrize(
    ("parts", "found", "text"),
    [
        ([part(1, [1], [1])], Members(frozenset({1})), ""),
        (
            [part(-1, [3], []), part(1, [1], [1]), part(-1, [3], [])],
            Members(frozenset({1}), away=frozenset({3})),
            "partly on broker 3, which is down (partitions 0, 2)",
        ),
        (
            [part(-1, [2, 3], [])],
            Members(frozenset({1}), away=frozenset({2, 3})),
            "on brokers 2 and 3, which are down",
        ),
        (
            [part(2, [2, 1], [1, 2]), part(1, [1], [1])],
            Members(frozenset({1}), silent=frozenset({2})),
            "partly on broker 2, which is down (partition 0)",
        ),
        (
            [part(-1, [1], [])],
            Members(frozenset({1})),
            "on replicas of broker 1, offline",
        ),
    ],
    ids=["all led", "partly", "whole", "led by a silent broker", "a disk failed"],
)
def test_a_topic_that_cannot_be_asked_lies_where_it_cannot(
    parts: list[Any], found: Members, text: str
) -> None:
    """What a partition without a leader holds is unknown; so is what a silent leader holds."""
    assert text == away(topic("t", *parts), found)


def test_a_thousand_topics_that_lack_a_broker_are_two_lines() -> None:
    """The first names, and how many more: a broker that is down concerns many topics."""
    topics = [topic(f"t{n:04}", part(-1, [3], [])) for n in range(1000)]

    said = list(warnings(topics, Members(frozenset({1}), away=frozenset({3}))))

    assert [
        (
            "kafka: neither written nor read, as no leader answers: t0000 (partition 0), "
            "t0001 (partition 0), t0002 (partition 0) and 997 more topics"
        ),
        "kafka: replicas are out of sync: t0000, t0001, t0002 and 997 more topics",
    ] == said
    assert not list(warnings([HEALTHY], Members(frozenset({1, 2}))))
