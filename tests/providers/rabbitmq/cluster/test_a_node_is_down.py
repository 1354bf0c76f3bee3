"""One of three nodes is killed: what lies on it is there, out of reach, and never absent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops.planner import Targeting
from bizops.provider import Options
from bizops.provider.versions import parsed
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.resource import Presence
from bizops.testing.driving import converge

if TYPE_CHECKING:
    from bizops.change import Plan

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(900)]

DECLARED: dict[str, Any] = {
    "queues": {
        "own_here": {"message_ttl": "1h"},
        "own_there": {"message_ttl": "1h", "max_priority": 5},
        "own_quorum": {"type": "quorum", "max_length": 100},
    },
    "bindings": [
        {"exchange": "amq.direct", "queue": "own_here", "routing_key": "a"},
        {"exchange": "amq.direct", "queue": "own_quorum", "routing_key": "a"},
    ],
}
BINDING = {"exchange": "amq.direct", "queue": "own_there", "routing_key": "a"}
WITH_BINDING = DECLARED | {"bindings": [*DECLARED["bindings"], BINDING]}
SOON = 25
"""Seconds: the ten that a request may take, and fifteen."""


def settled(nodes: Any, declared: dict[str, Any]) -> str:
    """Apply, with `own_there` and three messages on the third node; give that node's name."""
    nodes.declare(3, "own_there", {"x-max-priority": 5})
    assert nodes.broker.converge(declared).is_ok
    nodes.publish(3, "own_there", 3)
    assert nodes.broker.plan(declared).is_empty
    return nodes.name(3)


def queues(**changed: dict[str, Any]) -> dict[str, Any]:
    return DECLARED | {"queues": DECLARED["queues"] | changed}


def is_old(plan: Plan) -> bool:
    version = parsed(plan.systems[0].version)
    return version is not None and version < (4, 0)


def test_it_is_there_and_compared_and_its_bindings_too(nodes: Any) -> None:
    """The plan is empty; 3.10 lists no bindings of such a queue, so that one alone is not read."""
    name = settled(nodes, WITH_BINDING)
    nodes.kill(3)

    plan = nodes.broker.plan(WITH_BINDING)

    assert plan.is_empty
    assert plan.systems[0].cluster.text == f"2 of 3 nodes run: {name} is down"
    away = nodes.broker.change(plan, "own_there").observed.away
    assert away == f"on {name}, which is down"
    if is_old(plan):
        assert [o.address.parts for o in plan.unreadable] == [("amq.direct", "a", "own_there")]
        assert name in plan.unreadable[0].why
    else:
        assert plan.is_complete


def test_it_is_neither_deleted_nor_replaced_whatever_is_allowed(nodes: Any) -> None:
    """By --prune or by another argument: refused, with the node named; it comes back with its messages."""
    name = settled(nodes, DECLARED)
    nodes.kill(3)
    broker = nodes.broker

    undeclared = {k: v for k, v in DECLARED["queues"].items() if k != "own_there"}
    pruned = broker.plan(
        DECLARED | {"queues": undeclared}, Targeting(prune=True), allow_data_loss=("*",)
    )
    replaced = broker.plan(queues(own_there={"max_priority": 9}), allow_data_loss=("*",))

    for plan in (pruned, replaced):
        refusal = next(r for r in plan.refusals if r.address and r.address.name == "own_there")
        assert f"it lies on {name}, which is down" in refusal.why
    nodes.revive()
    nodes.until(lambda: nodes.queue("own_there").get("state") in {"running", "live"})
    assert broker.count("own_there") == 3


def test_all_else_is_applied_and_it_takes_effect_when_the_node_is_back(nodes: Any) -> None:
    """A new queue is made, a queue that lives and one that is out of reach get another TTL."""
    settled(nodes, DECLARED)
    nodes.kill(3)
    broker = nodes.broker
    changed = queues(
        own_here={"message_ttl": "2h"},
        own_there={"message_ttl": "2h", "max_priority": 5},
        own_new={"max_length": 5},
    )
    started = time.monotonic()

    result = broker.converge(changed)

    assert result.is_ok, result
    assert time.monotonic() - started < 2 * SOON
    assert broker.plan(changed).is_empty
    nodes.revive()
    if is_old(broker.plan(changed)):
        assert broker.converge(changed).is_ok  # 3.10.8 does not match a queue that is back anew
    assert broker.plan(changed).is_empty
    assert broker.count("own_there") == 3


def test_what_would_lose_messages_asks_and_names_the_node(nodes: Any) -> None:
    """A lower limit is harmless on an empty queue, and nobody knows whether this one is."""
    name = settled(nodes, DECLARED)
    nodes.kill(3)

    plan = nodes.broker.plan(
        queues(own_there={"message_ttl": "1h", "max_priority": 5, "max_length": 9})
    )

    assert any(name in refusal.why for refusal in plan.refusals)


def test_a_deletion_that_meets_a_dead_node_is_not_called_done(nodes: Any) -> None:
    """The node dies after the plan. 3.10.8 answers 404, and 4.x that the queue is not empty: it stays."""
    settled(nodes, DECLARED)
    nodes.declare(3, "own_empty")
    undeclared = nodes.broker.plan(DECLARED, Targeting(prune=True))
    nodes.kill(3)

    result = nodes.broker.carry_out(undeclared)

    assert not result.is_ok
    nodes.revive()
    assert nodes.queue("own_empty")


def test_in_a_minority_nothing_is_absent(nodes: Any) -> None:
    """Two of three are gone: quorum queues exist and are out of reach, and what is in no list is not read."""
    settled(nodes, DECLARED)
    nodes.kill(2, 3)

    plan = nodes.broker.plan(queues(own_new={}))

    unread = {observed.address.name for observed in plan.unreadable}
    assert "own_new" in unread
    assert unread <= {"own_new", "amq.direct:a:own_quorum"}
    assert not plan.is_complete
    assert nodes.broker.change(plan, "own_quorum").observed.presence is Presence.PRESENT
    assert "of which only" in nodes.broker.change(plan, "own_quorum").observed.away


def test_status_names_the_node(nodes: Any) -> None:
    """A row says that its queue is out of reach, and one line says it of the cluster."""
    name = settled(nodes, DECLARED)
    broker = nodes.broker
    assert (
        broker.live.status(broker.resources(DECLARED), broker.scope).cluster.text == "3 nodes run"
    )
    nodes.kill(3)

    health = broker.live.status(broker.resources(DECLARED), broker.scope)

    problems = {address.name: problem for address, _, problem in health.rows}
    assert problems["own_there"] == f"it lies on {name}, which is down"
    assert problems["own_quorum"] == f"its member on {name} is down"
    assert not problems["own_here"]
    assert health.verdict == "DEGRADED"
    assert health.cluster.is_degraded


def test_the_nodes_of_a_cluster_that_nobody_named_are_one_cluster(nodes: Any) -> None:
    """Each gives its own name as that of the cluster, so it is known by its id."""
    urls = [f"http://127.0.0.1:{nodes.port(number)}" for number in (3, 1, 2)]
    broker, connection = nodes.broker, Connection.model_validate({"url": urls})
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=10))
    try:
        converge(live, broker.resources(DECLARED), broker.scope)
        nodes.kill(3)
        found = live.observe(broker.resources(DECLARED), broker.scope)
    finally:
        live.close()

    assert any(f"so {urls[1]} was asked" in text for text in found.warnings)
    assert {o.presence for o in found.found} == {Presence.PRESENT}
