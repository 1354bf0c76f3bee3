"""What a creation or change could only fail with, known from what was read; pure but for the files of secrets.

The engine says so in the middle of an apply: a secret without a value, a config that does not exist, a port of the
routing mesh that another service has (swarmkit `controlapi/service.go`, `checkPortConflicts`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.change import Action, Refusal
from bizops.providers.swarm.compose import secret as secrets
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.state import network_allocation
from bizops.providers.swarm.state.observation import engine_name
from bizops.providers.swarm.state.usage import described

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.swarm.state.inventory import Inventory, Raw

    Port = tuple[int, str]

_TAKEN_AWAY = frozenset({Action.DELETE, Action.REPLACE})
_WRITTEN = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE})


def refusals(changes: Sequence[Change], found: Inventory) -> Iterator[Refusal]:
    """Give what stands in the way of these changes."""
    moved = {c.address.name for c in changes if _moves(c)}
    going = {(c.observed.raw or {}).get("Id") for c in changes if c.action in _TAKEN_AWAY}
    for change in changes:
        spec = change.resource.spec if change.resource else None
        if isinstance(spec, secrets.Secret) and change.action in {Action.CREATE, Action.REPLACE}:
            yield from _secret(change, spec)
        elif isinstance(spec, Network) and change.action in {Action.CREATE, Action.REPLACE}:
            yield from _network(change, spec, found.networks, going)
        elif isinstance(spec, Service) and change.action in _WRITTEN:
            yield from _configs(change, spec, found.names.configs)
            yield from _ports(change, spec, found.services, moved)


def _secret(change: Change, spec: secrets.Secret) -> Iterator[Refusal]:
    try:
        secrets.value_of(spec)
    except ValueError as error:
        field = "environment" if spec.environment else "file"
        ways = [f"export {spec.environment}=..."] if spec.environment else []
        ways += ["external: true, where others make it", f"--exclude {change.address}"]
        yield Refusal(change.address, field, str(error), tuple(ways))


def _network(
    change: Change, spec: Network, networks: Mapping[str, Raw], going: Collection[object]
) -> Iterator[Refusal]:
    """Look for who has the addresses already, but for those that this plan takes away."""
    assert change.resource is not None  # noqa: S101 - the caller looked
    stay = [dict(raw) for raw in networks.values() if raw["Id"] not in going]
    if why := network_allocation.obstacle(spec, engine_name(change.resource), stay):
        ways = ("choose another range", f"--exclude {change.address}")
        yield Refusal(change.address, "ipam.config", why, ways)


def _is_written(change: Change, key: str) -> bool:
    return change.action is not Action.UPDATE or any(f.path[0] == key for f in change.fields)


def _configs(change: Change, spec: Service, known: Collection[str]) -> Iterator[Refusal]:
    missing = sorted({item.source for item in spec.configs or ()} - {*known})
    if missing and _is_written(change, "configs"):
        ways = tuple(f"docker config create {name} FILE" for name in missing)
        why = f"there is no config {' and no config '.join(missing)} in the swarm"
        yield Refusal(change.address, "configs", why, ways)


def _ports(
    change: Change, spec: Service, services: Mapping[str, Raw], moved: Collection[str]
) -> Iterator[Refusal]:
    """Compare with the services that stay as they are; those that this plan changes are compared in the file."""
    if not spec.ports or not _is_written(change, "ports"):
        return
    wanted = {(port.published, port.protocol): port.mode for port in spec.ports if port.published}
    for name, raw in sorted(services.items()):
        if name == change.address.name or name in moved:
            continue
        for port, mode in sorted(_published(raw).items()):
            if port in wanted and "ingress" in {mode, wanted[port]}:
                number, protocol = port
                why = f"{described(name, raw)} publishes {number}/{protocol} already"
                ways = ("choose another port", f"take it from service {name} first")
                yield Refusal(change.address, "ports", why, ways)


def _published(raw: Raw) -> dict[Port, str]:
    """Give the ports of a service, those too that the engine chose."""
    listed: list[Mapping[str, Any]] = [
        *((raw["Spec"].get("EndpointSpec") or {}).get("Ports") or ()),
        *((raw.get("Endpoint") or {}).get("Ports") or ()),
    ]
    return {
        (port["PublishedPort"], port.get("Protocol", "tcp")): port.get("PublishMode", "ingress")
        for port in listed
        if port.get("PublishedPort")
    }


def _moves(change: Change) -> bool:
    """True for a service that goes, or whose ports change."""
    is_service = change.address.kind == "service"
    return is_service and (change.action is Action.DELETE or _changes_ports(change))


def _changes_ports(change: Change) -> bool:
    return change.action in _WRITTEN and any(field.path[0] == "ports" for field in change.fields)
