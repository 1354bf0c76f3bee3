"""Whether the swarm has given a network its addresses, and what keeps it from that; pure.

SwarmKit stores a network first and allocates it afterwards: within milliseconds, or, where its subnet is taken or no
range is left, not until that changes, and only the log of the swarm's leader says so (20.10.24). Until then the engine
lists the network without driver, options and ranges (moby `daemon/cluster/convert/network.go`).
"""

from __future__ import annotations

import ipaddress
from itertools import product
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Readiness
from bizops.providers.swarm.compose.network import is_allocated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.swarm.compose.network import Network

Raw = dict[str, Any]
_OWN = "default"
NOT_YET = "the swarm has given it no addresses yet"


def obstacle(spec: Network, name: str, networks: Iterable[Raw]) -> str:
    """Say which network of the swarm has a declared subnet already, or "". Networks of one node do not matter."""
    for raw in networks:
        if raw["Name"] == name or raw.get("Scope") != "swarm":
            continue
        for mine, theirs in overlaps(subnets(spec), _live_subnets(raw)):
            return f"its subnet {mine} overlaps {theirs} of the network {raw['Name']}: the swarm gives it no addresses"
    return ""


def warning(spec: Network, name: str, networks: Mapping[str, Raw]) -> str:
    """Say why no service can join a declared network, or ""."""
    raw = networks.get(name) or {}
    is_of_swarm = raw.get("Scope") == "swarm"
    if raw and spec.external and not is_of_swarm and name not in {"host", "bridge", "none"}:
        return "it is a network of one node only: no service can join it"
    if raw and (found := obstacle(spec, name, networks.values())):
        return found
    return f"{NOT_YET}: no service can join it" if is_of_swarm and not is_allocated(raw) else ""


def readiness(change: Change, action: Action, networks: Sequence[Raw]) -> Readiness:
    """Say whether a network has its addresses, or is gone: a node lets go of it after its last container has left."""
    if action is Action.DELETE:
        there = (change.observed.raw or {}).get("Id") in {raw["Id"] for raw in networks}
        return Readiness(settled=not there, detail="the nodes are leaving it" if there else "")
    assert change.resource is not None  # noqa: S101 - only a deletion has none
    spec: Any = change.resource.spec
    name = spec.name or change.address.name
    if any(raw["Name"] == name and is_allocated(raw) for raw in networks):
        return Readiness(settled=True)
    return Readiness(detail=obstacle(spec, name, networks) or NOT_YET)


def subnets(spec: Network) -> list[str]:
    """Give the declared ranges that the swarm itself gives out, in CIDR notation; another IPAM driver has its own."""
    if spec.ipam is None or (spec.ipam.driver or _OWN) != _OWN:
        return []
    return [pool.subnet for pool in spec.ipam.config or ()]


def overlaps(some: Iterable[str], others: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the pairs of ranges, all in CIDR notation, that have an address in common."""
    for one, other in product(some, list(others)):
        here, there = (ipaddress.ip_network(each, strict=False) for each in (one, other))
        if here.version == there.version and here.overlaps(there):
            yield one, other


def _live_subnets(raw: Raw) -> list[str]:
    ipam = raw.get("IPAM") or {}
    pools = (ipam.get("Config") or ()) if ipam.get("Driver") == _OWN else ()
    return [pool["Subnet"] for pool in pools if pool.get("Subnet")]
