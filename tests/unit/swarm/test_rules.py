"""What is wrong with a declaration, what it refers to, and what a change does to tasks: all without an engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from bizops.change import Action, Change, FieldChange
from bizops.providers.swarm import rules
from bizops.providers.swarm.compose import engine_names
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec import restart_effects
from bizops.resource import Address, Observation, Presence, Resource

if TYPE_CHECKING:
    from pathlib import Path

    from bizops.resource import Path as FieldPath


def _service(name: str = "w", /, **settings: Any) -> Resource:
    spec = Service.model_validate({"image": "a:1", **settings})
    return Resource(Address("swarm", "service", (name,)), spec)


def _findings(*resources: Resource) -> list[tuple[str, str, bool]]:
    return [(".".join(f.path), f.problem, f.is_warning) for f in rules.check(resources, None)]


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("localhost", "localhost"), ("127.0.0.1:5672", "127.0.0.1"), ("kafka:9092,127.1.2.3:9093", "127.1.2.3"),
        ("amqp://u:p@localhost:5672/", "localhost"), ("http://[::1]:80", "::1"), ("LOCALHOST:1", "LOCALHOST"),
        ("rabbitmq", ""), ("mylocalhost", ""), ("localhost.corp", ""), ("10.127.0.0.1", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_loopback_address_in_the_environment_is_a_fault(value: str, host: str) -> None:
    """Inside a container it is the container itself."""
    found = [
        problem
        for _, problem, warns in _findings(_service(environment={"HOST": value}))
        if not warns
    ]

    assert bool(host) is bool(found)
    assert all(problem.startswith(host) for problem in found)
    assert all(warns for _, _, warns in _findings(_service(environment={"NO_PROXY": value})))


def _network(name: str, *pools: Any) -> Resource:
    spec = Network.model_validate({"ipam": {"config": pools}})
    return Resource(Address("swarm", "network", (name,)), spec)


@pytest.mark.parametrize(
    ("some", "others", "problem"),
    [
        (["10.1.0.0/16"], ["10.1.2.0/24"], "10.1.2.0/24 overlaps 10.1.0.0/16 of swarm.network/a"),
        (["10.1.0.9/24"], ["10.2.0.0/24", "10.1.0.0/24"], "10.1.0.0/24 overlaps 10.1.0.9/24 of swarm.network/a"),
        (["fd00::/8"], ["fd01::/64"], "fd01::/64 overlaps fd00::/8 of swarm.network/a"),
        (["10.1.0.0/24"], ["10.1.1.0/24", "fd00::/64"], ""),
        ([], [], ""),
    ],
)  # fmt: skip
def test_two_networks_cannot_have_one_address(
    some: list[str], others: list[str], problem: str
) -> None:
    """The swarm takes both and gives the second nothing."""
    first, second = (
        _network(name, *({"subnet": subnet} for subnet in subnets))
        for name, subnets in (("a", some), ("b", others))
    )

    found = [text for _, text, _ in _findings(first, second)]

    assert found == ([f"{problem}: choose another range"] if problem else [])


def test_an_ipam_driver_of_somebody_else_gives_out_ranges_of_its_own() -> None:
    ipam = {"driver": "acme", "config": [{"subnet": "10.1.0.0/16"}]}
    spec = Network.model_validate({"ipam": ipam})
    theirs = Resource(Address("swarm", "network", ("theirs",)), spec)

    assert not _findings(theirs, _network("a", {"subnet": "10.1.0.0/16"}))


@pytest.mark.parametrize(
    ("pool", "problem"),
    [
        ({"subnet": "banana"}, "banana is no range of addresses"),
        ({"subnet": "10.1.0.0"}, "10.1.0.0 is no range of addresses"),
        ({"subnet": "10.1.0.0/33"}, "10.1.0.0/33 is no range of addresses"),
        ({"subnet": "10.1.0.0/24", "ip_range": "10.1.0.5"}, "10.1.0.5 is no range of addresses"),
        ({"subnet": "10.1.0.0/24", "ip_range": "10.1.0.0/23"}, "is no part of 10.1.0.0/24"),
        ({"subnet": "10.1.0.0/24", "gateway": "10.1.1.1"}, "is no address of 10.1.0.0/24"),
        ({"subnet": "10.1.0.0/24", "gateway": "fd00::1"}, "is no address of 10.1.0.0/24"),
        ({"subnet": "10.1.0.0/24", "gateway": "first"}, "is no address of 10.1.0.0/24"),
    ],
)
def test_a_range_that_the_engine_would_refuse_is_a_fault(
    pool: dict[str, str], problem: str
) -> None:
    with pytest.raises(ValidationError, match=re.escape(problem)):
        _network("a", pool)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"deploy": {"mode": "replicated-job", "update_config": {"parallelism": 2}}}, "deploy.update_config"),
        ({"deploy": {"mode": "global-job", "rollback_config": {"delay": "1s"}}}, "deploy.rollback_config"),
        ({"deploy": {"endpoint_mode": "dnsrr"}, "ports": ["80:80"]}, "deploy.endpoint_mode"),
        ({"deploy": {"endpoint_mode": "dnsrr"}, "ports": [{"target": 80, "mode": "host"}]}, ""),
        ({"deploy": {"mode": "replicated-job"}, "ports": ["80:80"]}, ""),
    ],
)  # fmt: skip
def test_what_the_engine_would_refuse_is_found_offline(
    settings: dict[str, Any], field: str
) -> None:
    """Two settings that contradict each other are a fault before anything is asked."""
    assert ([field] if field else []) == [path for path, _, _ in _findings(_service(**settings))]


def test_a_secret_in_plain_sight_is_a_warning_without_its_value() -> None:
    """The name of a file that holds it is none."""
    spec = _service(
        environment={"DB_PASS": "s3cret", "DB_PASS_FILE": "/run/secrets/db", "X_TOKEN": ""}
    )

    ((path, problem, is_warning),) = _findings(spec)

    assert ("environment.DB_PASS", True) == (path, is_warning)
    assert "docker service inspect" in problem
    assert "s3cret" not in problem


def test_what_swarm_would_refuse_is_found_early(tmp_path: Path) -> None:
    """No image, two mounts at one place, a port published twice, a secret that is too large."""
    (tmp_path / "big").write_bytes(b"x" * 512_000)
    big = Resource(
        Address("swarm", "secret", ("s",)), Secret.model_validate({"file": str(tmp_path / "big")})
    )
    imageless = Resource(Address("swarm", "service", ("i",)), Service())
    twice = _service("t", volumes=["a:/x"], tmpfs="/x")
    one, two = _service("one", ports=["80:1"]), _service("two", ports=["80:2", "81:3"])

    found = _findings(big, imageless, twice, one, two)

    assert ["file", "image", "volumes", "ports"] == [path for path, _, _ in found]
    assert "swarm.service/one" in found[-1][1]


def test_s7_a_port_is_published_once_but_by_two_services_on_the_nodes() -> None:
    """Of one service the engine counts both ways as one (tried on 20.10)."""
    node = {"target": 80, "published": 8080, "mode": "host"}
    mesh = {**node, "mode": "ingress"}
    one, two = _service("one", ports=[node]), _service("two", ports=[node])
    assert _findings(one, two) == []
    assert [path for path, _, _ in _findings(one, _service("two", ports=[mesh]))] == ["ports"]
    both = _findings(_service("one", ports=[node, {**mesh, "target": 81}]))
    assert [problem for _, problem, _ in both] == ["8080/tcp is published twice"]
    assert _findings(_service("one", ports=["53:53/udp", "53:53/tcp"])) == []


@pytest.mark.parametrize(
    ("kind", "name", "is_fine"),
    [
        ("service", "a" * 63, True), ("service", "a" * 64, False), ("service", "agent-orders_1", True),
        ("service", "-a", False), ("service", "a.b", False), ("service", "a b", False), ("service", "", False),
        ("secret", "a.b-c_d", True), ("secret", "a" * 65, False), ("secret", "a/b", False),
        ("network", "dokploy-network", True), ("network", "a b", False), ("network", "a.b", False),
        ("network", "a-", False), ("network", "a" * 64, False), ("network", "a" * 62 + "!", False),
    ],
)  # fmt: skip
def test_names_that_the_engine_refuses_are_told(kind: str, name: str, *, is_fine: bool) -> None:
    """The rules are swarmkit's; no name takes long to judge."""
    judge = getattr(engine_names, f"{kind}_problem")

    assert is_fine is (judge(name) == "")


def test_a1_the_name_in_the_engine_is_judged_and_not_the_key() -> None:
    called = Resource(Address("swarm", "network", ("a.b",)), Network.model_validate({"name": "a"}))
    plain = Resource(Address("swarm", "network", ("a.b",)), Network())
    badly = Resource(Address("swarm", "network", ("a",)), Network.model_validate({"name": "a.b"}))

    assert not _findings(called)
    assert [""] == [path for path, _, _ in _findings(plain)]
    assert ["name"] == [path for path, _, _ in _findings(badly)]


@pytest.mark.parametrize(
    ("resources", "paths"),
    [
        ({"limits": {"memory": "1m", "cpus": "0.0001"}}, ["limits.memory", "limits.cpus"]),
        ({"reservations": {"memory": "4095k"}}, ["reservations.memory"]),
        ({"limits": {"memory": "4m", "cpus": "0.001"}}, []),
        ({"limits": {"memory": 0, "cpus": 0}}, []),
    ],
)
def test_a1_less_than_swarm_takes_is_found_early(
    resources: dict[str, Any], paths: list[str]
) -> None:
    found = _findings(_service(deploy={"resources": resources}))

    assert [f"deploy.resources.{path}" for path in paths] == [path for path, _, _ in found]


def test_a1_a_port_of_the_mesh_and_of_a_node_is_published_twice() -> None:
    """Two services may publish the same one on their nodes."""
    host = {"target": 1, "published": 80, "mode": "host"}
    mesh, node, other = (
        _service("a", ports=["80:1"]),
        _service("b", ports=[host]),
        _service("c", ports=[host]),
    )

    assert ["ports", "ports"] == [path for path, _, _ in _findings(mesh, node, other)]
    assert not _findings(node, other)


def test_a_service_refers_to_its_secrets_its_networks_and_its_queue() -> None:
    """The queue's address is encoded as every address is."""
    spec = _service(secrets=["s"], networks=["n"], environment={"QUEUE_NAME": "a/b:c"})

    found = {(r.address, r.path) for r in rules.references(spec, None)}

    assert {
        ("swarm.secret/s", ("secrets", "s")),
        ("swarm.network/n", ("networks", "n")),
        ("rabbitmq.queue/a%2Fb%3Ac", ("environment", "QUEUE_NAME")),
    } == found


def _effects(raw: dict[str, Any], *fields: tuple[FieldPath, Any, Any]) -> list[str]:
    observed = Observation(Address("swarm", "service", ("w",)), Presence.PRESENT, raw={"Spec": raw})
    changed = tuple(FieldChange(path, before, after) for path, before, after in fields)
    change = Change(observed.address, Action.UPDATE, _service(), observed, changed)
    return [effect.text for effect in restart_effects.of_service(change)]


SECOND = 1_000_000_000
SIX = {
    "Mode": {"Replicated": {"Replicas": 6}},
    "UpdateConfig": {
        "Parallelism": 2, "Delay": 30 * SECOND, "Monitor": 5 * SECOND, "Order": "start-first",
    },
}  # fmt: skip
IMAGE = (("image",), "a:1", "a:2")
GOES_ON = (
    "RESTARTS those of 6 tasks that do not run this spec yet (forced by update_status), "
    "2 at a time, start-first, 5 s at least"
)


@pytest.mark.parametrize(
    ("raw", "fields", "told"),
    [
        (SIX, [IMAGE], ["RESTARTS 6 of 6 tasks (forced by image), 2 at a time, start-first, 65 s at least"]),
        ({}, [IMAGE], ["RESTARTS 1 of 1 task (forced by image), one task, stop-first, 5 s at least"]),
        (
            {"Mode": {"Replicated": {"Replicas": 3}}, "UpdateConfig": {}},
            [IMAGE, (("environment", "A"), "1", "2")],
            ["RESTARTS 3 of 3 tasks (forced by image and environment), all at once, stop-first, 5 s at least"],
        ),
        (SIX, [(("deploy", "replicas"), 6, 8)], ["restarts nothing, starts 2 tasks"]),
        (SIX, [(("deploy", "replicas"), 6, 5)], ["restarts nothing, stops 1 task"]),
        (
            SIX,
            [IMAGE, (("deploy", "replicas"), 6, 2)],
            ["RESTARTS 2 of 6 tasks (forced by image), all at once, start-first, 5 s at least", "stops 4 tasks"],
        ),
        (SIX, [(("deploy", "labels", "a"), None, "b")], ["restarts nothing"]),
        (SIX, [(("bizops.topology",), None, "t")], ["restarts nothing"]),
        (
            SIX,
            [IMAGE, (("deploy", "replicas"), 6, 7), (("deploy", "update_config", "parallelism"), 2, 6)],
            ["RESTARTS 6 of 6 tasks (forced by image), all at once, start-first, 5 s at least", "starts 1 task"],
        ),
        (
            SIX,
            [(("deploy", "placement", "constraints"), (), ("node.role==worker",))],
            ["restarts only tasks on nodes that no longer fit (deploy.placement)"],
        ),
        (
            SIX,
            [(("deploy", "placement", "max_replicas_per_node"), 0, 2), (("deploy", "replicas"), 6, 7)],
            [
                "restarts nothing: it counts for tasks that are placed from now on (deploy.placement)",
                "starts 1 task",
            ],
        ),
        (
            SIX,
            [(("deploy", "placement", "preferences"), (), ("spread=node.labels.a",)), IMAGE],
            ["RESTARTS 6 of 6 tasks (forced by deploy.placement and image), 2 at a time, start-first, 65 s at least"],
        ),
        (
            {**SIX, "UpdateStatus": {"State": "paused"}},
            [(("deploy", "labels", "a"), None, "b"), (("update_status",), "paused", "completed")],
            [
                GOES_ON
            ],
        ),
        (
            {"Mode": {"ReplicatedJob": {"TotalCompletions": 2}}},
            [(("deploy", "labels", "a"), None, "b")],
            ["RESTARTS every task: any change runs a job again (forced by deploy.labels)"],
        ),
        (
            {"Mode": {"Replicated": {"Replicas": 0}}},
            [(("ports",), (), ("80/tcp",))],
            ["restarts nothing: it has no tasks (forced by ports)"],
        ),
        (
            {"Mode": {"Replicated": {"Replicas": 20}}, "UpdateConfig": {"Parallelism": 1, "Delay": 10_000_000_000}},
            [IMAGE],
            ["RESTARTS 20 of 20 tasks (forced by image), one at a time, stop-first, 3 min at least"],
        ),
    ],
)  # fmt: skip
def test_the_effect_says_what_restarts_why_and_how(
    raw: dict[str, Any], fields: list[Any], told: list[str]
) -> None:
    """The update settings that count are those that will be in force."""
    assert told == _effects(raw, *fields)
