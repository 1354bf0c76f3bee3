"""A queue that stays keeps what its dead letters go through (rule 2)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bizops.planner import Targeting
from bizops.testing import carry_out, converge, plan_for

pytestmark = pytest.mark.integration

DECLARED = {
    "exchanges": {"dead": {}},
    "queues": {"shop_a": {"message_ttl": "1h", "dead_letter": {"exchange": "dead"}}},
}
QUEUE, LETTERS = "rabbitmq.queue/shop_a", "rabbitmq.queue/shop_a.dlq"
WAY = "rabbitmq.binding/dead:shop_a:shop_a.dlq"


@pytest.fixture
def owning(broker: Any) -> Any:
    return replace(broker.scope, owns=(("queue", ("shop_*",)),))


def test_r2_what_dead_letters_go_through_stays_where_their_queue_is_left_out(
    broker: Any, owning: Any
) -> None:
    """Both the queue and its dead-letter queue left the file; the queue is excluded."""
    converge(broker.live, broker.resources(DECLARED), broker.scope)
    left = broker.resources({"exchanges": {"dead": {}}})

    refused = plan_for(broker.live, left, owning, Targeting(prune=True, excludes=(QUEUE,)))
    assert {str(r.address): r.why for r in refused.refusals} == dict.fromkeys(
        (LETTERS, WAY), f"{QUEUE} sends its dead letters through it, and stays"
    )
    way_out = Targeting(prune=True, excludes=(QUEUE, LETTERS, WAY))
    assert not plan_for(broker.live, left, owning, way_out).refusals

    whole = plan_for(broker.live, left, owning, Targeting(prune=True))
    assert not whole.refusals
    assert carry_out(broker.live, whole).is_ok
    assert broker.listing("queues") == []


def test_r2_a_dead_letter_queue_is_not_destroyed_alone(broker: Any) -> None:
    resources = broker.resources(DECLARED)
    converge(broker.live, resources, broker.scope)

    plan = plan_for(
        broker.live, resources, broker.scope, Targeting(destroy=True, targets=(LETTERS,))
    )

    assert LETTERS in {str(refusal.address) for refusal in plan.refusals}


def test_r2_a_dead_letter_queue_goes_where_its_queue_stops_to_use_it(
    broker: Any, owning: Any
) -> None:
    """In a policy the setting goes with its key; in the queue's arguments it stays, and so does what it names."""
    without = broker.resources(
        {"exchanges": {"dead": {}}, "queues": {"shop_a": {"message_ttl": "1h"}}}
    )
    converge(broker.live, broker.resources(DECLARED), broker.scope)
    fixed = plan_for(broker.live, without, owning, Targeting(prune=True))
    assert {str(refusal.address) for refusal in fixed.refusals} == {LETTERS, WAY}
    broker.delete("queues", "shop_a")

    letters = {"exchange": "dead", "settings_in": "policy"}
    queue = {"message_ttl": "1h", "dead_letter": letters}
    converge(broker.live, broker.resources({**DECLARED, "queues": {"shop_a": queue}}), broker.scope)
    plan = plan_for(broker.live, without, owning, Targeting(prune=True))

    assert not plan.refusals
    assert carry_out(broker.live, plan).is_ok
    assert [queue["name"] for queue in broker.listing("queues")] == ["shop_a"]


def test_r2_queues_whose_dead_letters_lead_into_each_other_go_together(
    broker: Any, owning: Any
) -> None:
    both = {
        "exchanges": {"dead": {}},
        "queues": {
            "shop_a": {
                "message_ttl": "1h",
                "dead_letter": {"exchange": "dead", "routing_key": "b"},
            },
            "shop_b": {
                "message_ttl": "1h",
                "dead_letter": {"exchange": "dead", "routing_key": "a"},
            },
        },
        "bindings": [
            {"exchange": "dead", "queue": "shop_a", "routing_key": "a"},
            {"exchange": "dead", "queue": "shop_b", "routing_key": "b"},
        ],
    }
    converge(broker.live, broker.resources(both), broker.scope)

    left = broker.resources({"exchanges": {"dead": {}}})
    plan = plan_for(broker.live, left, owning, Targeting(prune=True))

    assert not plan.refusals
    assert carry_out(broker.live, plan).is_ok
    assert broker.listing("queues") == []


def test_r2_another_strategy_is_no_other_route(broker: Any, owning: Any) -> None:
    """The setting that changes beside it says nothing of where dead letters go."""

    def declared(strategy: str) -> dict[str, Any]:
        letters = {
            "exchange": "dead",
            "routing_key": "a",
            "strategy": strategy,
            "settings_in": "policy",
        }
        queue = {
            "type": "quorum",
            "max_length": 9,
            "overflow": "reject-publish",
            "dead_letter": letters,
        }
        return {"exchanges": {"dead": {}}, "queues": {"shop_a": queue}}

    kept = {
        "queues": {"shop_kept": {}},
        "bindings": [{"exchange": "dead", "queue": "shop_kept", "routing_key": "a"}],
    }
    first = declared("at-least-once")
    both = {**first, **kept, "queues": {**first["queues"], **kept["queues"]}}
    converge(broker.live, broker.resources(both), broker.scope)

    left = broker.resources(declared("at-most-once"))
    plan = plan_for(broker.live, left, owning, Targeting(prune=True))

    assert {str(refusal.address) for refusal in plan.refusals} == {
        "rabbitmq.queue/shop_kept",
        "rabbitmq.binding/dead:a:shop_kept",
    }
