"""The live side: one swarm, through one of its managers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.change import Action, Readiness, System
from bizops.provider import Observations, Options, Stake
from bizops.providers.swarm import effects, failure, health, inventory, observe, registry, settle
from bizops.providers.swarm.client import Engine
from bizops.providers.swarm.service import Service
from bizops.providers.swarm.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Outcome, Step
    from bizops.provider import Health, Lease, Scope
    from bizops.providers.swarm.connection import Connection, Settings
    from bizops.resource import Address, Resource

Raw = dict[str, Any]


class Swarm:
    """Implements the provider contract over the engine's HTTP API."""

    def __init__(self, connection: Connection, settings: Settings, options: Options) -> None:
        del settings
        self._expected = connection.expect.cluster_id if connection.expect else ""
        self._engine = Engine(connection, options)
        self._options = options
        self._topology = ""
        self._watches: dict[tuple[str, str], settle.Watch] = {}

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read everything in five requests. Tags are resolved only for what `scope.refresh` names."""
        self._topology = scope.topology
        found = self._inventory(resources)
        declared = observe.Declared.of(resources)
        resolved = registry.resolve(self._engine, observe.to_resolve(resources, scope))
        system = System(
            "swarm",
            self._engine.label,
            self._engine.version,
            found.cluster,
            expected=bool(self._expected),
        )
        return Observations(
            system,
            tuple(observe.observations(declared, found, scope, resolved)),
            tuple(observe.warnings(declared, found, resolved)),
        )

    def weigh(self, addresses: Sequence[Address]) -> Sequence[Stake]:
        """Say that nothing is lost: services, networks and secrets hold no data."""
        return [Stake(address, needs_consent=False, text="nothing") for address in addresses]

    def apply(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        """Write over parallel connections; begin to watch what was written."""
        self._engine.connect()
        outcomes = Writer(self._engine, self._topology, self._options.parallelism).write(steps)
        for step in steps:
            self._watches[step.key] = settle.Watch(_replaces_tasks(step))
        return outcomes

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Look at all services, and once at the tasks of those that are waited for."""
        services = [step for step in steps if step.change and step.change.address.kind == "service"]
        if not services:
            return [Readiness(settled=True) for _ in steps]
        listed = {raw["ID"]: raw for raw in self._engine.get("/services", status="true")}
        down = self._nodes_down()
        leaving = self._leaving(down) if any(s.action is Action.DELETE for s in services) else set()
        named = {raw["Spec"]["Name"]: raw for raw in listed.values()}
        waited = [named[name] for step in services if (name := _service_name(step)) in named]
        tasks = self._tasks(waited, down)
        return [
            self._judged(step, listed, named, tasks, leaving)
            if step in services
            else Readiness(settled=True)
            for step in steps
        ]

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give none: the lock of a topology is kept by RabbitMQ."""
        del topology, holder
        return None

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Give one row for each declared service."""
        del scope
        found = self._inventory(resources)
        services = [resource for resource in resources if isinstance(resource.spec, Service)]
        ids = {observe.engine_name(r): found.services.get(observe.engine_name(r)) for r in services}
        tasks: list[Raw] = []
        if any(raw and health.is_short(raw) for raw in ids.values()):
            wanted = {raw["ID"]: True for raw in ids.values() if raw}
            tasks = self._engine.get("/tasks", filters={"service": wanted})
        return health.of(services, found, tasks)

    def close(self) -> None:
        """Give back connections."""
        self._engine.close()

    def _inventory(self, resources: Sequence[Resource]) -> inventory.Inventory:
        uses_configs = any(isinstance(r.spec, Service) and r.spec.configs for r in resources)
        found = inventory.read(self._engine, with_configs=uses_configs)
        if not found.cluster.startswith(self._expected):
            message = (
                f"{self._engine.label} is swarm {found.cluster}, and {self._expected} is expected"
            )
            remedy = "correct connections.swarm, or its expect: {cluster_id: ...}"
            raise errors.WrongSystemError(message, remedy=remedy)
        return found

    def _nodes_down(self) -> set[str]:
        return {
            node["ID"]
            for node in self._engine.get("/nodes")
            if (node.get("Status") or {}).get("State") == "down"
        }

    def _leaving(self, down: set[str]) -> set[str]:
        """Give the ids of removed services whose tasks are still stopping."""
        tasks = self._engine.get("/tasks", filters={"desired-state": {"remove": True}})
        return {task["ServiceID"] for task in settle.on_nodes_that_are_up(tasks, down)}

    def _tasks(self, services: Sequence[Raw], down: set[str]) -> Mapping[str, list[Raw]]:
        """Give the tasks on the present spec of those services that should have some, by service id."""
        wanted = {
            raw["ID"]: True
            for raw in services
            if settle.desired_tasks(raw, ()) or raw.get("JobStatus")
        }
        found: dict[str, list[Raw]] = {raw["ID"]: [] for raw in services}
        if wanted:
            filters = {"service": wanted, "_up-to-date": {"true": True}}
            tasks = self._engine.get("/tasks", filters=filters)
            for task in settle.on_nodes_that_are_up(tasks, down):
                found.setdefault(task["ServiceID"], []).append(dict(task))
        return found

    def _judged(
        self,
        step: Step,
        listed: Mapping[str, Raw],
        named: Mapping[str, Raw],
        tasks: Mapping[str, list[Raw]],
        leaving: set[str],
    ) -> Readiness:
        assert step.change is not None  # noqa: S101 - only those come here
        if step.action is Action.DELETE:
            identity = (step.change.observed.raw or {}).get("ID", "")
            gone = identity not in listed and identity not in leaving
            return Readiness(settled=gone, detail="" if gone else "its tasks are stopping")
        raw = named.get(_service_name(step))
        if raw is None:
            return Readiness(failed=True, detail="it was removed meanwhile")
        watch = self._watches.setdefault(step.key, settle.Watch(_replaces_tasks(step)))
        verdict = settle.judge(raw, tasks.get(raw["ID"], []), watch, time.monotonic())
        if not verdict.failed:
            return verdict
        return Readiness(failed=True, detail=verdict.detail, lines=failure.lines(self._engine, raw))


def _service_name(step: Step) -> str:
    assert step.change is not None  # noqa: S101 - only those are asked
    return step.change.address.name


def _replaces_tasks(step: Step) -> bool:
    """True where new tasks come up because of this step, so that they must prove themselves."""
    if step.change is None or step.action is Action.DELETE:
        return False
    return step.action is Action.CREATE or bool(effects.forcing(step.change.fields))
