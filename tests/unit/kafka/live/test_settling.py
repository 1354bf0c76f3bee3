"""When a write counts as taken over, with brokers away, as a table."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, Change, FieldChange, Step
from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.providers.kafka.live.settling import BrokerView, ConfigView, PartitionView, readiness
from bizops.resource import Address, Resource, absent

ADDRESS = Address("kafka", "topic", ("t",))
PATIENCE = 5.0


def view(number: int, *parts: PartitionView, source: int = 1, **values: str) -> BrokerView:
    shown = {"t": {key: ConfigView(value, source) for key, value in values.items()}}
    return BrokerView(f"broker {number}", number, {"t": parts} if parts else {}, shown)


def silent(number: int, seconds: float) -> BrokerView:
    return BrokerView(f"broker {number}", number, problem="does not answer", silence=seconds)


def led(leader: int, replicas: list[int], in_sync: list[int]) -> PartitionView:
    return PartitionView.of(leader, replicas, in_sync)


def step(action: Action, *fields: FieldChange) -> Step:
    resource = Resource(ADDRESS, TopicSpec.model_validate({"partitions": 1}))
    return Step(action, Change(ADDRESS, action, resource, absent(ADDRESS), fields))


GOOD = led(1, [1, 2], [1, 2])
CREATED = step(Action.CREATE)


@pytest.mark.parametrize(
    ("views", "outcome", "detail"),
    [
        ([view(1, GOOD), view(2, GOOD)], "settled", "1 partition, all 2 brokers"),
        ([view(1, GOOD), view(2)], "waits", "broker 2 does not list it yet"),
        ([view(1, GOOD), view(2, GOOD), silent(3, 1)], "waits", "broker 3 does not answer"),
        (
            [view(1, GOOD), view(2, GOOD), silent(3, 6)],
            "settled",
            "1 partition, 2 of 3 brokers; broker 3 is away",
        ),
        (
            [view(1, led(1, [1, 3], [1])), view(2, led(1, [1, 3], [1]))],
            "settled",
            "1 partition, all 2 brokers; broker 3 is away",
        ),
        ([view(1, GOOD), view(2), silent(3, 60)], "waits", "broker 2 does not list it yet"),
        (
            [view(1, GOOD), silent(2, 1), silent(3, 1)],
            "unread",
            "1 of 3 brokers answers: brokers 2 and 3 do not",
        ),
        (
            [silent(1, 16), silent(2, 16), silent(3, 16)],
            "unread",
            "0 of 3 brokers answer: brokers 1, 2 and 3 do not",
        ),
        (
            [view(1, led(-1, [3], []), GOOD), view(2, led(-1, [3], []), GOOD)],
            "settled",
            "2 partitions (1 without a leader), all 2 brokers; broker 3 is away",
        ),
        (
            [view(1, led(-1, [1, 2], [1, 2])), view(2, led(-1, [1, 2], [1, 2]))],
            "waits",
            "broker 1 shows 0 of 1 partitions with a leader (and 1 more)",
        ),
        ([], "unread", "no broker answers"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_creation_has_settled_when_every_broker_that_answers_shows_it(
    views: list[BrokerView], outcome: str, detail: str
) -> None:
    """A silent one is waited for a while; without a majority nothing is known, for as long as silence is borne."""
    found = readiness([CREATED], views, PATIENCE)[0]

    said = "settled" if found.settled else "unread" if found.unread else "waits"
    assert (outcome, detail) == (said, found.detail)


@pytest.mark.parametrize(("shown", "is_settled"), [("1000", True), ("2000", False)])
def test_a_config_has_settled_when_every_broker_that_answers_shows_it(
    shown: str, *, is_settled: bool
) -> None:
    """On a topic with a partition that waits for a broker, too."""
    changed = step(Action.UPDATE, FieldChange(("configs", "x"), 1, 1000))
    views: list[Any] = [view(1, led(-1, [3], []), x=shown), view(2, led(-1, [3], []), x=shown)]

    assert is_settled == readiness([changed], views, PATIENCE)[0].settled


@pytest.mark.parametrize(("source", "is_settled"), [(1, True), (0, True), (4, False), (5, False)])
def test_k1_a_pin_has_settled_when_every_broker_shows_it_as_the_topic_s_own(
    source: int, *, is_settled: bool
) -> None:
    """The value alone tells nothing: it was the same before. A broker that names no source (0) is believed."""
    pin = FieldChange(("configs", "x"), 1000, 1000, pins="the broker's default")
    shown = view(1, GOOD, source=source, x="1000")

    assert is_settled == readiness([step(Action.UPDATE, pin)], [shown], PATIENCE)[0].settled


def test_a_deletion_has_settled_when_no_broker_that_answers_lists_it() -> None:
    """A silent broker is named."""
    deleted = step(Action.DELETE)

    gone = readiness([deleted], [view(1), view(2), silent(3, 6)], PATIENCE)[0]

    assert gone.settled
    assert gone.detail == "gone from 2 of 3 brokers; broker 3 is away"
    assert not readiness([deleted], [view(1), view(2, GOOD)], PATIENCE)[0].settled
