"""K2: who reads a topic that would be deleted is asked of the groups that have committed, and of those with members."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import ConfigResource

from bizops import guard
from bizops.planner import Targeting
from bizops.testing.driving import converge, guarded, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from confluent_kafka.admin import AdminClient

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Declare = Callable[..., Resource]

pytestmark = pytest.mark.integration

RECORDS = 500
_UNTIL_ASSIGNED = 120


@pytest.fixture
def filled(
    live: Provider, scope: Scope, topic: Declare, admin: AdminClient
) -> Callable[[str], Resource]:
    """Make a topic with one partition and so many records."""

    def make(name: str) -> Resource:
        made = topic(name, partitions=1)
        converge(live, [made], scope)
        producer = Producer({"bootstrap.servers": servers(admin)})
        for _ in range(RECORDS):
            producer.produce(made.address.name, value=b"x", partition=0)
        assert producer.flush(60) == 0
        return made

    return make


@pytest.fixture
def group(admin: AdminClient, prefix: str) -> Iterator[Callable[[str, str, int], str]]:
    """Let a group without members commit an offset of partition 0: its name, the topic, the offset."""
    made: list[str] = []

    def made_one(name: str, topic: str, offset: int) -> str:
        made.append(f"{prefix}{name}")
        commit(admin, made[-1], topic, offset)
        return made[-1]

    yield made_one
    delete(admin, made)


def commit(admin: AdminClient, group: str, topic: str, offset: int) -> None:
    """Commit an offset of partition 0. That of a cluster's first group times out, or its partition has an error."""
    asked = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, offset)])
    problem = ""
    for _ in range(30):
        try:
            future = admin.alter_consumer_group_offsets([asked], request_timeout=3)[group]
            problem = "; ".join(str(p.error) for p in future.result().topic_partitions if p.error)
        except KafkaException as error:
            problem = str(error)
        if not problem:
            return
        time.sleep(0.5)
    pytest.fail(f"{group} could not commit: {problem}")


def delete(admin: AdminClient, groups: list[str]) -> None:
    """Delete groups; one whose last offset went with its topic may be gone already, as the old coordinator does it."""
    for future in admin.delete_consumer_groups(groups).values() if groups else ():
        try:
            future.result()
        except KafkaException as error:
            cause: Any = error.args[0]
            if cause.code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise


def servers(admin: AdminClient) -> str:
    brokers = admin.list_topics(timeout=30).brokers.values()
    return ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


@contextmanager
def member(admin: AdminClient, group: str, topic: str, **settings: Any) -> Iterator[None]:
    """Let a consumer have the topic assigned, without committing anything."""
    consumer = Consumer(
        {
            "bootstrap.servers": servers(admin),
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **settings,
        }
    )
    consumer.subscribe([topic])
    try:
        for _ in itertools.repeat(None, _UNTIL_ASSIGNED):
            consumer.poll(0.5)
            if consumer.assignment():
                break
        assert consumer.assignment()
        yield
    finally:
        consumer.close()
        delete(admin, [group])


def takes(admin: AdminClient, protocol: str) -> bool:
    """True where the brokers take groups of that protocol: before Kafka 4.0 the new one is off unless it is set."""
    broker = ConfigResource(
        ConfigResource.Type.BROKER, str(next(iter(admin.list_topics().brokers)))
    )
    found = admin.describe_configs([broker])[broker].result()
    return protocol in found["group.coordinator.rebalance.protocols"].value


def test_k2_a_group_that_is_not_running_is_named_with_how_far_behind_it_is(
    live: Provider,
    scope: Scope,
    filled: Callable[[str], Resource],
    group: Callable[[str, str, int], str],
) -> None:
    # Given a topic with 500 records of which a group, not running now, has read 300
    full = filled("full")
    name = group("k8g", full.address.name, 300)

    # When it is to be destroyed
    plan = plan_for(live, [full], scope, Targeting(destroy=True))
    refusal = guarded(live, plan, guard.Consents(is_destroy=True)).refusals[0]

    # Then the question names the group, and what it has not read
    assert f"about 500 records (read by {name} (200 records behind, not running))" in refusal.why


def test_k2_a_topic_that_no_group_has_read_is_said_to_be_so(
    live: Provider, filled: Callable[[str], Resource], group: Callable[[str, str, int], str]
) -> None:
    read, unread = filled("read"), filled("unread")
    name = group("g", read.address.name, RECORDS)

    stakes = live.weigh([read.address, unread.address])

    assert f"read by {name} (0 records behind, not running)" in stakes[0].text
    assert "(no consumer group reads it or has read it)" in stakes[1].text


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_k2_a_group_with_members_is_named_before_it_commits_and_after(
    live: Provider,
    filled: Callable[[str], Resource],
    admin: AdminClient,
    prefix: str,
    protocol: str,
) -> None:
    """Of both protocols: the classic one, and that of Kafka 4 (KIP-848)."""
    if not takes(admin, protocol):
        pytest.skip(f"these brokers take no groups of the protocol {protocol}")
    full = filled("full")
    name, topic = f"{prefix}live", full.address.name
    settings = {} if protocol == "classic" else {"group.protocol": protocol}

    with member(admin, name, topic, **settings):
        before = live.weigh([full.address])[0].text
    commit(admin, name, topic, 10)
    with member(admin, name, topic, **settings):
        after = live.weigh([full.address])[0].text

    assert f"read by {name} (nothing committed)" in before
    assert f"read by {name} (490 records behind)" in after


def test_k2_hundreds_of_groups_are_asked_in_as_many_requests_as_one(
    live: Provider,
    filled: Callable[[str], Resource],
    group: Callable[[str, str, int], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given many groups that have read a topic
    full = filled("full")
    names = [group(f"g{number:03}", full.address.name, 100) for number in range(60)]
    brokers: Any = live._brokers  # type: ignore[attr-defined]  # noqa: SLF001 - its requests are counted
    asked: list[int] = []
    ask = brokers.ask
    monkeypatch.setattr(
        brokers, "ask", lambda requests: asked.append(len(requests)) or ask(requests)
    )

    # When it is weighed
    text = live.weigh([full.address])[0].text

    # Then each broker was asked twice, and the first few are named
    assert asked[0] == 3
    assert len(asked) == 2
    told = [f"{name} (400 records behind, not running)" for name in names[:5]]
    assert [each for each in told if each not in text] == [], text
    assert ", 55 more groups" in text
