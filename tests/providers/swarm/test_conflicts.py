"""Declared settings are checked against what stays on the service (S7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops.testing.driving import converge, plan_for

from .ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Make = Callable[..., Resource]

pytestmark = pytest.mark.integration

JOB = ["--mode", "replicated-job", "--replicas", "0"]
GLOBAL = ["--mode", "global", "--constraint", "node.labels.nowhere==true"]
CASES: dict[str, tuple[list[str], dict[str, Any], str, dict[str, Any]]] = {
    "ports and a live dnsrr": (
        ["--endpoint-mode", "dnsrr"],
        {"ports": [with_ports("PORT_91:80")]},
        "deploy.endpoint_mode dnsrr",
        {"ports": [with_ports("PORT_91:80")], "deploy": {"endpoint_mode": "vip"}},
    ),
    "dnsrr and live ports": (
        ["--publish", with_ports("PORT_92:80")],
        {"deploy": {"endpoint_mode": "dnsrr"}},
        "80/tcp",
        {"ports": [], "deploy": {"endpoint_mode": "dnsrr"}},
    ),
    "a volume where a live tmpfs is": (
        ["--mount", "type=tmpfs,target=/data"],
        {"volumes": ["/data"]},
        "tmpfs /data",
        {"volumes": ["/data"], "tmpfs": []},
    ),
    "a tmpfs where a live volume is": (
        ["--mount", "type=volume,target=/data"],
        {"tmpfs": ["/data"]},
        "volumes /data",
        {"tmpfs": ["/data"], "volumes": []},
    ),
}
IN_VAIN: dict[str, tuple[list[str], dict[str, Any], str]] = {
    "replicas of a live global service": (
        GLOBAL,
        {"deploy": {"replicas": 0}},
        "deploy.mode global",
    ),
    "the update of a live job": (
        JOB,
        {"deploy": {"update_config": {"parallelism": 2}}},
        "deploy.mode replicated-job",
    ),
}


def create(docker: Callable[..., str], scope: Scope, wanted: Resource, words: list[str]) -> None:
    """Create a service of this topology by hand, with settings that the file does not have."""
    mode = [] if "--mode" in words else ["--replicas", "0"]
    docker(
        "service", "create", "--detach", "--quiet", "--name", wanted.address.name,
        "--label", f"bizops.topology={scope.topology}", *mode, *words, wanted.spec.image,
    )  # fmt: skip


@pytest.mark.parametrize("title", CASES)
def test_s7_what_stays_on_the_service_and_contradicts_it_is_refused_with_the_key_to_declare(
    title: str, live: Provider, scope: Scope, service: Make, docker: Callable[..., str]
) -> None:
    words, settings, said, mended = CASES[title]
    wanted = service("-s", **settings)
    create(docker, scope, wanted, words)

    (refusal,) = plan_for(live, (wanted,), scope).refusals

    assert said in refusal.why
    assert "declared nowhere" in refusal.why
    assert any(remedy.startswith("declare ") for remedy in refusal.remedies)
    converge(live, (service("-s", **mended),), scope)


@pytest.mark.parametrize("title", IN_VAIN)
def test_s7_what_the_mode_of_a_live_service_does_not_take_is_refused(
    title: str, live: Provider, scope: Scope, service: Make, docker: Callable[..., str]
) -> None:
    """The engine drops the one and refuses the other."""
    words, settings, said = IN_VAIN[title]
    wanted = service("-s", **settings)
    create(docker, scope, wanted, words)

    (refusal,) = plan_for(live, (wanted,), scope).refusals

    assert said in refusal.why
    assert any("deploy.mode" in remedy for remedy in refusal.remedies)


def test_s7_what_is_taken_away_in_the_same_run_contradicts_nothing(
    live: Provider, scope: Scope, service: Make
) -> None:
    converge(live, (service("-s", deploy={"endpoint_mode": "dnsrr"}),), scope)
    wanted = service("-s", ports=[with_ports("PORT_93:80")])
    converge(live, (wanted,), scope)
    assert plan_for(live, (wanted,), scope).is_empty


@pytest.mark.parametrize("mode", ["ingress", "host"])
def test_s7_a_port_that_a_service_of_others_publishes_is_refused_by_name(
    live: Provider, scope: Scope, service: Make, docker: Callable[..., str], mode: str
) -> None:
    """Also where one of both publishes it on the nodes themselves."""
    port = int(with_ports("PORT_94"))
    other = service("-other")
    docker(
        "service", "create", "--detach", "--quiet", "--name", other.address.name, "--replicas", "0",
        "--publish", f"{port}:80", other.spec.image,
    )  # fmt: skip
    wanted = service("-s", ports=[{"target": 81, "published": port, "mode": mode}])

    (refusal,) = plan_for(live, (wanted,), scope).refusals

    assert refusal.why == f"service {other.address.name} publishes {port}/tcp already"
    converge(live, (service("-s"),), scope)
    (again,) = plan_for(live, (wanted,), scope).refusals
    assert again.why == refusal.why
    docker("service", "rm", other.address.name)
    converge(live, (wanted,), scope)
    assert plan_for(live, (wanted,), scope).is_empty
