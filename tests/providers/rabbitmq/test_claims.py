"""A queue that another topology declares, too, is neither pruned nor destroyed (R1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bizops.planner import Choice
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

    plan = plan_for(broker.live, mine, other, Choice(prune=True))
    assert carry_out(broker.live, plan).is_ok

    assert {"shop_a", "shop_b"} == {queue["name"] for queue in broker.listing("queues")}
    (kept,) = plan.unmanaged
    assert kept.notes == (f"topology {broker.scope.topology} declares it, too",)


def test_r1_what_two_topologies_declare_is_destroyed_by_neither_unless_adopted(
    broker: Any, other: Any
) -> None:
    mine = broker.resources(DECLARED)
    converge(broker.live, mine, broker.scope)

    plan = plan_for(broker.live, mine, other, Choice(destroy=True))
    adopted = Choice(destroy=True, adopt=("rabbitmq.queue/shop_a",))

    assert not plan.changes
    assert any("rabbitmq.queue/shop_a stays: topology" in text for text in plan.warnings)
    assert [change.address.name for change in plan_for(broker.live, mine, other, adopted).changes]
