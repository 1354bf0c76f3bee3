"""What the cluster says of a topic, as an observation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from bizops.providers.kafka.members import Members
from bizops.providers.kafka.observation import observation
from bizops.providers.kafka.specs import TopicSpec
from bizops.resource import Presence

ALL = Members(frozenset({0, 1, 2}))
DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
LOST = KafkaError(KafkaError.REQUEST_TIMED_OUT)


def topic(*factors: int) -> Any:
    """Give the metadata of a topic with so many replicas in each partition."""
    partitions = {
        number: SimpleNamespace(replicas=list(range(factor)), isrs=[0], leader=0)
        for number, factor in enumerate(factors)
    }
    return SimpleNamespace(topic="t", error=None, partitions=partitions)


@pytest.mark.parametrize(
    ("factors", "shown"), [((2, 2, 2), 2), ((2, 3, 2), "2 or 3")], ids=["settled", "moving"]
)
def test_the_replication_factor_is_that_of_every_partition(
    factors: tuple[int, ...], shown: int | str
) -> None:
    """While partitions are being moved some have more replicas, and that equals no declared number."""
    found = observation(topic(*factors), {}, TopicSpec(), ALL)

    assert dict(found.fields)["replication_factor",].value == shown


@pytest.mark.parametrize(
    ("error", "spec", "presence", "words"),
    [
        (DENIED, {"partitions": 1}, Presence.PRESENT, "needs DescribeConfigs on topic t"),
        (
            DENIED,
            {"configs": {"retention.ms": "1d"}},
            Presence.UNREADABLE,
            "needs DescribeConfigs on topic t",
        ),
        (LOST, {"partitions": 1}, Presence.UNREADABLE, "timed out"),
    ],
    ids=["denied, not declared", "denied, declared", "lost"],
)
def test_configs_that_cannot_be_read_are_not_taken_for_none(
    error: KafkaError, spec: dict[str, Any], presence: Presence, words: str
) -> None:
    """A user without DescribeConfigs may still compare a topic that declares no config, and is told."""
    found = observation(topic(1), error, TopicSpec.model_validate(spec), ALL)

    assert found.presence is presence
    assert words in (found.why or found.notes[0])
