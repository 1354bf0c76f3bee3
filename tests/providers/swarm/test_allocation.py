"""Networks that the swarm has stored, and not given any addresses: for a moment, or for as long as others have them."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import applier, graph
from bizops.applier import Timing
from bizops.change import Action, Status
from bizops.providers.swarm.compose.network import Network
from bizops.resource import Address, Resource
from bizops.testing.driving import converge, destroy, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope

pytestmark = pytest.mark.integration


@pytest.fixture
def subnet() -> str:
    """Give a range of this test's own."""
    return f"10.217.{random.randrange(256)}.{random.randrange(0, 256, 16)}/28"  # noqa: S311 - no secret


def _network(name: str, subnet: str) -> Resource:
    spec = Network.model_validate({"driver": "overlay", "ipam": {"config": [{"subnet": subnet}]}})
    return Resource(Address("swarm", "network", (name,)), spec)


def _apply(live: Provider, resource: Resource, scope: Scope) -> Any:
    steps = graph.steps(plan_for(live, (resource,), scope))
    (outcome,) = applier.apply(steps, {"swarm": live}, pace=Timing(settle_timeout=1.5)).outcomes
    return outcome


def test_a_network_without_addresses_has_not_settled_and_says_who_has_them(
    live: Provider, scope: Scope, name: str, subnet: str, docker: Callable[..., str]
) -> None:
    """The engine takes it, and gives it nothing: tasks on it would wait for ever."""
    docker("network", "create", "--driver", "overlay", "--subnet", subnet, f"{name}-others")
    wanted = _network(name, subnet)
    why = f"its subnet {subnet} overlaps {subnet} of the network {name}-others"
    (refusal,) = plan_for(live, (wanted,), scope).refusals

    outcome = _apply(live, wanted, scope)

    assert why in refusal.why
    assert Status.FAILED is outcome.status
    assert why in outcome.detail
    (change,) = plan_for(live, (wanted,), scope).changes
    assert Action.REPLACE is change.action


def test_another_range_mends_it(
    live: Provider, scope: Scope, name: str, subnet: str, docker: Callable[..., str]
) -> None:
    """What has no addresses is replaced like any other network that nobody uses, or deleted."""
    docker("network", "create", "--driver", "overlay", "--subnet", subnet, f"{name}-others")
    _apply(live, _network(name, subnet), scope)
    wanted = _network(name, subnet.replace("10.217.", "10.218."))

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty
    assert not live.observe((wanted,), scope).warnings
    destroy(live, (wanted,), scope)
    assert name not in docker("network", "ls", "--format", "{{.Name}}").split()


def test_a_network_waits_for_addresses_that_another_is_giving_up(
    live: Provider, scope: Scope, name: str, subnet: str, docker: Callable[..., str]
) -> None:
    """Somebody else may take it away just now: a plan that saw it is refused, and one before that works in one run."""
    docker("network", "create", "--driver", "overlay", "--subnet", subnet, f"{name}-others")
    removal = threading.Timer(1, docker, ("network", "rm", f"{name}-others"))
    removal.start()
    wanted, began = _network(name, subnet), time.monotonic()

    steps = graph.steps(plan_for(live, (wanted,), scope))
    result = applier.apply(steps, {"swarm": live})

    assert result.is_ok, result.outcomes
    assert time.monotonic() - began > 1
    assert plan_for(live, (wanted,), scope).is_empty
    removal.join()


def test_a_network_that_is_being_made_is_looked_at_again(
    live: Provider, scope: Scope, name: str, subnet: str, docker: Callable[..., str]
) -> None:
    """Read in that moment, its settings would all look as if they were gone."""
    wanted = _network(name, subnet)
    docker("network", "create", "--driver", "overlay", "--subnet", subnet, f"{name}-others")
    _apply(live, wanted, scope)
    removal = threading.Timer(0.3, docker, ("network", "rm", f"{name}-others"))
    removal.start()

    plan = plan_for(live, (wanted,), scope)

    assert plan.is_empty
    removal.join()


def test_a_network_of_others_without_addresses_is_told(
    live: Provider, scope: Scope, name: str, subnet: str, docker: Callable[..., str]
) -> None:
    for network in ("-first", ""):
        docker("network", "create", "--driver", "overlay", "--subnet", subnet, f"{name}{network}")
    spec = Network.model_validate({"external": True})
    external = Resource(Address("swarm", "network", (name,)), spec, external=True)

    (warning,) = live.observe((external,), scope).warnings

    assert "the swarm has given it no addresses yet: no service can join it" in warning
    assert plan_for(live, (external,), scope).is_empty
