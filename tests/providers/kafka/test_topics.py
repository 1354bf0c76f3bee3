"""Topics on a real cluster: what changes in place, what never does, and what is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer

from bizops.change import Action, EffectKind, Status, Step
from bizops.planner import Targeting
from bizops.resource import Lifecycle, Presence
from bizops.testing.driving import carry_out, converge, destroy, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka.admin import AdminClient

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Declare = Callable[..., Resource]

pytestmark = pytest.mark.integration


def test_partitions_grow_in_place_with_a_warning(
    live: Provider, scope: Scope, topic: Declare, described: Callable[[str], str]
) -> None:
    """Kafka's own TopicCommand sees the new number, and the plan warned about keys."""
    converge(live, [topic("t", partitions=1, replication_factor=2)], scope)
    wanted = topic("t", partitions=4, replication_factor=2)

    planned = plan_for(live, [wanted], scope)
    converge(live, [wanted], scope)

    assert [EffectKind.WARNING] == [effect.kind for effect in planned.changes[0].effects]
    assert "keys move to other partitions" in planned.changes[0].effects[0].text
    assert "PartitionCount: 4" in described(wanted.address.name)


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"partitions": 1}, "partitions"),
        ({"replication_factor": 1}, "replication_factor"),
        ({"replication_factor": 3}, "replication_factor"),
    ],
)
def test_what_kafka_cannot_do_is_refused_with_ways_out(
    live: Provider, scope: Scope, topic: Declare, spec: dict[str, int], field: str
) -> None:
    """Fewer partitions and another replication factor are refusals with remedies."""
    converge(live, [topic("t", partitions=2, replication_factor=2)], scope)

    refusals = plan_for(live, [topic("t", **spec)], scope).refusals

    assert [field] == [refusal.field for refusal in refusals]
    assert len(refusals[0].remedies) > 1


def test_configs_of_others_stay_and_are_told(
    live: Provider,
    scope: Scope,
    topic: Declare,
    override: Callable[[str, str, str], None],
    overrides: Callable[[str], dict[str, str]],
) -> None:
    """Only declared keys are written; an override that nobody declares is listed and kept."""
    first = topic("t", partitions=1, configs={"retention.ms": "7d"})
    converge(live, [first], scope)
    name = first.address.name
    override(name, "segment.ms", "3600000")

    converge(live, [topic("t", configs={"retention.ms": "8d"})], scope)

    assert overrides(name) == {"retention.ms": "691200000", "segment.ms": "3600000"}
    found = live.observe([first], scope).found[0]
    assert found.notes == ("segment.ms = 1h is set live and declared nowhere",)


def test_a_key_that_leaves_the_file_stays_live_and_is_told(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """No longer declared means no longer managed: nothing to do, and a note."""
    converge(live, [topic("t", partitions=1, configs={"retention.ms": "7d"})], scope)
    bare = topic("t", partitions=1)

    assert plan_for(live, [bare], scope).is_empty
    found = live.observe([bare], scope).found[0]
    assert found.notes == ("retention.ms = 7d is set live and declared nowhere",)


def test_k1_a_declared_value_that_is_only_inherited_is_pinned(
    live: Provider, scope: Scope, topic: Declare, overrides: Callable[[str], dict[str, str]]
) -> None:
    # Given a topic without settings of its own, where the broker's defaults are what is declared
    converge(live, [topic("t", partitions=1)], scope)
    wanted = topic("t", configs={"retention.ms": 604800000, "cleanup.policy": ["delete"]})

    # When it is planned and applied
    plan = plan_for(live, [wanted], scope)
    converge(live, [wanted], scope)

    # Then the plan sets both and asks for no consent, all of it is in force before, and the topic has them itself
    (change,) = plan.changes
    assert [
        ("cleanup.policy", "the broker's default"),
        ("retention.ms", "the broker's default"),
    ] == [(field.path[-1], field.pins) for field in change.fields]
    assert not change.effects
    assert plan.is_in_force
    assert not plan.is_empty
    assert overrides(wanted.address.name) == {
        "cleanup.policy": "delete",
        "retention.ms": "604800000",
    }
    assert plan_for(live, [wanted], scope).is_empty


def test_k1_what_is_ignored_or_differs_besides_is_no_mere_pin(
    live: Provider, scope: Scope, topic: Declare, overrides: Callable[[str], dict[str, str]]
) -> None:
    # Given a topic without settings of its own
    converge(live, [topic("t", partitions=1)], scope)
    wanted = topic("t", configs={"retention.ms": "7d", "segment.ms": "7d", "max.message.bytes": 9})
    lifecycle = Lifecycle(ignore_changes=("configs.segment.ms",))

    # When one inherited value is ignored, and another setting differs
    plan = plan_for(live, [replace(wanted, lifecycle=lifecycle)], scope)

    # Then the ignored one is left alone, and the whole is a change like any other
    (change,) = plan.changes
    assert ["max.message.bytes", "retention.ms"] == [field.path[-1] for field in change.fields]
    assert not change.unmanaged
    assert not plan.is_in_force
    carry_out(live, plan)
    assert overrides(wanted.address.name) == {"max.message.bytes": "9", "retention.ms": "604800000"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"retention.ms": "7d"}, {"retention.ms": "1d"}),
        ({"retention.bytes": -1}, {"retention.bytes": "1GiB"}),
        ({"cleanup.policy": "delete"}, {"cleanup.policy": "compact"}),
    ],
)
def test_a_config_that_loses_data_is_marked(
    live: Provider,
    scope: Scope,
    topic: Declare,
    before: dict[str, object],
    after: dict[str, object],
) -> None:
    """The guard can ask for this address, because the plan says that data goes."""
    converge(live, [topic("t", partitions=1, configs=before)], scope)

    planned = plan_for(live, [topic("t", configs=after)], scope)

    assert [EffectKind.DATA_LOSS] == [effect.kind for effect in planned.changes[0].effects]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"replication_factor": 9}, "; 3 brokers alive"),
        ({"configs": {"retention.msec": 1}}, "Unknown topic config name: retention.msec"),
        ({"configs": {"cleanup.policy": "forget"}}, "Invalid value forget"),
    ],
)
def test_what_the_cluster_would_refuse_is_refused_in_the_plan(
    live: Provider, scope: Scope, topic: Declare, spec: dict[str, object], says: str
) -> None:
    """The cluster is asked beforehand, also about a topic that exists, and nothing is written."""
    absent = plan_for(live, [topic("absent", **spec)], scope)
    converge(live, [topic("t", partitions=1)], scope)
    present = plan_for(live, [topic("t", **spec)], scope)

    assert [True] == [says in refusal.why for refusal in absent.refusals]
    assert len(present.refusals) == 1
    assert not [o for o in live.observe([], scope).found if o.address.name.endswith("absent")]


def test_a1_a_name_that_kafka_refuses_beside_a_live_one_is_refused_in_the_plan(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    # Given a live topic with a dot in its name
    theirs = topic("a.b", partitions=1)
    converge(live, [theirs], scope)

    # When several are planned that differ from it in nothing but dots, beside one that does not
    wanted = [topic(name, partitions=1) for name in ("a_b", "other")]
    plan = plan_for(live, wanted, scope)

    # Then the plan says what Kafka does
    (refusal,) = plan.refusals
    assert refusal.address == wanted[0].address
    assert f"Kafka refuses it beside topic {theirs.address.name}" in refusal.why
    outcomes = live.apply([Step(change.action, change) for change in plan.changes])
    assert [Status.FAILED, Status.APPLIED] == [outcome.status for outcome in outcomes]
    assert "collides with existing topic" in outcomes[0].detail


def test_a1_what_is_in_the_way_and_goes_in_the_same_run_is_a_way_out(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    theirs, wanted = topic("c_d", partitions=1), topic("c.d", partitions=1)
    converge(live, [theirs], scope)
    owning = replace(scope, owns=(("topic", (theirs.address.name,)),))

    (refusal,) = plan_for(live, [wanted], owning, Targeting(prune=True)).refusals

    assert refusal.remedies[0].startswith(f"--exclude {wanted.address} in the run that deletes")


def test_hundreds_of_topics_are_known_everywhere_once_applied(
    connect: Callable[..., Provider],
    live: Provider,
    scope: Scope,
    topic: Declare,
    admin: AdminClient,
) -> None:
    """Right after apply, a plan that asks any broker first finds nothing to do; delete leaves nothing."""
    wanted = [
        topic(f"batch-{i}", partitions=2, replication_factor=2, configs={"retention.ms": "6d"})
        for i in range(300)
    ]

    converge(live, wanted, scope)

    for broker in admin.list_topics(timeout=30).brokers.values():
        assert plan_for(connect(f"{broker.host}:{broker.port}"), wanted, scope).is_empty
    destroy(live, wanted, scope)
    for broker in admin.list_topics(timeout=30).brokers.values():
        found = connect(f"{broker.host}:{broker.port}").observe(wanted, scope).found
        assert {Presence.ABSENT} == {observed.presence for observed in found}


def test_a_topic_can_be_created_again_right_after_its_deletion(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """A delete is over when it is: the same name is free."""
    for count in (2, 1, 3):
        wanted = [topic("t", partitions=count)]

        converge(live, wanted, scope)
        assert plan_for(live, wanted, scope).is_empty
        destroy(live, wanted, scope)


def test_what_a_killed_run_left_is_taken_for_done(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """The same creation and deletion again succeed; a creation that differs fails with words."""
    wanted = topic("t", partitions=2, configs={"retention.ms": "6d"})
    creation = plan_for(live, [wanted], scope).changes[0]
    other = plan_for(live, [topic("t", partitions=3)], scope).changes[0]
    converge(live, [wanted], scope)

    again = live.apply([Step(Action.CREATE, creation)])[0]
    differing = live.apply([Step(Action.CREATE, other)])[0]

    assert Status.APPLIED is again.status, again.detail
    assert Status.FAILED is differing.status
    assert "partitions is 2, not 3" in differing.detail
    deletion = plan_for(live, [wanted], scope, Targeting(destroy=True)).changes[0]
    destroy(live, [wanted], scope)
    gone = live.apply([Step(Action.DELETE, deletion, consent=True)])[0]
    assert Status.APPLIED is gone.status, gone.detail


def test_growth_that_got_through_unnoticed_is_taken_for_done(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """Where the answer to an earlier try was lost, the next one succeeds."""
    converge(live, [topic("t", partitions=1)], scope)
    wanted = topic("t", partitions=2)
    change = plan_for(live, [wanted], scope).changes[0]
    converge(live, [wanted], scope)

    outcome = live.apply([Step(Action.UPDATE, change)])[0]

    assert Status.APPLIED is outcome.status, outcome.detail


def test_nothing_is_deleted_without_consent(live: Provider, scope: Scope, topic: Declare) -> None:
    """The provider itself refuses a deletion that nobody allowed."""
    wanted = topic("t", partitions=1)
    converge(live, [wanted], scope)
    change = plan_for(live, [wanted], scope, Targeting(destroy=True)).changes[0]

    outcome = live.apply([Step(Action.DELETE, change)])[0]

    assert Status.FAILED is outcome.status
    assert plan_for(live, [wanted], scope).is_empty


def test_one_bad_topic_does_not_hold_up_the_others(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """A batch gives one outcome for each step, with Kafka's words for the bad one."""
    good, bad = topic("good", partitions=1), topic("bad", configs={"cleanup.policy": "forget"})
    changes = plan_for(live, [bad, good], scope).changes

    outcomes = live.apply([Step(change.action, change) for change in changes])

    assert [Status.FAILED, Status.APPLIED] == [outcome.status for outcome in outcomes]
    assert "Invalid value forget" in outcomes[0].detail


def test_a_stake_tells_how_many_records_go(
    live: Provider, scope: Scope, topic: Declare, admin: AdminClient
) -> None:
    """Records are counted over all partitions; deleting even an empty topic takes consent."""
    full, empty = topic("full", partitions=3), topic("empty", partitions=1)
    converge(live, [full, empty], scope)
    name = full.address.name
    servers = [f"{b.host}:{b.port}" for b in admin.list_topics(timeout=30).brokers.values()]
    producer = Producer({"bootstrap.servers": ",".join(servers)})
    for number in range(7):
        producer.produce(name, value=b"x", partition=number % 3)
    assert producer.flush(30) == 0

    stakes = live.weigh([full.address, empty.address])

    assert [True, True] == [stake.needs_consent for stake in stakes]
    assert stakes[0].text.startswith("the topic, which holds about 7 records")
    assert stakes[1].text.startswith("the topic, which holds no records")


def test_an_owned_topic_that_nobody_declares_is_found_and_foreign_ones_are_not(
    live: Provider, scope: Scope, topic: Declare
) -> None:
    """Unmanaged topics are those in `owns`, and nothing else."""
    stray, declared = topic("stray", partitions=2), topic("declared", partitions=1)
    converge(live, [stray, declared], scope)

    found = live.observe([declared], scope).found

    assert [declared.address, stray.address] == [observed.address for observed in found]
    assert dict(found[1].counts) == {"partitions": 2}


def test_status_shows_every_declared_topic(live: Provider, scope: Scope, topic: Declare) -> None:
    """Partitions, replicas and what is wrong with them; a topic that is not there is a problem."""
    there, missing = topic("there", partitions=2, replication_factor=2), topic("missing")
    converge(live, [there], scope)

    health = live.status([there, missing], scope)

    assert (there.address.name, "2", "2", "0", "0") == health.rows[0][1]
    assert health.rows[0][2] == ""
    assert health.rows[1][2]
    assert health.verdict == "DEGRADED"
