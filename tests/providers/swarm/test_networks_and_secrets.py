"""Networks, which can only be replaced, and secrets, whose values nobody can read back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bizops.change import Action, Status, Step
from bizops.planner import Targeting
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.resource import Address, Resource, Source
from bizops.testing.driving import carry_out, converge, destroy, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bizops.provider import Provider, Scope

pytestmark = pytest.mark.integration


def _network(key: str, /, **settings: Any) -> Resource:
    spec = Network.model_validate(settings)
    return Resource(Address("swarm", "network", (key,)), spec, external=spec.external)


def _secret(key: str, /, **settings: Any) -> Resource:
    spec = Secret.model_validate(settings)
    source = Source("/nowhere/topology.yaml", 1, 1)
    return Resource(Address("swarm", "secret", (key,)), spec, source=source, external=spec.external)


@pytest.mark.parametrize(
    "settings",
    [
        {"attachable": True},
        {"internal": True, "labels": {"a": "b"}},
        {"ipam": {"config": [{"subnet": "10.213.0.0/24"}]}},
        {"ipam": {"config": [{"subnet": "10.214.0.0/24", "gateway": "10.214.0.9"}]}},
        {"driver": "overlay", "driver_opts": {"encrypted": ""}},
    ],
)
def test_a_network_is_read_back_equal(
    settings: dict[str, Any], live: Provider, scope: Scope, name: str
) -> None:
    """What is declared of a network is there, and a second plan is empty."""
    wanted = _network(name, **settings)

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty


def test_a_network_that_nobody_uses_is_replaced(live: Provider, scope: Scope, name: str) -> None:
    """The engine has no update of networks."""
    converge(live, (_network(name, attachable=True),), scope)
    wanted = _network(name, attachable=False)

    (change,) = plan_for(live, (wanted,), scope).changes

    assert Action.REPLACE is change.action
    converge(live, (wanted,), scope)
    assert plan_for(live, (wanted,), scope).is_empty


def test_a_network_in_use_is_refused_with_a_way_out(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource]
) -> None:
    """Replacing it would need every service off it first, so the plan says who uses it."""
    user = service("-svc", networks=[name])
    converge(
        live, (_network(name), Resource(user.address, user.spec, (_network(name).address,))), scope
    )

    (refusal,) = plan_for(live, (_network(name, internal=True), user), scope).refusals

    assert "internal" == refusal.field
    assert user.address.name in refusal.why
    assert refusal.remedies


def test_an_external_network_must_exist_and_is_never_written(
    live: Provider, scope: Scope, name: str, docker: Callable[..., str]
) -> None:
    """It is neither created nor labelled nor deleted."""
    wanted = _network(name, external=True)
    (refusal,) = plan_for(live, (wanted,), scope).refusals
    assert "external" in refusal.why
    docker("network", "create", "--driver", "overlay", name)
    # The rest of it changes by itself while the swarm allocates it.
    shown = ("--format", "{{.Id}} {{json .Labels}} {{.Internal}} {{.Attachable}}")
    before = docker("network", "inspect", *shown, name)

    assert plan_for(live, (wanted,), scope).is_empty
    converge(live, (wanted,), scope)
    destroy(live, (wanted,), scope)

    assert before == docker("network", "inspect", *shown, name)


@pytest.mark.parametrize("choice", [Targeting(), Targeting(adopt=("*",))])
def test_a_network_of_others_is_refused_and_no_consent_can_help(
    choice: Targeting, live: Provider, scope: Scope, name: str, docker: Callable[..., str]
) -> None:
    """Without our label it is not ours, and its labels cannot be changed."""
    docker("network", "create", "--driver", "overlay", name)

    (refusal,) = plan_for(live, (_network(name),), scope, choice).refusals

    assert "the labels of a network cannot be changed" in refusal.why
    assert ("declare it external: true", "give yours another name") == refusal.remedies


def test_unmanaged_services_go_before_the_networks_that_they_use(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource]
) -> None:
    """Pruning deletes in an order that Swarm accepts, and waits for the tasks."""
    network = _network(name)
    deploy = {"replicas": 1, "update_config": {"monitor": "1s"}}
    user = service("-svc", networks=[name], stop_grace_period="1s", deploy=deploy)
    kept = service("-kept")
    converge(live, (network, Resource(user.address, user.spec, (network.address,)), kept), scope)

    result = carry_out(live, plan_for(live, (kept,), scope, Targeting(prune=True)))

    assert result.is_ok, result.outcomes
    assert () == plan_for(live, (kept,), scope).unmanaged


def test_a_secret_is_created_once_and_never_compared(
    live: Provider, scope: Scope, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another value of the variable is no difference: rotating it takes another name."""
    monkeypatch.setenv("BIZOPS_TEST_SECRET", "one")
    wanted = _secret(name, environment="BIZOPS_TEST_SECRET")
    converge(live, (wanted,), scope)

    monkeypatch.setenv("BIZOPS_TEST_SECRET", "two")

    assert plan_for(live, (wanted,), scope).is_empty


def test_a_secret_reaches_the_task_as_a_file(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource], tmp_path: Path
) -> None:
    """The value is what the file has, at the place that the long form says."""
    (tmp_path / "value").write_text("from-a-file", encoding="utf-8")
    secret = _secret(name, file=str(tmp_path / "value"))
    seen = service(
        "-svc",
        secrets=[{"source": name, "target": "renamed", "uid": "7", "mode": "0400"}],
        command=[
            "sh",
            "-c",
            "stat -c '%u %a' /run/secrets/renamed; wc -c < /run/secrets/renamed; exit 1",
        ],
        deploy={"replicas": 1, "restart_policy": {"condition": "none"}},
    )
    user = Resource(seen.address, seen.spec, (secret.address,))

    result = carry_out(live, plan_for(live, (secret, user), scope))

    lines = result.outcomes[-1].lines
    assert "  7 400" in lines
    assert f"  {len('from-a-file')}" in lines


@pytest.mark.parametrize(
    ("value", "problem"),
    [(b"", "empty"), (b"x" * 512_000, "512000 bytes")],
)
def test_a_value_that_swarm_would_refuse_is_told_before_it_is_sent(
    value: bytes, problem: str, live: Provider, scope: Scope, name: str, tmp_path: Path
) -> None:
    """The message has the size, never the value. The file was another one when it was planned."""
    (tmp_path / "value").write_bytes(b"good")
    (change,) = plan_for(live, (_secret(name, file=str(tmp_path / "value")),), scope).changes
    (tmp_path / "value").write_bytes(value)

    (outcome,) = live.apply([Step(Action.CREATE, change)])

    assert Status.FAILED is outcome.status
    assert problem in outcome.detail


def test_a_secret_is_rotated_by_another_name_under_the_same_key(
    live: Provider,
    scope: Scope,
    name: str,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The service keeps its file's name, and the plan shows that it moves to the new secret."""
    monkeypatch.setenv("BIZOPS_TEST_SECRET", "one")
    key = "password"
    user = service("-svc", secrets=[key])
    first = _secret(key, environment="BIZOPS_TEST_SECRET", name=f"{name}-v1")
    converge(live, (first, Resource(user.address, user.spec, (first.address,))), scope)
    second = _secret(key, environment="BIZOPS_TEST_SECRET", name=f"{name}-v2")
    both = (second, Resource(user.address, user.spec, (second.address,)))

    changes = {c.address.kind: c for c in plan_for(live, both, scope).changes}

    assert Action.CREATE is changes["secret"].action
    assert [((f"{name}-v1:{key}",), (f"{name}-v2:{key}",))] == [
        (f.before, f.after) for f in changes["service"].fields
    ]
    converge(live, both, scope)
    plan = plan_for(live, both, scope)
    assert all(change.action is Action.NOOP for change in plan.changes)
    assert [f"{name}-v1"] == [observed.address.name for observed in plan.unmanaged]
    assert f'"SecretName": "{name}-v2"' in docker("service", "inspect", user.address.name)


NETWORK = {"backend": {"aliases": ["worker"]}}


def test_a_network_may_have_another_name_than_its_key(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource]
) -> None:
    """The key is what the topology says, the name what the engine knows."""
    network = _network("backend", name=name)
    made = service("-svc", networks=NETWORK)
    both = (network, Resource(made.address, made.spec, (network.address,)))

    converge(live, both, scope)

    assert plan_for(live, both, scope).is_empty


@pytest.mark.parametrize("stays", ["nothing", "the network", "the network under another key"])
def test_s8_a_network_of_another_name_than_its_key_goes_from_the_service(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource], stays: str
) -> None:
    """The key left the file with it, so what bizops wrote is told by the engine's name."""
    network, user = _network("backend", name=name), service("-svc", networks=NETWORK)
    converge(live, (network, replace(user, needs=(network.address,))), scope)
    kept = {
        "nothing": (),
        "the network": (network,),
        "the network under another key": (_network("front", name=name),),
    }[stays]
    bare = (*kept, service("-svc"))

    plan = plan_for(live, bare, scope, Targeting(prune=True))
    assert not plan.refusals
    (change,) = (c for c in plan.changes if c.address.kind == "service")
    assert {field.name for field in change.fields} == {
        "networks",
        f"networks.{key(stays, name)}.aliases",
    }
    assert carry_out(live, plan).is_ok

    assert plan_for(live, bare, scope).is_empty


def key(stays: str, name: str) -> str:
    """Give what the network is called in the file, or by the engine where no key is left."""
    return {"nothing": name, "the network": "backend"}.get(stays, "front")


def test_aliases_can_be_changed_and_an_undeclared_network_goes(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource]
) -> None:
    """The networks of a service are a set, and aliases count only where they are declared."""
    one, two = _network(f"{name}-1"), _network(f"{name}-2")
    converge(live, (one, two), scope)
    for networks in (
        {f"{name}-1": {"aliases": ["a", "b"]}, f"{name}-2": {}},
        {f"{name}-1": {"aliases": ["b"]}},
        [f"{name}-2"],
    ):
        wanted = (one, two, service("-svc", networks=networks))

        converge(live, wanted, scope)

        assert plan_for(live, wanted, scope).is_empty, networks
    attached = plan_for(live, wanted, scope).changes[-1].observed
    assert (f"{name}-2",) == dict(attached.fields)["networks",].value
    destroy(live, wanted[2:], scope)


def test_existing_configs_can_be_mounted_and_a_missing_one_is_told(
    live: Provider,
    scope: Scope,
    name: str,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    tmp_path: Path,
) -> None:
    """Configs are looked up and not managed."""
    missing = service(configs=[f"{name}-none"])
    plan = plan_for(live, (missing,), scope)
    assert [f"there is no config {name}-none in the swarm"] == [r.why for r in plan.refusals]
    (outcome,) = live.apply([Step(Action.CREATE, plan.changes[0])])
    assert f"config {name}-none does not exist" in outcome.detail
    (tmp_path / "c").write_text("x", encoding="utf-8")
    docker("config", "create", f"{name}-conf", str(tmp_path / "c"))
    wanted = service(configs=[{"source": f"{name}-conf", "target": "/etc/c"}])

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty
    destroy(live, (wanted,), scope)


def test_s8_what_a_network_was_created_with_and_left_the_file_stays_and_is_listed(
    live: Provider, scope: Scope, name: str
) -> None:
    converge(live, (_network(name, attachable=True, labels={"a": "b"}),), scope)

    plan = plan_for(live, (_network(name),), scope)

    assert plan.is_empty
    assert plan.changes[0].observed.notes == (
        "attachable = true is fixed and declared nowhere: it stays",
        "labels.a = b is fixed and declared nowhere: it stays",
    )
