"""Three brokers of which one or two are frozen or dead: what is said, in time, and what may still be done."""

from __future__ import annotations

import resource
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from bizops import errors, graph, guard
from bizops.change import Status
from bizops.planner import Targeting
from bizops.resource import Presence
from bizops.testing.driving import carry_out, converge, guarded, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Brokers = Any
    Connect = Callable[..., Provider]
    Declare = Callable[..., Resource]

UNCLOSED = "ignore:Exception ignored in. <socket.socket fd=:pytest.PytestUnraisableExceptionWarning"
"""kafka-python leaves the socket of a connection that was refused to the garbage collector."""
pytestmark = [
    pytest.mark.integration,
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings(UNCLOSED),
]

TIMEOUT = 10.0
BEYOND = 15.0
"""Seconds beyond the deadline within which everything has to end."""


@pytest.fixture
def prefix() -> str:
    """Names on brokers of our own: nothing is left behind for others."""
    return f"own.{time.monotonic_ns()}."


@contextmanager
def within(seconds: float, cpu: float = 5.0) -> Iterator[None]:
    """Fail where the block takes longer, or more seconds of CPU: a client that spins."""
    started, used = time.monotonic(), _cpu()
    yield
    assert time.monotonic() - started < seconds
    assert _cpu() - used < cpu


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def produce(servers: str, name: str, partitions: int, count: int) -> None:
    producer = Producer({"bootstrap.servers": servers, "log_level": 0})
    for number in range(count):
        producer.produce(name, value=b"x", partition=number % partitions)
    assert producer.flush(60) == 0


def leaders(servers: str, name: str) -> dict[int, int]:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    topic = admin.list_topics(timeout=30).topics[name]
    return {number: part.leader for number, part in topic.partitions.items()}


def replicas(servers: str, name: str) -> set[int]:
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    parts = admin.list_topics(timeout=30).topics[name].partitions.values()
    return {number for part in parts for number in part.replicas}


@pytest.mark.parametrize("first", [1, 3], ids=["not the bootstrap server", "the first of them"])
def test_k4_a_frozen_broker_costs_a_few_seconds_and_is_named(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare, first: int
) -> None:
    """Everything is read of the others, what is not there is told from what is, and a warning says who is silent."""
    servers = brokers.addresses(first, 2)
    there, absent = topic("there", partitions=3, replication_factor=3), topic("absent")
    converge(connect(brokers.addresses()), [there], scope)
    brokers[3].pause()

    with within(TIMEOUT):
        planned = plan_for(connect(servers, timeout=TIMEOUT), [there, absent], scope)

    assert not planned.refusals
    assert ["kafka.topic/" + absent.address.name] == [
        str(c.address)
        for c in planned.changes
        if c.resource and c.observed.presence is Presence.ABSENT
    ]
    assert any("2 of 3 brokers answer: broker 3 does not" in text for text in planned.warnings)


def test_k4_a_broker_that_is_frozen_stops_no_apply(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """Topics are made, grown and configured; settled is what the others show, and the silent one is named."""
    old = topic("old", partitions=2, replication_factor=3)
    converge(connect(brokers.addresses()), [old], scope)
    wanted = [
        topic("old", partitions=3, replication_factor=3, configs={"retention.ms": "1d"}),
        topic("new", partitions=3, replication_factor=2),
    ]
    brokers[3].pause()

    with within(TIMEOUT + BEYOND):
        result = converge(connect(brokers.addresses(1, 2), timeout=TIMEOUT), wanted, scope)

    details = {o.step.key[0].rpartition(".")[2]: o.detail for o in result.outcomes}
    assert "broker 3 is away" in details["old"], details
    # Once the session of the third is over, a new topic is placed on the others.
    placed = replicas(brokers.addresses(1, 2), wanted[1].address.name)
    assert ("broker 3 is away" in details["new"]) or 3 not in placed, details
    brokers.heal()
    assert plan_for(connect(brokers.addresses()), wanted, scope).is_empty


def test_a_broker_that_is_down_stops_no_rolling_upgrade(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """With its session over too: the controller takes a third replica on it, which is a warning and no refusal."""
    old = topic("old", partitions=3, replication_factor=1)
    converge(connect(brokers.addresses()), [old], scope)
    brokers[3].stop()
    wanted = [
        topic("old", partitions=4, replication_factor=1, configs={"retention.ms": "1d"}),
        topic("two", partitions=3, replication_factor=2),
        topic("three", partitions=3, replication_factor=3),
    ]
    live = connect(brokers.addresses(1, 2), timeout=TIMEOUT)

    with within(TIMEOUT + BEYOND):
        planned = plan_for(live, wanted, scope)
        result = converge(live, wanted, scope)

    said = " ".join(planned.warnings)
    assert planned.systems[0].address.endswith(", 3 brokers")
    assert "2 of 3 brokers answer: broker 3 does not" in said
    assert "three would begin with replicas out of sync" in said
    assert all(outcome.status is Status.APPLIED for outcome in result.outcomes)
    brokers.heal()
    assert plan_for(connect(brokers.addresses()), wanted, scope).is_empty


def test_more_replicas_than_there_are_brokers_are_refused_by_the_controller(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """In its words, with the number of brokers that live."""
    refusals = plan_for(
        connect(brokers.addresses()), [topic("t", replication_factor=4)], scope
    ).refusals

    assert ["replication_factor"] == [refusal.field for refusal in refusals]
    assert "Kafka would refuse it" in refusals[0].why
    assert "3 brokers alive" in refusals[0].why


def test_k5_what_a_dead_broker_holds_is_never_weighed_as_nothing(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """A topic with partitions on it exists, is neither planned anew nor deleted, and `status` is degraded."""
    lone = topic("lone", partitions=3, replication_factor=1)
    converge(connect(brokers.addresses()), [lone], scope)
    name = lone.address.name
    brokers.all_see(name)
    produce(brokers.addresses(), name, 3, 300)
    lost = [number for number, leader in leaders(brokers.addresses(), name).items() if leader == 3]
    brokers[3].kill()
    live = connect(brokers.addresses(1, 2), timeout=TIMEOUT)
    for moment in ("at once", "after its session"):
        with within(2 * TIMEOUT):
            planned = plan_for(live, [lone], scope, Targeting(destroy=True))
            stakes = live.weigh([lone.address])
            kept = guarded(live, planned, guard.Consents(allow_data_loss=("*",), is_destroy=True))
            health = live.status([lone], scope)

        assert "at least 200 records" in stakes[0].text, moment
        assert f"{len(lost)} of 3 partitions do not answer" in stakes[0].text, moment
        assert [
            (
                f"it lies partly on broker 3, which is down (partition {lost[0]}): what it holds is "
                "unknown, so it cannot be deleted"
            )
        ] == [refusal.why for refusal in kept.refusals], moment
        assert plan_for(live, [lone], scope).is_empty, moment
        assert health.verdict == "DEGRADED", moment
        assert "2 of 3 brokers answer: broker 3 does not" in health.cluster.text, moment
        time.sleep(12)


@pytest.mark.parametrize("harm", ["kill", "pause"])
def test_k5_without_a_controller_nothing_is_read(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare, harm: str
) -> None:
    """The last of three brokers lists the others for ever: what it says may be old, and is not taken."""
    there = topic("there", partitions=3, replication_factor=3)
    converge(connect(brokers.addresses()), [there], scope)
    for number in (2, 3):
        getattr(brokers[number], harm)()
    live = connect(brokers.addresses(1), timeout=TIMEOUT)
    time.sleep(6)

    with within(TIMEOUT + BEYOND), pytest.raises(errors.UnreachableError) as raised:
        live.observe([there], scope)
    with within(TIMEOUT + BEYOND), pytest.raises(errors.UnreachableError):
        live.status([there], scope)
    with within(TIMEOUT + BEYOND):
        stakes = live.weigh([there.address])

    assert "no controller answers" in str(raised.value)
    assert "what broker 1 knows may be old" in str(raised.value)
    assert "1 of 3 brokers answers: brokers 2 and 3 do not" in str(raised.value)
    assert "no records" not in stakes[0].text
    assert "about" not in stakes[0].text
    assert stakes[0].needs_consent


@pytest.mark.parametrize("harm", ["kill", "pause"])
def test_a_broker_that_goes_in_the_middle_of_an_apply_leaves_nothing_twice(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare, harm: str
) -> None:
    """It ends in time, and the next run finds or makes what is missing."""
    wanted = [topic(f"t{n:02}", partitions=6, replication_factor=2) for n in range(50)]
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    planned = plan_for(live, wanted, scope)
    timer = threading.Timer(0.05, getattr(brokers[2], harm))
    timer.start()

    with within(TIMEOUT + BEYOND):
        result = carry_out(live, planned)
    timer.join()

    for outcome in result.outcomes:
        assert outcome.status is Status.APPLIED or "known" in outcome.detail, outcome.detail
    converge(connect(brokers.addresses(1, 3), timeout=TIMEOUT), wanted, scope)
    brokers.heal()
    assert plan_for(connect(brokers.addresses()), wanted, scope).is_empty


def test_an_apply_that_loses_the_majority_ends_in_time(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """What was written and what was not is not known then, and that is what it says."""
    wanted = [topic(f"t{n:02}", partitions=6, replication_factor=2) for n in range(20)]
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    planned = plan_for(live, wanted, scope)
    for number in (2, 3):
        brokers[number].pause()

    with within(TIMEOUT + BEYOND):
        result = carry_out(live, planned)

    assert all(outcome.status is Status.FAILED for outcome in result.outcomes)
    assert all("not known" in outcome.detail for outcome in result.outcomes)
    brokers.heal()
    converge(connect(brokers.addresses()), wanted, scope)


def test_a_majority_that_is_lost_while_something_settles_is_told_at_each_look(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """The silent ones hide nothing of the third, not when they are connected to anew either, and cost a few seconds."""
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    wanted = [topic("there", partitions=3, replication_factor=3)]
    steps = list(graph.steps(plan_for(live, wanted, scope)).steps.values())
    live.apply(steps)
    deadline = time.monotonic() + TIMEOUT
    while not live.readiness(steps)[0].settled:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    brokers[2].pause()
    brokers[3].pause()

    for _ in range(3):
        with within(4):
            (found,) = live.readiness(steps)
        assert found.unread
        assert found.detail == "1 of 3 brokers answers: brokers 2 and 3 do not"
