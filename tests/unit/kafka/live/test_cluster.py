"""What a look at the cluster means for a plan."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, Change, FieldChange, System
from bizops.provider import Derived, Observations, Scope
from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.providers.kafka.live.cluster import ClusterState, Said, derive
from bizops.providers.kafka.live.members import Members
from bizops.resource import Address, Field, Observation, Presence, Resource, absent

ALL = Members(frozenset({1, 2, 3}))
ONE_DOWN = Members(frozenset({1, 2}), away=frozenset({3}))
ADDRESS = Address("kafka", "topic", ("t",))


def _derived(change: Change, view: ClusterState | None) -> Derived:
    return derive([change], Observations(System("kafka", "x"), context=view), Scope("s"))


def _creation(**spec: Any) -> Change:
    resource = Resource(ADDRESS, TopicSpec.model_validate(spec))
    return Change(ADDRESS, Action.CREATE, resource, absent(ADDRESS))


@pytest.mark.parametrize(
    ("members", "factor", "alive", "first"),
    [
        (ALL, 5, "3 brokers alive", "write replication_factor: 3 or less"),
        (ONE_DOWN, 3, "2 brokers alive", "wait for broker 3, and plan again"),
        (ONE_DOWN, 4, "2 brokers alive", "write replication_factor: 3 or less"),
    ],
    ids=["all", "one down", "one down of too few"],
)
def test_too_few_brokers_are_refused_in_kafkas_words(
    members: Members, factor: int, alive: str, first: str
) -> None:
    """The controller decides; its words come with the number of brokers that live, and with what to do."""
    said = Said("only 3 broker(s) are registered", "replication_factor")

    refusals = _derived(
        _creation(replication_factor=factor), ClusterState(members, (("t", said),))
    ).refusals

    assert ["replication_factor"] == [refusal.field for refusal in refusals]
    assert refusals[0].why == f"Kafka would refuse it: {said.words}; {alive}"
    assert first == refusals[0].remedies[0]


def test_what_the_controller_accepts_with_a_broker_down_is_a_warning() -> None:
    """During a rolling upgrade a topic may be made whose replicas catch up later; counting refuses nothing."""
    derived = _derived(_creation(replication_factor=3), ClusterState(ONE_DOWN))

    assert not derived.refusals
    assert [
        (
            "kafka: t would begin with replicas out of sync, as 2 of 3 brokers answer: broker 3 does not; "
            "they catch up when it is back"
        )
    ] == list(derived.warnings)
    assert not _derived(_creation(replication_factor=2), ClusterState(ONE_DOWN)).warnings
    assert not _derived(_creation(replication_factor=3), ClusterState(ALL)).warnings


def test_kafkas_own_words_refuse_a_creation_and_name_the_nearest_key() -> None:
    """What the trial brought back stands in the plan."""
    words = "Unknown topic config name: retention.msec"

    refusals = _derived(_creation(), ClusterState(ALL, (("t", Said(words)),))).refusals

    assert [("configs.retention.msec", ("write retention.ms",))] == [
        (refusal.field, refusal.remedies) for refusal in refusals
    ]
    assert words in refusals[0].why


def test_words_about_another_topic_refuse_nothing() -> None:
    """A trial speaks of its own topic only."""
    assert not _derived(_creation(), ClusterState(ALL, (("other", Said("no")),))).refusals


def test_a_system_that_was_not_read_refuses_nothing() -> None:
    """Without a view there is nothing to say."""
    assert not _derived(_creation(replication_factor=9), None).refusals


@pytest.mark.parametrize(("wanted", "is_refused"), [(2, False), (3, True)])
def test_more_replicas_in_sync_than_the_live_topic_has_are_refused(
    wanted: int, *, is_refused: bool
) -> None:
    """Where the replication factor is not declared, the live one counts."""
    path = ("configs", "min.insync.replicas")
    resource = Resource(ADDRESS, TopicSpec.model_validate({"configs": {path[1]: wanted}}))
    live = Observation(ADDRESS, Presence.PRESENT, ((("replication_factor",), Field(2)),))
    change = Change(ADDRESS, Action.UPDATE, resource, live, (FieldChange(path, 1, wanted),))

    assert is_refused == bool(_derived(change, ClusterState(ALL)).refusals)


@pytest.mark.parametrize("action", [Action.DELETE, Action.NOOP])
def test_what_is_not_written_is_not_refused(action: Action) -> None:
    """Deleting needs no brokers."""
    change = Change(ADDRESS, action, None, absent(ADDRESS))

    assert not _derived(change, ClusterState(ALL, (("t", Said("no")),))).refusals
