"""All that one read of a swarm gives, as raw JSON: five requests, whatever the number of services."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.allocation import is_allocated
from bizops.providers.swarm.shapes import Names, RawSpec
from bizops.providers.swarm.table import OWNER

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.providers.swarm.client import Engine

Raw = dict[str, Any]
_LOOKS, _PAUSE = 10, 0.1
"""At networks that are not allocated: how often, and the seconds between."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """The swarm's id, and its objects by name. `names` leads from names to ids."""

    cluster: str
    services: Mapping[str, Raw]
    networks: Mapping[str, Raw]
    secrets: Mapping[str, Raw]
    names: Names


def read(engine: Engine, called: Mapping[str, str], *, with_configs: bool) -> Inventory:
    """Read everything. `called` leads from the keys of networks to their names where those differ.

    Raises a ProviderError where the engine is no manager or refuses.
    """
    engine.connect()
    with ThreadPoolExecutor(max_workers=4) as pool:
        swarm = pool.submit(engine.get, "/swarm")
        services = pool.submit(engine.get, "/services", status="true")
        networks = pool.submit(engine.get, "/networks")
        secrets = pool.submit(engine.get, "/secrets")
        cluster = str(swarm.result().get("ID", ""))
        listed = networks.result()
        return Inventory(
            cluster,
            {raw["Spec"]["Name"]: raw for raw in services.result()},
            _by_name(listed),
            {raw["Spec"]["Name"]: raw for raw in secrets.result()},
            names(engine, called, listed, secrets.result(), with_configs=with_configs),
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
    )


def _by_key(ids: dict[str, str], called: Mapping[str, str]) -> dict[str, str]:
    """Give the ids with a key in place of each name that has one; a network that bears a key's name has none."""
    taken = {key: ids[name] for key, name in called.items() if name in ids}
    hidden = {*called, *called.values()}
    return {**{name: found for name, found in ids.items() if name not in hidden}, **taken}


def _by_name(networks: Sequence[Raw]) -> dict[str, Raw]:
    """Give the networks by name; of two with one name the swarm's own counts, for a task can only join that."""
    ranked = sorted(networks, key=lambda raw: (raw.get("Scope") == "swarm", raw.get("Id", "")))
    return {raw["Name"]: raw for raw in ranked}


def network_users(services: Mapping[str, Raw]) -> dict[str, tuple[str, ...]]:
    """Give the names of the services on each network, by its id."""
    users: dict[str, list[str]] = {}
    for name, raw in sorted(services.items()):
        spec: RawSpec = raw["Spec"]
        attached = (spec.get("TaskTemplate") or {}).get("Networks") or spec.get("Networks") or ()
        for item in attached:
            users.setdefault(item.get("Target", ""), []).append(name)
    return {identity: tuple(found) for identity, found in users.items()}


def owner(labels: Mapping[str, str] | None) -> str:
    """Give the topology that an object's labels name, or ""."""
    return (labels or {}).get(OWNER, "")
