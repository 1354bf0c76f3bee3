"""What the cluster says of a topic, as an observation."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.providers.kafka.live.members import Members
from bizops.providers.kafka.live.observation import observation
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


@pytest.mark.parametrize(
    ("source", "inherited"),
    [
        (0, ""),
        (1, ""),
        (2, "the broker's default"),
        (3, "the default of all brokers"),
        (4, "the broker's default"),
        (5, "the broker's default"),
        (99, ""),
    ],
)
def test_k1_a_declared_value_that_the_topic_does_not_have_itself_is_inherited(
    source: int, inherited: str
) -> None:
    """A broker that names no source (0) is taken at its word, so that nothing is pinned for ever."""
    entry = SimpleNamespace(value="604800000", source=source, is_sensitive=False)
    spec = TopicSpec.model_validate({"configs": {"retention.ms": "7d"}})

    found = observation(topic(1), {"retention.ms": entry}, spec, ALL)  # type: ignore[dict-item]

    assert dict(found.fields)["configs", "retention.ms"].inherited == inherited
