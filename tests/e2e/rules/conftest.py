"""What the three servers hold, as their own clients tell it: nothing of bizops is asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import docker
import pytest
from confluent_kafka.admin import AdminClient

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS, FAILS = ["sleep", "infinity"], ["sh", "-c", "exit 7"]

Raw = dict[str, Any]
Object = tuple[str, str]
"""Kind and name in its server."""


@dataclass
class World:
    """What the servers hold whose name begins with a tag, as their own clients tell it."""

    services: dict[str, Raw]
    tasks: dict[str, list[Raw]]
    objects: dict[Object, str]
    networks: dict[str, str] = field(default_factory=dict)

    def uses(self, template: Raw) -> set[Object]:
        """Give what a task template names: secrets, networks, and queues and topics in variables."""
        container = template.get("ContainerSpec") or {}
        found = {("secret", each["SecretName"]) for each in container.get("Secrets") or ()}
        for each in template.get("Networks") or ():
            found.add(("network", self.networks.get(each["Target"], each["Target"])))
        values = [pair.partition("=")[2] for pair in container.get("Env") or ()]
        found |= {("queue", value) for value in values} | {("topic", value) for value in values}
        return found

    def running(self, name: str) -> list[Raw]:
        """Give the tasks of a service that run and are to."""
        states = [(t["Status"]["State"], t["DesiredState"], t) for t in self.tasks.get(name, ())]
        return [task for *state, task in states if state == ["running", "running"]]


class Servers:
    """The clients of the three servers themselves."""

    def __init__(self, bootstrap: str, management: Callable[..., Any]) -> None:
        self.engine = docker.APIClient(timeout=60)
        self.kafka = AdminClient({"bootstrap.servers": bootstrap})
        self.rabbitmq = management

    def world(self, tag: str) -> World:
        """Look at everything of this test."""
        networks = {each["Id"]: each["Name"] for each in self.engine.networks()}
        services = {each["Spec"]["Name"]: each for each in self.engine.services()}
        named = {each["ID"]: name for name, each in services.items() if name.startswith(tag)}
        tasks: dict[str, list[Raw]] = {}
        for task in self.engine.tasks({"service": list(named)}) if named else ():
            tasks.setdefault(named.get(task["ServiceID"], ""), []).append(task)
        queues = self.rabbitmq("GET", "queues/%2F?columns=name")
        objects = {("service", name): each["ID"] for name, each in services.items()}
        objects |= {("secret", s["Spec"]["Name"]): s["ID"] for s in self.engine.secrets()}
        objects |= {("network", name): identity for identity, name in networks.items()}
        objects |= {("queue", queue["name"]): "" for queue in queues}
        objects |= {("topic", name): "" for name in self.kafka.list_topics(timeout=30).topics}
        return World(
            {name: services[name] for name in named.values()},
            tasks,
            {thing: identity for thing, identity in objects.items() if thing[1].startswith(tag)},
            networks,
        )


def file_of(side: Raw, bootstrap: str) -> str:
    """Write a side of a case as a topology file; what it does not declare no service of it names."""
    services = {f"TAG-{name}": _service(each, side) for name, each in side["services"].items()}
    swarm: Raw = {"services": services}
    if side["pw"]:
        swarm["secrets"] = {"pw": {"environment": "VALUE", "name": f"TAG-pw-{side['pw']}"}}
    if side["net"]:
        swarm["networks"] = {"net": {"name": f"TAG-net-{side['net']}"}}
    return json.dumps(
        {
            "bizops": 1,
            "name": "TAG",
            "connections": {"kafka": {"bootstrap.servers": bootstrap}, "swarm": {}},
            "rabbitmq": {
                "owns": {"queues": ["TAG_*"]},
                "queues": {f"TAG_{name}": {} for name in side["queues"]},
            },
            "kafka": {
                "owns": {"topics": ["TAG.*"]},
                "topics": {"TAG.t": {"partitions": 1, "replication_factor": 1}}
                if side["topic"]
                else {},
            },
            "swarm": swarm,
        }
    )


def _service(each: Raw, side: Raw) -> Raw:
    reads = ""
    if each["reads"] and each["reads"] in side["queues"]:
        reads = f"TAG_{each['reads']}"
    elif each["reads"] == "t" and side["topic"]:
        reads = "TAG.t"
    return {
        "image": "PLACEHOLDER:1",
        "command": FAILS if each["fails"] else RUNS,
        "stop_signal": "SIGKILL",
        "environment": {"READS": reads},
        "secrets": ["pw"] if each["secret"] and side["pw"] else [],
        "networks": ["net"] if each["network"] and side["net"] else [],
        "deploy": {
            "replicas": 1,
            "restart_policy": {"delay": "1s"},
            "update_config": {"monitor": "1s", "failure_action": each["action"]},
            "rollback_config": {"monitor": "500ms"},
        },
    }


def is_completed(service: Raw) -> bool:
    return (service.get("UpdateStatus") or {}).get("State") == "completed"


@dataclass
class Rules:
    """The three rules over one case, with what the servers hold before and after."""

    tag: str
    case: Raw

    @property
    def theirs(self) -> str:
        return f"{self.tag}-theirs"

    def file(self, side: Raw, bootstrap: str) -> str:
        return file_of(side, bootstrap)

    def check_nothing_was_taken(self, before: World, after: World) -> None:
        """Rule 2: no user of what is gone is left, and what a service needs that failed is there."""
        gone = before.objects.keys() - after.objects.keys()
        if self.case["hand"] == "queue":
            gone -= {("queue", f"{self.tag}_{name}") for name in self.case["old"]["queues"]}
        after.networks = before.networks | after.networks
        for name, service in after.services.items():
            templates = [service["Spec"]["TaskTemplate"]]
            templates += [task["Spec"] for task in after.running(name)]
            used = set().union(*map(after.uses, templates))
            if name == self.theirs:  # a name in a variable is no use that an engine knows of
                used = {each for each in used if each[0] in {"secret", "network"}}
            assert not used & gone, name
        for name, each in self.case["new"]["services"].items():
            had = before.services.get(f"{self.tag}-{name}")
            has = after.services.get(f"{self.tag}-{name}")
            # Swarm calls an update completed where it hears of a failure too late, and then nobody can know.
            if each["fails"] and had and has and not is_completed(has):
                assert not before.uses(had["Spec"]["TaskTemplate"]) & gone, name

    def check_nothing_foreign_is_gone(self, before: World, after: World) -> None:
        """Rule 3: what others made is there, and is the same."""
        names = {self.theirs, f"{self.tag}_claimed"}
        foreign = {thing: each for thing, each in before.objects.items() if thing[1] in names}
        assert len(foreign) >= len(names)
        assert foreign.items() <= after.objects.items()

    def check_that_all_runs(self, found: World, side: Raw) -> None:
        """Rule 1: what a plan calls converged runs as it is declared, and nothing of ours is left besides."""
        tag = self.tag
        wanted = {("queue", f"{tag}_{name}") for name in side["queues"]}
        wanted |= {("service", f"{tag}-{name}") for name in side["services"]}
        wanted |= {("topic", f"{tag}.t")} if side["topic"] else set()
        wanted |= {("secret", f"{tag}-pw-{side['pw']}")} if side["pw"] else set()
        wanted |= {("network", f"{tag}-net-{side['net']}")} if side["net"] else set()
        names = {self.theirs, f"{tag}_claimed"}
        assert wanted == {thing for thing in found.objects if thing[1] not in names}
        for name, each in side["services"].items():
            (task,) = found.running(f"{tag}-{name}")
            container = task["Spec"]["ContainerSpec"]
            assert [*container.get("Command", ()), *container.get("Args", ())] == RUNS
            assert not each["fails"]
            uses = {kind for kind, _ in found.uses(task["Spec"])}
            assert ("secret" in uses) is bool(each["secret"] and side["pw"])
            assert ("network" in uses) is bool(each["network"] and side["net"])


@pytest.fixture
def own_clients(shop: Any, management: Callable[..., Any]) -> Servers:
    """Give the servers' own clients."""
    return Servers(shop.addresses.bootstrap, management)


@pytest.fixture
def rules(tag: str) -> Callable[[Raw], Rules]:
    """Give the rules over a case."""
    return lambda case: Rules(tag, case)
