"""Nothing is taken from a service that still uses it, whoever made it (S1, S6), and names are not keys (S2)."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops.change import Action, Status, Step
from bizops.planner import Targeting
from bizops.provider import Scope
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.providers.swarm.compose.services.service import Service
from bizops.resource import Address, Resource, Source
from bizops.testing.driving import carry_out, converge, plan_for
from stack.addresses import read_addresses

from .ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider

    Docker = Callable[..., str]
    Make = Callable[..., Resource]

pytestmark = pytest.mark.integration

PLACEHOLDER = f"{read_addresses(os.environ).registry}/bizops/placeholder"
VALUE = "BIZOPS_TEST_SECRET"
PRUNE = Targeting(prune=True)
DEPLOY = {
    "replicas": 1,
    "restart_policy": {"delay": "1s"},
    # As long as the engine's own default: what it is told of later is no failure of the update for it.
    "update_config": {"monitor": "5s", "failure_action": "rollback"},
    "rollback_config": {"monitor": "1s"},
}


@pytest.fixture(autouse=True)
def _value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VALUE, "made-up")


def secret(key: str, name: str = "") -> Resource:
    spec = Secret.model_validate({"environment": VALUE} | ({"name": name} if name else {}))
    return Resource(Address("swarm", "secret", (key,)), spec, source=Source("/t.yaml", 1, 1))


def network(key: str, **settings: Any) -> Resource:
    return Resource(Address("swarm", "network", (key,)), Network.model_validate(settings))


def needing(user: Resource, *used: Resource) -> Resource:
    return Resource(user.address, user.spec, tuple(each.address for each in used))


def _replicas(docker: Docker, name: str) -> str:
    return docker("service", "ls", "--filter", f"name={name}", "--format", "{{.Replicas}}")


def labels(refusals: Any) -> list[str]:
    return [f"{refusal.address}: {refusal.why}" for refusal in refusals]


def test_s1_a_secret_stays_where_its_user_was_rolled_back(
    live: Provider, scope: Scope, name: str, service: Make, docker: Docker
) -> None:
    """And goes with the next run, once the service has settled without it."""
    common = {"secrets": [f"{name}-pw"], "stop_grace_period": "1s", "deploy": DEPLOY}
    old, new = secret(f"{name}-pw", f"{name}-pw-1"), secret(f"{name}-pw", f"{name}-pw-2")
    good = needing(service("-s", command=["sleep", "infinity"], **common), old)
    bad = needing(service("-s", command=["sh", "-c", "sleep 1; exit 1"], **common), old)
    converge(live, (old, good), scope)

    plan = plan_for(live, (new, bad), scope, PRUNE)
    ended = {str(o.step.change.address): o for o in carry_out(live, plan).outcomes if o.step.change}

    user, gone = ended[f"swarm.service/{name}-s"], ended[f"swarm.secret/{name}-pw-1"]
    assert (user.status, user.detail) == (Status.FAILED, "ROLLED BACK by Swarm")
    assert (gone.status, gone.detail) == (
        Status.SKIPPED,
        f"it needs swarm.service/{name}-s, which failed",
    )
    assert f"{name}-pw-1" in docker("secret", "ls", "--format", "{{.Name}}").split()
    end = time.monotonic() + 30
    while "1/1" != _replicas(docker, f"{name}-s"):
        assert time.monotonic() < end, "the old spec does not come up again"
        time.sleep(0.5)
    converged = carry_out(live, plan_for(live, (new, good), scope, PRUNE))
    assert converged.is_ok, converged.outcomes
    assert plan_for(live, (new, good), scope, PRUNE).is_empty
    assert f"{name}-pw-1" not in docker("secret", "ls", "--format", "{{.Name}}").split()


def test_s1_a_secret_stays_for_the_spec_that_its_user_may_be_set_back_to(
    live: Provider, scope: Scope, name: str, service: Make, docker: Docker
) -> None:
    """The spec that is written names it no more; the one before does, and some tasks may run that still."""
    deploy = DEPLOY | {"update_config": {"monitor": "5s", "failure_action": "pause"}}
    common = {"secrets": [f"{name}-pw"], "stop_grace_period": "1s", "deploy": deploy}
    old, new = secret(f"{name}-pw", f"{name}-pw-1"), secret(f"{name}-pw", f"{name}-pw-2")
    good = needing(service("-s", command=["sleep", "infinity"], **common), old)
    bad = needing(service("-s", command=["sh", "-c", "sleep 1; exit 1"], **common), old)
    converge(live, (old, good), scope)
    carry_out(live, plan_for(live, (new, bad), scope, PRUNE))

    again = carry_out(live, plan_for(live, (new, bad), scope, PRUNE))

    assert not again.is_ok
    assert f"{name}-pw-1" in docker("secret", "ls", "--format", "{{.Name}}").split()
    assert carry_out(live, plan_for(live, (new, good), scope, PRUNE)).is_ok
    assert f"{name}-pw-1" not in docker("secret", "ls", "--format", "{{.Name}}").split()


def test_s2_a_secret_of_another_name_is_made_beside_the_one_that_bears_its_key(
    live: Provider, scope: Scope, name: str, service: Make, docker: Docker
) -> None:
    key = f"{name}-db"
    user = needing(service("-s", secrets=[key]), secret(key))
    converge(live, (secret(key), user), scope)
    wanted = (secret(key, f"{key}-2"), user)

    plan = plan_for(live, wanted, scope)
    assert [Action.CREATE, Action.UPDATE] == [change.action for change in plan.changes]
    assert [f"swarm.secret/{key}#live"] == [str(each.address) for each in plan.unmanaged]
    converge(live, wanted, scope)
    assert plan_for(live, wanted, scope).is_empty

    destroyed = carry_out(live, plan_for(live, wanted, scope, Targeting(destroy=True)))
    assert destroyed.is_ok
    assert [key] == docker(
        "secret", "ls", "-q", "--filter", f"name={key}", "--format", "{{.Name}}"
    ).split()


def test_s2_a_network_of_another_name_is_made_beside_the_one_that_bears_its_key(
    live: Provider, scope: Scope, name: str, service: Make
) -> None:
    key = f"{name}-bus"
    user = needing(service("-s", networks=[key]), network(key))
    converge(live, (network(key), user), scope)
    wanted = (network(key, name=f"{key}-2", attachable=True), user)

    plan = plan_for(live, wanted, scope)

    assert not plan.refusals
    assert [Action.CREATE, Action.UPDATE] == [change.action for change in plan.changes]
    (field,) = plan.changes[1].fields
    assert (field.before, field.after) == ((f"{key}#live",), (key,))
    converge(live, wanted, scope)
    assert plan_for(live, wanted, scope).is_empty
    pruned = carry_out(live, plan_for(live, wanted, scope, PRUNE))
    assert pruned.is_ok, pruned.outcomes
    assert () == plan_for(live, wanted, scope).unmanaged


@pytest.mark.parametrize("choice", [Targeting(destroy=True), PRUNE])
def test_s6_what_a_service_of_others_uses_is_refused_by_its_name(
    live: Provider, scope: Scope, name: str, choice: Targeting
) -> None:
    """The engine would refuse it, after the rest is gone."""
    net, key = network(f"{name}-net"), secret(f"{name}-key")
    converge(live, (net, key), scope)
    spec = Service.model_validate(
        {
            "image": "example.invalid/none:1",
            "deploy": {"replicas": 0},
            "networks": [f"{name}-net"],
            "secrets": [f"{name}-key"],
        }
    )
    theirs = Resource(Address("swarm", "service", (f"{name}-theirs",)), spec)
    outside = tuple(
        Resource(each.address, type(each.spec).model_validate({"external": True}), external=True)
        for each in (net, key)
    )
    converge(live, (*outside, theirs), Scope(f"{name}-b"))

    kept = () if choice.prune else (net, key)
    asked = kept or (network(f"{name}-other"),)
    plan = plan_for(live, asked, scope, choice)

    why = f"service {name}-theirs of topology {name}-b uses it, so it cannot be deleted"
    assert sorted(labels(plan.refusals)) == [
        f"swarm.network/{name}-net: {why}",
        f"swarm.secret/{name}-key: {why}",
    ]


def test_s6_what_a_container_of_others_has_joined_is_refused_by_its_name(
    live: Provider, scope: Scope, name: str, docker: Docker
) -> None:
    net = network(f"{name}-net", attachable=True)
    converge(live, (net,), scope)
    words = ("--rm", "--name", f"{name}-job", "--network", f"{name}-net")
    docker("run", "--detach", *words, f"{PLACEHOLDER}:1", "sleep", "300")
    try:
        plan = plan_for(live, (net,), scope, Targeting(destroy=True))
    finally:
        docker("rm", "--force", f"{name}-job")

    why = f"container {name}-job uses it, so it cannot be deleted"
    assert labels(plan.refusals) == [f"swarm.network/{name}-net: {why}"]


def test_s9_a_refusal_of_the_engine_has_names_in_place_of_ids(
    live: Provider, scope: Scope, name: str, service: Make, docker: Docker
) -> None:
    """It says `network fgkq55bj8ee79xguva6n1id5q is in use by service yjk5dkam0lxzp2thfp7ubrvl3`."""
    net = network(f"{name}-net")
    converge(live, (net,), scope)
    plan = plan_for(live, (service("-s"),), scope, PRUNE)
    words = ("--replicas", "0", "--network", f"{name}-net", "--name", f"{name}-theirs")
    docker("service", "create", "--detach", *words, f"{PLACEHOLDER}:1")
    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]

    (outcome,) = live.apply([Step(Action.DELETE, gone)])

    assert outcome.detail == f"network {name}-net is in use by service {name}-theirs"


def test_a_service_of_another_name_takes_the_port_when_the_old_one_has_given_it_up(
    live: Provider, scope: Scope, service: Make
) -> None:
    """The engine refuses a published port that a service has, and the old one was gone by then."""
    port = with_ports("PORT_77:80")
    old, new = service("-old", ports=[port]), service("-new", ports=[port])
    converge(live, (old,), scope)

    plan = plan_for(live, (new,), scope, PRUNE)

    waits = {change.address: change.waits for change in plan.changes}
    assert waits == {old.address: (), new.address: (old.address,)}
    result = carry_out(live, plan)
    assert result.is_ok, result.outcomes
    moved = (service("-new", ports=[]), service("-other", ports=[port]))
    converge(live, moved, scope)
    assert plan_for(live, moved, scope).is_empty
