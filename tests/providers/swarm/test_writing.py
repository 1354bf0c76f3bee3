"""Writes touch what they name and nothing else, and never overwrite what moved since the plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bizops.change import Action, Status
from bizops.planner import Targeting
from bizops.providers.swarm.spec.field_table import DECLARED
from bizops.testing.driving import carry_out, converge, plan_for

from .ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = pytest.mark.integration

FOREIGN = (
    "--label", "foreign=kept", "--container-label", "inner=kept", "--env", "A=1", "--restart-delay", "7s",
    "--dns", "10.0.0.9", "--sysctl", "net.core.somaxconn=1024", "--ulimit", "nofile=100:200",
    "--mount", "type=volume,source=bz-kept,target=/kept,volume-nocopy=true", "--generic-resource", "GPU=1",
    "--placement-pref", "spread=node.labels.kept", "--log-driver", "json-file", "--tty", "--replicas", "0",
)  # fmt: skip
"""Settings that the test does not declare, some of them with no key of ours."""


def _raw(docker: Callable[..., str], name: str) -> dict[str, Any]:
    """Read a service as the engine holds it: the CLI's inspection fills in defaults."""
    import http.client  # noqa: PLC0415
    import socket  # noqa: PLC0415

    class Local(http.client.HTTPConnection):
        def connect(self) -> None:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect("/var/run/docker.sock")

    del docker
    connection = Local("localhost")
    connection.request("GET", f"/v1.41/services/{name}")
    found: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return found


def _create(docker: Callable[..., str], wanted: Resource, *words: str, owner: str) -> None:
    docker(
        "service", "create", "--detach", "--quiet", "--name", wanted.address.name,
        "--label", f"bizops.topology={owner}", *words, str(wanted.spec.image),
    )  # fmt: skip


def test_an_update_changes_the_declared_path_and_not_one_byte_more(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Settings that we have no key for survive, wherever they stand."""
    wanted = service(stop_grace_period="42s")
    _create(docker, wanted, *FOREIGN, owner=scope.topology)
    before = _raw(docker, wanted.address.name)["Spec"]

    converge(live, (wanted,), scope)

    after = _raw(docker, wanted.address.name)["Spec"]
    assert 42_000_000_000 == after["TaskTemplate"]["ContainerSpec"].pop("StopGracePeriod")
    before["TaskTemplate"]["ContainerSpec"].pop("StopGracePeriod", None)
    assert after["Labels"].pop(DECLARED)
    assert before == after


def test_an_untouched_service_is_never_written(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Its Version.Index stays, so the engine's own rollback stays possible."""
    still, moved = service("-a"), service("-b")
    converge(live, (still, moved), scope)
    before = _raw(docker, still.address.name)["Version"]["Index"]

    converge(live, (still, service("-b", environment={"A": 1})), scope)

    assert before == _raw(docker, still.address.name)["Version"]["Index"]


def test_an_index_that_moved_under_an_equal_spec_is_no_conflict(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Swarm moves the index whenever it notes a status, so only another spec is another plan."""
    first = service()
    converge(live, (first,), scope)
    wanted = service(environment={"A": 1})
    plan = plan_for(live, (wanted,), scope)
    raw = _raw(docker, first.address.name)
    live._engine.ask(  # noqa: SLF001 - the same spec once more, as a writer of statuses would
        "POST", f"/services/{raw['ID']}/update", params={"version": raw["Version"]["Index"]}, body=raw["Spec"]
    )  # fmt: skip
    assert raw["Version"]["Index"] != _raw(docker, first.address.name)["Version"]["Index"]

    result = carry_out(live, plan)

    assert result.is_ok, result.outcomes
    assert plan_for(live, (wanted,), scope).is_empty


def test_a_spec_that_moved_since_the_plan_is_left_alone(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """What somebody else wrote meanwhile is not overwritten; the outcome says to plan again."""
    converge(live, (service(),), scope)
    plan = plan_for(live, (service(environment={"A": 1}),), scope)
    docker("service", "update", "--detach", "--quiet", "--env-add", "B=2", service().address.name)

    (outcome,) = carry_out(live, plan).outcomes

    assert Status.FAILED is outcome.status
    assert "changed meanwhile" in outcome.detail
    container = _raw(docker, service().address.name)["Spec"]["TaskTemplate"]["ContainerSpec"]
    assert ["B=2"] == container["Env"]


def test_what_is_written_is_sorted(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """The order of lists makes Swarm restart tasks, so one declaration always gives one order."""
    ports = [int(with_ports(port)) for port in ("PORT_91", "PORT_92")]
    wanted = service(environment={"Z": 1, "A": 2, "M": 3}, ports=[f"{ports[1]}:2", f"{ports[0]}:1"])

    converge(live, (wanted,), scope)

    spec = _raw(docker, wanted.address.name)["Spec"]
    assert ["A=2", "M=3", "Z=1"] == spec["TaskTemplate"]["ContainerSpec"]["Env"]
    assert ports == [port["PublishedPort"] for port in spec["EndpointSpec"]["Ports"]]


def test_a_creation_that_was_done_already_is_done(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """A run that was killed after its write is run again with the same plan."""
    wanted = service(environment={"A": 1})
    plan = plan_for(live, (wanted,), scope)
    converge(live, (wanted,), scope)
    before = _raw(docker, wanted.address.name)["Version"]["Index"]

    (outcome,) = carry_out(live, plan).outcomes

    assert Status.APPLIED is outcome.status
    assert before == _raw(docker, wanted.address.name)["Version"]["Index"]


def test_a_name_that_somebody_took_since_the_plan_is_not_ours(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """A creation never takes over what appeared meanwhile."""
    wanted = service(environment={"A": 1})
    plan = plan_for(live, (wanted,), scope)
    _create(docker, wanted, "--env", "A=1", "--replicas", "0", owner="somebody-else")

    (outcome,) = carry_out(live, plan).outcomes

    assert Status.FAILED is outcome.status


def test_a_service_of_others_is_refused_until_it_is_adopted_and_then_only_labelled(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Adopting writes our service-level labels and nothing else."""
    wanted = service()
    docker(
        "service",
        "create",
        "--detach",
        "--quiet",
        "--name",
        wanted.address.name,
        *FOREIGN,
        str(wanted.spec.image),
    )
    (refusal,) = plan_for(live, (wanted,), scope).refusals
    before = _raw(docker, wanted.address.name)["Spec"]
    adopting = plan_for(live, (wanted,), scope, Targeting(adopt=(str(wanted.address),)))

    result = carry_out(live, adopting)

    assert wanted.address == refusal.address
    assert [Action.UPDATE] == [change.action for change in adopting.changes]
    assert ["restarts nothing"] == [effect.text for effect in adopting.changes[0].effects]
    assert result.is_ok, result.outcomes
    after = _raw(docker, wanted.address.name)["Spec"]
    assert scope.topology == after["Labels"].pop("bizops.topology")
    assert after["Labels"].pop(DECLARED)
    assert before == after
    assert plan_for(live, (wanted,), scope).is_empty


def test_another_mode_replaces_the_service(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Swarm refuses to change the mode, so the plan says that every task goes."""
    converge(live, (service(),), scope)
    wanted = service(
        deploy={"mode": "global", "placement": {"constraints": ["node.labels.nowhere==true"]}}
    )

    (change,) = plan_for(live, (wanted,), scope).changes

    assert Action.REPLACE is change.action
    assert any("RESTARTS every task" in effect.text for effect in change.effects)
    converge(live, (wanted,), scope)
    assert plan_for(live, (wanted,), scope).is_empty


def test_what_carries_our_label_and_is_not_declared_is_unmanaged_until_pruned(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """The label is the proof of ownership; services of others are not even mentioned."""
    kept, stray = service("-a"), service("-b")
    converge(live, (kept, stray), scope)

    plan = plan_for(live, (kept,), scope)

    assert [stray.address] == [observed.address for observed in plan.unmanaged]
    assert carry_out(live, plan_for(live, (kept,), scope, Targeting(prune=True))).is_ok
    assert () == plan_for(live, (kept,), scope).unmanaged


def test_networks_that_an_old_client_kept_beside_the_template_can_be_changed(
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    name: str,
) -> None:
    """Swarm refuses to change them there, so the change moves them into the template."""
    docker("network", "create", "--driver", "overlay", f"{name}-one")
    docker("network", "create", "--driver", "overlay", f"{name}-two")
    wanted = service(networks=[f"{name}-two"])
    live.observe((), scope)
    body = {
        "Name": wanted.address.name,
        "Labels": {"bizops.topology": scope.topology},
        "TaskTemplate": {"ContainerSpec": {"Image": wanted.spec.image}},
        "Mode": {"Replicated": {"Replicas": 0}},
        "Networks": [{"Target": f"{name}-one"}],
    }
    assert live._engine.ask("POST", "/services/create", body=body).is_ok  # noqa: SLF001 - as docker-py writes it
    assert plan_for(live, (service(networks=[f"{name}-one"]),), scope).is_in_force

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty
    docker("service", "rm", wanted.address.name)
