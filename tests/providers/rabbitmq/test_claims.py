"""A queue that another topology declares, too, is neither pruned nor destroyed (R1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bizops.planner import Targeting
from bizops.testing import carry_out, converge, plan_for

pytestmark = pytest.mark.integration

DECLARED = {"queues": {"shop_a": {"message_ttl": "1h"}}}


@pytest.fixture
def other(broker: Any) -> Any:
    """Give the scope of a second topology, which owns the names of the first."""
    owns = (("queue", ("shop_*",)),)
    return replace(broker.scope, topology="second", owns=owns)


def test_r1_what_another_topology_declares_is_shown_and_not_pruned(broker: Any, other: Any) -> None:
    converge(broker.live, broker.resources(DECLARED), broker.scope)
    mine = broker.resources({"queues": {"shop_b": {}}})

    plan = plan_for(broker.live, mine, other, Targeting(prune=True))
    assert carry_out(broker.live, plan).is_ok

    assert {"shop_a", "shop_b"} == {queue["name"] for queue in broker.listing("queues")}
    (kept,) = plan.unmanaged
    assert kept.notes == (f"topology {broker.scope.topology} declares it, too",)


def test_r1_what_two_topologies_declare_is_destroyed_by_neither_unless_adopted(
    broker: Any, other: Any
) -> None:
    mine = broker.resources(DECLARED)
    converge(broker.live, mine, broker.scope)

    plan = plan_for(broker.live, mine, other, Targeting(destroy=True))
    adopted = Targeting(destroy=True, adopt=("rabbitmq.queue/shop_a",))

    assert not plan.changes
    assert any("rabbitmq.queue/shop_a stays: topology" in text for text in plan.warnings)
    assert [change.address.name for change in plan_for(broker.live, mine, other, adopted).changes]


@pytest.fixture
def second(broker: Any) -> Any:
    """Give the scope of a second topology, which owns nothing but what it declares."""
    return replace(broker.scope, topology="second", owns=())


def test_r1_a_queue_that_two_topologies_declare_alike_has_a_policy_of_each(
    broker: Any, second: Any
) -> None:
    mine = broker.resources(DECLARED)
    converge(broker.live, mine, broker.scope)
    converge(broker.live, mine, second)

    for scope in (broker.scope, second):
        assert plan_for(broker.live, mine, scope).is_empty
        plan = plan_for(broker.live, mine, scope, Targeting(destroy=True))
        assert not plan.changes
    assert {name.split(".")[1] for name in broker.policies()} == {"trial", "second"}


def test_r1_the_one_that_lets_go_leaves_the_queue_to_the_other(broker: Any, second: Any) -> None:
    """So a topology gets another name: the new one is applied, and the old one destroyed."""
    mine = broker.resources(DECLARED)
    converge(broker.live, mine, broker.scope)
    converge(broker.live, mine, second)

    assert carry_out(
        broker.live, plan_for(broker.live, mine, broker.scope, Targeting(destroy=True))
    ).is_ok

    assert {name.split(".")[1] for name in broker.policies()} == {"second"}
    assert plan_for(broker.live, mine, second).is_empty
    gone = plan_for(broker.live, mine, second, Targeting(destroy=True))
    assert [change.address.name for change in gone.changes] == ["shop_a"]


def test_r1_neither_changes_what_both_declare_until_one_has_left_it(
    broker: Any, second: Any
) -> None:
    mine = broker.resources(DECLARED)
    longer = broker.resources({"queues": {"shop_a": {"message_ttl": "2h"}}})
    converge(broker.live, mine, broker.scope)
    converge(broker.live, mine, second)

    (refusal,) = plan_for(broker.live, longer, second).refusals
    assert refusal.remedies[0] == "take the queue out of topology trial, and apply that one first"
    converge(broker.live, broker.resources({"queues": {"shop_b": {}}}), broker.scope)
    converge(broker.live, longer, second)

    assert list(broker.policies().values()) == [{"message-ttl": 7_200_000}]


def test_r1_a_partial_run_lets_go_of_nothing(broker: Any, second: Any) -> None:
    both = broker.resources({"queues": {"shop_a": {"message_ttl": "1h"}, "shop_b": {}}})
    converge(broker.live, both, broker.scope)
    converge(broker.live, both, second)

    plan = plan_for(broker.live, both, second, Targeting(targets=("rabbitmq.queue/shop_b",)))

    assert not plan.writes
    assert {name.split(".")[1] for name in broker.policies()} == {"trial", "second"}


WITH_DEAD_LETTERS = {
    "exchanges": {"dead": {}, "in": {}},
    "queues": {"shop_a": {"message_ttl": "1h", "dead_letter": {"exchange": "dead"}}},
    "bindings": [{"exchange": "in", "queue": "shop_a", "routing_key": "a"}],
}


def live_names(broker: Any) -> set[str]:
    """Give the queues, and the bindings as exchange, key and queue."""
    bound = {
        f"{b['source']}:{b['routing_key']}:{b['destination']}" for b in broker.listing("bindings")
    }
    queues = {queue["name"] for queue in broker.listing("queues")}
    return queues | {name for name in bound if not name.startswith(":")}


A_AND_ITS_WAYS = {"shop_a", "shop_a.dlq", "dead:shop_a:shop_a.dlq", "in:a:shop_a"}


def test_r1_what_leads_to_and_from_a_queue_of_another_topology_is_its_own_too(
    broker: Any, other: Any
) -> None:
    converge(broker.live, broker.resources(WITH_DEAD_LETTERS), broker.scope)
    mine = broker.resources({"queues": {"shop_b": {}}})

    plan = plan_for(broker.live, mine, other, Targeting(prune=True))
    assert carry_out(broker.live, plan).is_ok

    assert live_names(broker) == A_AND_ITS_WAYS | {"shop_b"}
    assert len(plan.unmanaged) == 4
    note = f"topology {broker.scope.topology} declares it, too"
    assert {each.notes for each in plan.unmanaged} == {(note,)}


def test_r1_what_two_topologies_declare_alike_keeps_its_dead_letters(
    broker: Any, second: Any
) -> None:
    mine = broker.resources(WITH_DEAD_LETTERS)
    converge(broker.live, mine, broker.scope)
    converge(broker.live, mine, second)

    plan = plan_for(broker.live, mine, second, Targeting(destroy=True))
    assert carry_out(broker.live, plan).is_ok

    assert plan.changes == ()
    assert live_names(broker) == A_AND_ITS_WAYS
    assert plan_for(broker.live, mine, broker.scope).is_empty


def test_r1_a_queue_of_others_that_leads_into_ours_makes_ours_not_theirs(
    broker: Any, second: Any
) -> None:
    """It is destroyed when that queue goes, and refused while it stays."""
    ours = broker.resources(
        {
            "exchanges": {"dead": {}},
            "queues": {"shop_dead": {}},
            "bindings": [{"exchange": "dead", "queue": "shop_dead", "routing_key": "shop_a"}],
        }
    )
    theirs = broker.resources(
        {
            "exchanges": {"dead": {}},
            "queues": {
                "shop_a": {
                    "message_ttl": "1h",
                    "dead_letter": {"exchange": "dead", "routing_key": "shop_a"},
                }
            },
        }
    )
    converge(broker.live, ours, broker.scope)
    converge(broker.live, theirs, second)

    plan = plan_for(broker.live, ours, broker.scope, Targeting(destroy=True))

    assert {r.address.kind for r in plan.refusals} == {"queue", "binding"}
    assert all("shop_a sends its dead letters through it" in r.why for r in plan.refusals)
