"""A1: what an apply of services, networks and secrets could only fail with is refused or told in the plan."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from bizops.change import Action
from bizops.providers.swarm.compose import engine_names
from bizops.providers.swarm.compose.secret import LARGEST, Secret
from bizops.resource import Address, Resource
from bizops.testing.driving import converge, plan_for
from tests.providers.swarm.ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bizops.provider import Provider, Scope

pytestmark = pytest.mark.integration

Docker = "Callable[..., str]"


def _secret(key: str, **settings: Any) -> Resource:
    context = {"variables": settings.pop("variables", {})}
    spec = Secret.model_validate(settings, context=context)
    return Resource(Address("swarm", "secret", (key,)), spec, external=spec.external)


def test_a1_an_unset_variable_is_refused_where_its_secret_must_be_made_and_only_there(
    live: Provider, scope: Scope, name: str
) -> None:
    # Given one secret that is there and one that is not, and neither variable set by now
    there, missing = f"{name}-there", f"{name}-missing"
    converge(live, [_secret(there, environment="A1_KEY", variables={"A1_KEY": "v"})], scope)
    wanted = [_secret(key, environment="A1_KEY") for key in (there, missing)]

    # When it is planned
    plan = plan_for(live, wanted, scope)

    # Then the missing one is refused, with the variable and the ways out, and the other is fine
    (refusal,) = plan.refusals
    assert refusal.address == Address("swarm", "secret", (missing,))
    assert refusal.field == "environment"
    assert refusal.why.startswith("environment variable A1_KEY is not set")
    assert refusal.remedies[0] == "export A1_KEY=..."
    assert f"--exclude {refusal.address}" in refusal.remedies


def test_a1_every_file_that_no_secret_can_be_made_of_is_refused_at_once(
    live: Provider, scope: Scope, name: str, tmp_path: Path
) -> None:
    # Given files that cannot be read, are too large, empty, or no files
    (tmp_path / "big").write_bytes(b"x" * (LARGEST + 5))
    (tmp_path / "edge").write_bytes(b"x" * LARGEST)
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good").write_bytes(b"x" * (LARGEST - 1))
    files = ("big", "edge", "empty", "folder", "missing", "pipe", "good")
    wanted = [_secret(f"{name}-{file}", file=str(tmp_path / file)) for file in files]

    # When they are planned, which never waits for a pipe
    refusals = plan_for(live, wanted, scope).refusals

    # Then each is refused with its reason but the largest that Swarm stores, which it does store
    said = {
        refusal.address.name.removeprefix(f"{name}-"): refusal.why
        for refusal in refusals
        if refusal.address
    }
    assert said == {
        "big": f"its value has more than {LARGEST} bytes, and Swarm stores less than {LARGEST}",
        "edge": f"its value has {LARGEST} bytes, and Swarm stores less than {LARGEST}",
        "empty": "its value is empty, and Swarm stores no empty secret",
        "folder": f"{tmp_path}/folder is a directory",
        "missing": f"cannot read {tmp_path}/missing: No such file or directory",
        "pipe": f"{tmp_path}/pipe is no regular file",
    }
    assert {refusal.field for refusal in refusals} == {"file"}
    converge(live, [wanted[-1]], scope)


def test_a1_a_config_that_is_not_there_is_refused_where_a_service_is_to_get_it(
    live: Provider, scope: Scope, name: str, service: Callable[..., Resource]
) -> None:
    plan = plan_for(live, [service(configs=[f"{name}-conf"])], scope)

    (refusal,) = plan.refusals
    assert refusal.field == "configs"
    assert refusal.why == f"there is no config {name}-conf in the swarm"
    assert refusal.remedies == (f"docker config create {name}-conf FILE",)


@pytest.mark.parametrize(
    ("theirs", "ours", "is_refused"),
    [
        ("ingress", "ingress", True),
        ("ingress", "host", True),
        ("host", "ingress", True),
        ("host", "host", False),
    ],
)
def test_a1_a_port_that_a_service_of_others_publishes_is_refused_as_the_engine_does(
    live: Provider,
    scope: Scope,
    name: str,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    theirs: str,
    ours: str,
    *,
    is_refused: bool,
) -> None:
    # Given a service that nobody of us made, and its port
    port, other = int(with_ports("PORT_90")), f"{name}-other"
    image = service().spec.image  # type: ignore[attr-defined]
    published = f"published={port},target=80,mode={theirs}"
    made = ("service", "create", "--detach", "--quiet", "--replicas", "0", "--name")
    docker(*made, other, "--publish", published, image, "sleep", "9")
    wanted = service(ports=[{"target": 80, "published": port, "mode": ours}])

    # When a service of ours is to publish the same one
    refusals = plan_for(live, [wanted], scope).refusals

    # Then the plan says what the engine would
    mine = (f"{name}-mine", "--publish", f"published={port},target=80,mode={ours}")
    said = docker(*made, *mine, image, "sleep", "9", check=False)
    assert bool(refusals) == is_refused == (not said)
    if refusals:
        assert refusals[0].why == f"service {other} publishes {port}/tcp already"


def test_a1_what_no_node_can_give_is_a_warning_before_anything_is_written(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    # Given a swarm of one node
    start_first = {"update_config": {"order": "start-first"}}
    port = {"target": 80, "published": int(with_ports("PORT_91")), "mode": "host"}
    unmet = service(
        "-unmet", deploy={"replicas": 1, "placement": {"constraints": ["node.labels.a1==no"]}}
    )
    large = service(
        "-large", deploy={"replicas": 1, "resources": {"reservations": {"memory": "500g"}}}
    )
    stuck = service("-stuck", ports=[port], deploy={"replicas": 1, **start_first})
    everywhere = service("-all", ports=[port], deploy={"mode": "global", **start_first})

    # When services are planned that it has no place for, now or at their first update
    plan = plan_for(live, [unmet, large, stuck, everywhere], scope)

    # Then each has a warning that names the field, and none is refused
    assert not plan.refusals
    assert all(change.action is Action.CREATE for change in plan.changes)
    said = {text.partition(": ")[0].rpartition("-")[2]: text for text in plan.warnings}
    assert "no ready node meets node.labels.a1==no" in said["unmet"]
    assert (
        "deploy.resources.reservations.memory: no node that may run it has 500GiB" in said["large"]
    )
    assert "start-first can never be had" in said["stuck"]
    assert "start-first can never be had" in said["all"]


NAMES = ("a", "a.b", "a-", "a_", "a b", "é")
LONG = tuple("a" * length for length in (63, 64, 65))


@pytest.mark.parametrize("kind", ["network", "secret"])
@pytest.mark.parametrize("end", [*NAMES, *LONG])
def test_a1_names_are_refused_that_the_engine_refuses_and_no_others(
    live: Provider, docker: Callable[..., str], name: str, kind: str, end: str
) -> None:
    """The beginning is this test's own, and as long as the name may be it is cut off the other end."""
    del live
    wanted = f"{name}{end}" if end not in LONG else f"{name}{'a' * 65}"[: len(end)]
    judge = engine_names.network_problem if kind == "network" else engine_names.secret_problem
    if kind == "network":
        made = docker("network", "create", "--driver", "overlay", "--", wanted, check=False)
    else:
        made = docker("secret", "create", "--", wanted, "/etc/hostname", check=False)

    assert bool(judge(wanted)) is not bool(made)


def test_c2_a_job_of_others_in_its_first_run_is_read_like_any_service(
    live: Provider,
    scope: Scope,
    name: str,
    service: Callable[..., Resource],
    docker: Callable[..., str],
) -> None:
    """The engine leaves out the number of that run, which is 0."""
    job = (
        "service",
        "create",
        "--detach",
        "--quiet",
        "--mode",
        "replicated-job",
        "--replicas",
        "0",
    )
    docker(*job, "--name", f"{name}-job", service().spec.image, "true")  # type: ignore[attr-defined]

    plan = plan_for(live, [service()], scope)

    assert not plan.unreadable
    assert plan.is_complete
