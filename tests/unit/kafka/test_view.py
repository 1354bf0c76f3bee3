"""What a look at the cluster means for a plan."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, Change, FieldChange, System
from bizops.provider import Derived, Observations, Scope
from bizops.providers.kafka.specs import TopicSpec
from bizops.providers.kafka.view import View, derive
from bizops.resource import Address, Field, Observation, Presence, Resource, absent

ADDRESS = Address("kafka", "topic", ("t",))


def _derived(change: Change, view: View | None) -> Derived:
    return derive([change], Observations(System("kafka", "x"), context=view), Scope("s"))


def _creation(**spec: Any) -> Change:
    resource = Resource(ADDRESS, TopicSpec.model_validate(spec))
    return Change(ADDRESS, Action.CREATE, resource, absent(ADDRESS))


def test_more_replicas_than_brokers_are_refused_with_both_numbers() -> None:
    """The plan says so, before the broker has to; enough brokers are no refusal."""
    refusals = _derived(_creation(replication_factor=5), View(3)).refusals

    assert ["replication_factor 5 needs 5 brokers, and 3 are alive"] == [r.why for r in refusals]
    assert refusals[0].remedies
    assert not _derived(_creation(replication_factor=3), View(3)).refusals


def test_kafkas_own_words_refuse_a_creation_and_name_the_nearest_key() -> None:
    """What the trial brought back stands in the plan."""
    words = "Unknown topic config name: retention.msec"

    refusals = _derived(_creation(), View(3, (("t", words),))).refusals

    assert [("configs.retention.msec", ("write retention.ms",))] == [
        (refusal.field, refusal.remedies) for refusal in refusals
    ]
    assert words in refusals[0].why


def test_words_about_another_topic_refuse_nothing() -> None:
    """A trial speaks of its own topic only."""
    assert not _derived(_creation(), View(3, (("other", "no"),))).refusals


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

    assert is_refused == bool(_derived(change, View(3)).refusals)


@pytest.mark.parametrize("action", [Action.DELETE, Action.NOOP])
def test_what_is_not_written_is_not_refused(action: Action) -> None:
    """Deleting needs no brokers."""
    change = Change(ADDRESS, action, None, absent(ADDRESS))

    assert not _derived(change, View(1, (("t", "no"),))).refusals
