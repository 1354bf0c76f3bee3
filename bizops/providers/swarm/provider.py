"""The live side: one swarm, through one of its managers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.change import Action, Readiness, System
from bizops.provider import DataAtRisk, Observations, Options, never
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.engine import nodes, registry
from bizops.providers.swarm.engine.client import Engine
from bizops.providers.swarm.spec import restart_effects
from bizops.providers.swarm.spec.field_table import UPDATE_STATUS
from bizops.providers.swarm.state import inventory, network_allocation, observation, settling, usage
from bizops.providers.swarm.state.tasks import off_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.change import Outcome, Step
    from bizops.provider import Health, Lease, Scope
    from bizops.providers.swarm.compose.connection import Connection, Settings
    from bizops.resource import Address, Resource

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The services by name, and by service id the tasks on their present spec, or still stopping."""

    services: Mapping[str, Raw] = field(default_factory=dict)
    tasks: Mapping[str, list[Raw]] = field(default_factory=dict)


class Swarm:
    """Implements the provider contract over the engine's HTTP API."""

    def __init__(self, connection: Connection, settings: Settings, options: Options) -> None:
        del settings
        self._expected = connection.expect.cluster_id if connection.expect else ""
        self._engine = Engine(connection, options)
        self._options = options
        self._topology = ""
        self._declared = observation.Declared.of(())
        self._watches: dict[tuple[str, str], settling.Watch] = {}

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read everything in seven requests, and the tasks that ended where some are in doubt.

        Tags are resolved only for what `scope.refresh` names.
        """
        self._topology = scope.topology
        declared = self._declared = observation.Declared.of(resources)
        found = self._inventory(declared, scope)
        resolved = registry.resolve(self._engine, observation.to_resolve(resources, scope))
        system = System(
            "swarm",
            self._engine.label,
            self._engine.version,
            found.cluster,
            expected=bool(self._expected),
            cluster=found.nodes.cluster(),
        )
        return Observations(
            system,
            tuple(observation.observations(declared, found, scope, resolved)),
            (*self._engine.detour, *observation.warnings(declared, found, resolved)),
            context=found,
            bystanders=usage.bystanders(found, declared.shown_services(found, scope)),
        )

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Say that nothing is lost: services, networks and secrets hold no data."""
        return [DataAtRisk(address, needs_consent=False, text="nothing") for address in addresses]

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write over parallel connections; begin to watch what was written."""
        from bizops.providers.swarm.writer import Writer  # noqa: PLC0415 - a plan needs none

        self._engine.connect()
        called = self._declared.networks
        writer = Writer(self._engine, self._topology, called, self._options.parallelism)
        outcomes = writer.write(steps, is_stopped)
        for step in steps:
            self._watches[step.key] = _watch(step)
        return outcomes

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Look once at all services, and once at the tasks of those that are waited for."""
        self._engine.connect()
        kinds = {step.change.address.kind for step in steps if step.change}
        look = self._look(steps) if "service" in kinds else Snapshot()
        networks = self._engine.get("/networks") if "network" in kinds else ()
        return [self._judged(step, look, networks) for step in steps]

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give none: the lock of a topology is kept by RabbitMQ."""
        del topology, holder
        return None

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Give one row for each declared service."""
        from bizops.providers.swarm import health  # noqa: PLC0415 - only `status` needs it

        declared = observation.Declared.of(resources)
        return health.of(declared, self._inventory(declared, scope))

    def close(self) -> None:
        """Give back connections."""
        self._engine.close()

    def _inventory(self, declared: observation.Declared, scope: Scope) -> inventory.Inventory:
        specs = [resource.spec for resource in declared.resources]
        uses_configs = any(isinstance(spec, Service) and spec.configs for spec in specs)
        found = inventory.read(self._engine, declared.networks, with_configs=uses_configs)
        if not found.cluster.startswith(self._expected):
            message = (
                f"{self._engine.label} is swarm {found.cluster}, and {self._expected} is expected"
            )
            remedy = "correct connections.swarm, or its expect: {cluster_id: ...}"
            raise errors.WrongSystemError(message, remedy=remedy)
        found = inventory.with_allocated(self._engine, found, declared.own_networks)
        ours = declared.own_networks | observation.shown_networks(found, scope)
        found = inventory.with_containers(self._engine, found, ours)
        shown = declared.shown_services(found, scope)
        return inventory.with_standings(self._engine, found, shown)

    def _look(self, steps: Sequence[Step]) -> Snapshot:
        listed = self._engine.get("/services", status="true")
        named = {raw["Spec"]["Name"]: raw for raw in listed}
        waited = [named[name] for step in steps if (name := _service_name(step)) in named]
        wanted = {raw["ID"]: True for raw in waited if settling.may_have_tasks(raw)}
        leaves = any(_deletes(step, "service") for step in steps)
        if not wanted and not leaves:
            return Snapshot(named)
        members = nodes.parsed(self._engine.get("/nodes"))
        tasks: dict[str, list[Raw]] = {}
        silent = {node.identity for node in members if not node.is_ready}
        for filters, left_out in (
            ({"service": wanted, "_up-to-date": {"true": True}} if wanted else {}, silent),
            ({"desired-state": {"remove": True}} if leaves else {}, members.down()),
        ):
            found = self._engine.get("/tasks", filters=filters) if filters else ()
            for task in off_nodes(found, left_out):
                tasks.setdefault(task.get("ServiceID", ""), []).append(dict(task))
        return Snapshot(named, tasks)

    def _judged(self, step: Step, look: Snapshot, networks: Sequence[Raw]) -> Readiness:
        if step.change is None or step.change.address.kind == "secret":
            return Readiness(settled=True)
        if step.change.address.kind == "network":
            return network_allocation.readiness(step.change, step.action, networks)
        raw = step.change.observed.raw or {}
        if step.action is Action.DELETE:
            there = any(raw.get("ID") == other["ID"] for other in look.services.values())
            stopping = there or bool(look.tasks.get(raw.get("ID", "")))
            detail = "its tasks are stopping" if stopping else ""
            return Readiness(settled=not stopping, detail=detail)
        return self._service(step, look)

    def _service(self, step: Step, look: Snapshot) -> Readiness:
        service = look.services.get(_service_name(step))
        if service is None:
            return Readiness(failed=True, detail="it was removed meanwhile")
        watch = self._watches.setdefault(step.key, _watch(step))
        tasks = look.tasks.get(service["ID"], [])
        verdict = settling.judge(service, tasks, watch, time.monotonic())
        if not verdict.failed:
            return verdict
        from bizops.providers.swarm import task_failures  # noqa: PLC0415 - rarely needed

        lines = task_failures.lines(self._engine, service)
        return Readiness(failed=True, detail=verdict.detail, lines=lines)


def _deletes(step: Step, kind: str) -> bool:
    change = step.change
    return step.action is Action.DELETE and change is not None and change.address.kind == kind


def _service_name(step: Step) -> str:
    """Give the name of a service that is written; a service has no other name than its key."""
    is_service = step.change is not None and step.change.address.kind == "service"
    return step.change.address.name if step.change and is_service else ""


def _watch(step: Step) -> settling.Watch:
    """Begin to watch: new tasks must prove themselves, and only a new spec has no failures behind it."""
    if step.change is None or step.action is Action.DELETE:
        return settling.Watch(restarts=False)
    if step.is_awaited:
        return settling.Watch(restarts=True, before=None)
    if step.action is Action.CREATE:
        return settling.Watch(restarts=True)
    forced = restart_effects.forcing(step.change.fields)
    is_new_spec = bool(forced) and forced != UPDATE_STATUS
    return settling.Watch(restarts=bool(forced), before=frozenset() if is_new_spec else None)
