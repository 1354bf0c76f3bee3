"""All that one read of a swarm gives, as raw JSON: seven requests, whatever the number of services.

Where a node is not ready, or the engine's own numbers do not say that all runs, or a task came up a moment ago, the
tasks that ended are one more.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.compose.network import is_allocated
from bizops.providers.swarm.engine import nodes
from bizops.providers.swarm.engine.nodes import Nodes
from bizops.providers.swarm.spec.field_codecs import Names
from bizops.providers.swarm.spec.field_table import OWNER
from bizops.providers.swarm.state import convergence
from bizops.providers.swarm.state.tasks import is_moving

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.providers.swarm.engine.client import Engine
    from bizops.providers.swarm.state.convergence import Convergence

Raw = dict[str, Any]
_LOOKS, _PAUSE = 10, 0.1
"""At networks that are not allocated: how often, and the seconds between."""
_SECOND_LOOKS, _LONGER_PAUSE = 4, 0.25
"""At services that fall short."""
_LOOKS_AFTER_ELECTION = 28
_TASK = "com.docker.swarm.task.id"
"""The label of a container that a service made."""
LIVE = "live"
"""Marks the address of an object whose name in the engine is the key of another one in the file."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The swarm's id, and its objects by name. `names` leads from names to ids.

    `tasks` are those that are to run, by the id of their service. `containers` are those that no service made, by the
    id of the network of ours that they joined. `standings` are those of the services that were asked for, by name.
    """

    cluster: str
    services: Mapping[str, Raw]
    networks: Mapping[str, Raw]
    secrets: Mapping[str, Raw]
    names: Names
    nodes: Nodes = field(default_factory=Nodes)
    tasks: Mapping[str, Sequence[Raw]] = field(default_factory=dict)
    containers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    standings: Mapping[str, Convergence] = field(default_factory=dict)


def read(engine: Engine, called: Mapping[str, str], *, with_configs: bool) -> Inventory:
    """Read everything. `called` leads from the keys of networks to their names where those differ.

    Raises a ProviderError where the engine is no manager or refuses.
    """
    engine.connect()
    with ThreadPoolExecutor(max_workers=6) as pool:
        swarm = pool.submit(engine.get, "/swarm")
        services = pool.submit(engine.get, "/services", status="true")
        networks = pool.submit(engine.get, "/networks")
        secrets = pool.submit(engine.get, "/secrets")
        members = pool.submit(engine.get, "/nodes")
        tasks = pool.submit(engine.get, "/tasks", filters={"desired-state": {"running": True}})
        cluster = str(swarm.result().get("ID", ""))
        listed = networks.result()
        return Inventory(
            cluster,
            _by_spec_name(services.result()),
            _by_name(listed),
            _by_spec_name(secrets.result()),
            names(engine, called, listed, secrets.result(), with_configs=with_configs),
            nodes.parsed(members.result()),
            _by_service(tasks.result()),
        )


def with_allocated(engine: Engine, found: Inventory, wanted: Collection[str]) -> Inventory:
    """Look at the networks of these names again, for a second at most, while the swarm has yet to allocate them.

    One that was made a moment ago would look as if its settings were others. What lasts is to be shown.
    """
    for _ in range(_LOOKS):
        if all(is_allocated(raw) for name, raw in found.networks.items() if name in wanted):
            break
        time.sleep(_PAUSE)
        found = replace(found, networks=_by_name(engine.get("/networks")))
    return found


def with_containers(engine: Engine, found: Inventory, ours: Collection[str]) -> Inventory:
    """Find the containers on these networks, which the engine does not delete while one is there.

    It tells those of its own node alone, and the swarm tells of none.
    """
    joined = [
        raw["Id"] for name, raw in found.networks.items() if name in ours and raw.get("Attachable")
    ]
    if not joined:
        return found
    answer = engine.ask("GET", "/containers/json", params={"filters": {"network": joined}})
    containers: dict[str, list[str]] = {}
    for raw in (answer.body or ()) if answer.is_ok else ():
        if _TASK not in (raw.get("Labels") or {}):
            name = (raw.get("Names") or [raw["Id"]])[0].strip("/")
            for network in ((raw.get("NetworkSettings") or {}).get("Networks") or {}).values():
                containers.setdefault(network["NetworkID"], []).append(name)
    return replace(found, containers=containers)


def with_standings(engine: Engine, found: Inventory, wanted: Collection[str]) -> Inventory:
    """Find out how these services stand, by name; look again for a second at most while one falls short.

    A task that is being replaced is no trouble. What falls short in every look is. After an election no node is
    known to be ready until it has reported to the new leader, some 5 s later (tried on 28.5): that is waited for.
    """
    standings = _standings(engine, found, _doubtful(engine, found, wanted))
    standings = {**_told(found, wanted), **standings}
    for look in range(_LOOKS_AFTER_ELECTION):
        short = [name for name, each in standings.items() if each.lasts]
        is_elected = not any(node.state == nodes.UNKNOWN for node in found.nodes)
        if is_elected and (not short or look >= _SECOND_LOOKS):
            break
        time.sleep(_LONGER_PAUSE)
        services = _by_spec_name(engine.get("/services", status="true"))
        found = replace(found, nodes=nodes.parsed(engine.get("/nodes")))
        again = short if is_elected else wanted
        standings |= _standings(engine, replace(found, services=services), again)
    return replace(found, standings=standings)


def _told(found: Inventory, wanted: Collection[str]) -> dict[str, Convergence]:
    """Give how the services stand by the engine's own numbers."""
    return {
        name: convergence.told(found.services[name]) for name in wanted if name in found.services
    }


def _doubtful(engine: Engine, found: Inventory, wanted: Collection[str]) -> list[str]:
    """Give the services of which the engine's own numbers do not say that all is well."""
    # The engine counts what it still stops on a node that was drained.
    are_ready = all(node.takes_tasks for node in found.nodes)
    return [
        name
        for name in wanted
        if (raw := found.services.get(name))
        and not (are_ready and convergence.is_told(raw, found.tasks.get(raw["ID"], ()), engine.now))
    ]


def _standings(engine: Engine, found: Inventory, wanted: Collection[str]) -> dict[str, Convergence]:
    """Count all tasks of these services, those that ended too."""
    services = [found.services[name] for name in sorted(wanted) if name in found.services]
    if not services:
        return {}
    listed = engine.get("/tasks", filters={"service": {raw["ID"]: True for raw in services}})
    tasks, current = _by_service(listed), _current(engine, services)
    return {
        raw["Spec"]["Name"]: convergence.counted(
            raw, tasks.get(raw["ID"], ()), found.nodes, engine.now, current
        )
        for raw in services
    }


def _current(engine: Engine, services: Sequence[Raw]) -> frozenset[str]:
    """Give the ids of the tasks on the present spec, of the services that are moving: the engine knows it best."""
    moving = {raw["ID"]: True for raw in services if is_moving(raw)}
    if not moving:
        return frozenset()
    filters = {"service": moving, "_up-to-date": {"true": True}}
    return frozenset(task["ID"] for task in engine.get("/tasks", filters=filters))


def _by_service(listed: Sequence[Raw]) -> dict[str, list[Raw]]:
    tasks: dict[str, list[Raw]] = {}
    for task in listed:
        tasks.setdefault(task.get("ServiceID", ""), []).append(task)
    return tasks


def names(
    engine: Engine,
    called: Mapping[str, str],
    networks: Sequence[Raw] | None = None,
    secrets: Sequence[Raw] | None = None,
    *,
    with_configs: bool,
) -> Names:
    """Give the ids of what services refer to; reads what is not given. Networks go by their keys, see `read`."""
    networks = engine.get("/networks") if networks is None else networks
    secrets = engine.get("/secrets") if secrets is None else secrets
    configs = engine.get("/configs") if with_configs else []
    return Names(
        _by_key({name: raw["Id"] for name, raw in _by_name(networks).items()}, called),
        {raw["Spec"]["Name"]: raw["ID"] for raw in secrets},
        {raw["Spec"]["Name"]: raw["ID"] for raw in configs},
        called,
    )


def _by_key(ids: dict[str, str], called: Mapping[str, str]) -> dict[str, str]:
    """Give the ids with a key in place of each name that has one; what bears the key of another is told by LIVE."""
    taken = {key: ids[name] for key, name in called.items() if name in ids}
    others = {name: found for name, found in ids.items() if name not in called.values()}
    marked = {f"{name}#{LIVE}" if name in called else name: found for name, found in others.items()}
    return {**marked, **taken}


def _by_spec_name(listed: Sequence[Raw]) -> dict[str, Raw]:
    return {raw["Spec"]["Name"]: raw for raw in listed}


def _by_name(networks: Sequence[Raw]) -> dict[str, Raw]:
    """Give the networks by name; of two with one name the swarm's own counts, for a task can only join that."""
    ranked = sorted(networks, key=lambda raw: (raw.get("Scope") == "swarm", raw.get("Id", "")))
    return {raw["Name"]: raw for raw in ranked}


def owner(labels: Mapping[str, str] | None) -> str:
    """Give the topology that an object's labels name, or ""."""
    return (labels or {}).get(OWNER, "")
