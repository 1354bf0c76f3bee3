"""Where a task is followed from, on a real Kafka whose partitions move."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from stack.addresses import read_addresses
from stack.names import own_name
from workers.errors import EventsAwayError
from workers.events.follower import find_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

LOOKS = 4
BROKERS = {"bootstrap.servers": read_addresses(os.environ).bootstrap}


class Moving(Consumer):
    """A consumer that learns who leads a partition just before another broker does."""

    def __init__(self, topic: str) -> None:
        super().__init__({**BROKERS, "group.id": topic})
        self.topic = topic
        self.admin = AdminClient(BROKERS)

    def list_topics(self, *arguments: Any, **named: Any) -> Any:
        known = super().list_topics(*arguments, **named)
        while self.topic not in known.topics:  # of the broker that answers now
            known = super().list_topics(*arguments, **named)
        old = known.topics[self.topic].partitions[0].leader
        self.admin.delete_topics([self.topic])[self.topic].result()
        make(self.admin, self.topic, old % 3 + 1)
        return known


def make(admin: AdminClient, topic: str, broker: int) -> None:
    """Make it, and wait until each broker knows it, and not an earlier one: the controller has it first."""
    wanted = NewTopic(topic, 1, replica_assignment=[[broker]])
    admin.create_topics([wanted])[topic].result()
    end = time.monotonic() + 30
    for server in BROKERS["bootstrap.servers"].split(","):
        # A client may have asked another broker than the one that it was given.
        in_a_row = 0
        while in_a_row < LOOKS:
            in_a_row = in_a_row + 1 if leader(server, topic) == broker else 0
            assert time.monotonic() < end, f"{server} never heard of {topic}"
            time.sleep(0.05)


def leader(server: str, topic: str) -> int | None:
    """Ask a broker who leads the topic, with a client that has not met the others yet."""
    known = AdminClient({"bootstrap.servers": server}).list_topics(timeout=10).topics.get(topic)
    return known.partitions[0].leader if known and known.partitions else None


@pytest.fixture
def topic() -> Iterator[str]:
    """Give the name of a topic of one partition and one replica, on the first broker."""
    name, admin = own_name(), AdminClient(BROKERS)
    make(admin, name, 1)
    yield name
    admin.delete_topics([name])[name].result()


def test_the_end_of_a_topic_is_behind_what_was_written(topic: str) -> None:
    producer, consumer = Producer(BROKERS), Consumer({**BROKERS, "group.id": topic})
    for _ in range(3):
        producer.produce(topic, "event")
    assert producer.flush(10) == 0

    assert [3] == [place.offset for place in find_ends(consumer, (topic,))]
    consumer.close()


def test_a_partition_that_has_just_moved_is_looked_for_again(topic: str) -> None:
    """The broker that led it says that it does not; said as "Kafka cannot be reached" that helped nobody."""
    consumer = Moving(topic)

    for _ in range(3):
        assert [0] == [place.offset for place in find_ends(consumer, (topic,))]
    consumer.close()


def test_a_missing_topic_is_named_with_the_remedy(topic: str) -> None:
    consumer = Consumer({**BROKERS, "group.id": topic})

    with pytest.raises(EventsAwayError, match="Kafka has no other; bizops apply makes"):
        find_ends(consumer, (topic, "other"))
    consumer.close()
