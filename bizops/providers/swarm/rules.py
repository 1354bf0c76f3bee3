"""What may change in place, what a declaration refers to, and what is wrong with it offline; pure."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bizops.change import FieldChange
from bizops.provider import IN_PLACE, Finding, Mutability, Reference, Transition, Verdict
from bizops.providers.swarm.compose import engine_names, secret
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.providers.swarm.compose.services import environment
from bizops.providers.swarm.compose.services.deploy import cpus, nano_cpus
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec.field_table import FORCE_UPDATE
from bizops.providers.swarm.state import network_allocation
from bizops.providers.swarm.state.tasks import restarts_of
from bizops.quantity import Size
from bizops.resource import Address, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.providers.swarm.compose.services.deploy import Deploy
    from bizops.resource import Observation


_LEAST_MEMORY = Size(4 * 1024 * 1024)
_LEAST_CPUS = 1_000_000
"""In billionths of a processor."""


def in_place(transition: Transition) -> Verdict:
    """Everything about a service but its mode can be changed in place."""
    del transition
    return IN_PLACE


def by_replacing(transition: Transition) -> Verdict:
    """The mode of a service is fixed (swarmkit `controlapi/service.go`: "service mode change is not allowed")."""
    del transition
    return Verdict(Mutability.REPLACE, why="fixed when the service is created; its tasks stop")


def of_network(transition: Transition) -> Verdict:
    """The engine has no update of networks, and removes none that a service is attached to."""
    users = (transition.observed.raw or {}).get("users") or ()
    if not users:
        return Verdict(Mutability.REPLACE, why="fixed when the network is created")
    verb = "uses" if len(users) == 1 else "use"
    return Verdict(
        Mutability.NEVER,
        why=f"a network cannot be changed, nor removed while {_listed(users)} {verb} it",
        remedies=(
            "declare a network of another name and move the services to it",
            f"keep {'.'.join(transition.path)} as it is",
        ),
    )


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:3])
    return few if len(names) <= 3 else f"{few} and {len(names) - 3} more"  # noqa: PLR2004


def references(resource: Resource, settings: Any) -> Iterator[Reference]:  # noqa: ANN401 - the contract's signature
    """Give what a service uses: its secrets and networks, and the queue that its worker consumes."""
    del settings
    spec = resource.spec
    assert isinstance(spec, Service)  # noqa: S101 - the kind says so
    for reference in spec.secrets or ():
        yield Reference(
            str(Address("swarm", "secret", (reference.source,))), ("secrets", reference.source)
        )
    for name, _ in spec.networks or ():
        yield Reference(str(Address("swarm", "network", (name,))), ("networks", name))
    queue = (spec.variables() or {}).get("QUEUE_NAME")
    if queue and not environment.is_hidden("QUEUE_NAME", queue, spec.sensitive or ()):
        address = Address("rabbitmq", "queue", (queue,))
        yield Reference(str(address), ("environment", "QUEUE_NAME"))


def restart(observed: Observation) -> FieldChange:
    """Give the change that starts the tasks of a service anew, as `docker service update --force` does."""
    number = restarts_of(observed.raw)
    return FieldChange(FORCE_UPDATE, number, number + 1, reason="--restart")


def check(resources: Sequence[Resource], settings: Any) -> Iterator[Finding]:  # noqa: ANN401 - the contract's signature
    """Find what is wrong without asking the engine."""
    del settings
    for resource in resources:
        spec = resource.spec
        if isinstance(spec, Service):
            yield from _service(resource.address, spec)
        elif isinstance(spec, Secret):
            yield from _secret(resource.address, spec)
        if isinstance(spec, (Secret, Network)) and not resource.external:
            yield from _name(resource.address, spec)
    yield from _published_twice(resources)
    yield from _overlapping(resources)


def _name(address: Address, spec: Secret | Network) -> Iterator[Finding]:
    """Judge what the engine would call it: its `name`, or its key."""
    judge = (
        engine_names.secret_problem if isinstance(spec, Secret) else engine_names.network_problem
    )
    if problem := judge(spec.name or address.name):
        yield Finding(address, ("name",) if spec.name else (), problem)


def _service(address: Address, spec: Service) -> Iterator[Finding]:
    if spec.image is None:
        yield Finding(address, ("image",), "missing: a service needs an image")
    variables = spec.variables() or {}
    for name, value in sorted(variables.items()):
        if not name or "=" in name:
            yield Finding(
                address, ("environment", name), "the name of a variable is text without ="
            )
        if host := environment.loopback(name, value):
            problem = (
                f"{host} is the container itself: write the server's name on the overlay network"
            )
            yield Finding(address, ("environment", name), problem)
        if environment.is_exposed(name, value, spec.sensitive or ()):
            problem = "`docker service inspect` shows this value to anyone: put it in secrets"
            yield Finding(address, ("environment", name), problem, is_warning=True)
    yield from _deploy(address, spec)
    for key, targets in (
        ("volumes", [mount.target for mount in (*(spec.volumes or ()), *(spec.tmpfs or ()))]),
        ("secrets", [item.target or item.source for item in spec.secrets or ()]),
        ("configs", [item.target or item.source for item in spec.configs or ()]),
    ):
        for target in _twice(targets):
            yield Finding(address, (key,), f"two things are mounted at {target}")


def _deploy(address: Address, spec: Service) -> Iterator[Finding]:
    """Find what contradicts itself, which the engine refuses (swarmkit `controlapi/service.go`)."""
    deploy = spec.deploy
    if deploy is None:
        return
    yield from _resources(address, deploy)
    for name in ("update_config", "rollback_config"):
        if (deploy.mode or "").endswith("-job") and getattr(deploy, name) is not None:
            problem = f"a job is run again, not updated: leave {name} out"
            yield Finding(address, ("deploy", name), problem)
    if deploy.endpoint_mode == "dnsrr" and any(p.mode == "ingress" for p in spec.ports or ()):
        problem = "a service without a virtual address has no ports in the routing mesh: write mode: host, or vip"
        yield Finding(address, ("deploy", "endpoint_mode"), problem)


def _resources(address: Address, deploy: Deploy) -> Iterator[Finding]:
    """Swarm takes no less than this (swarmkit `controlapi/service.go`, `validateResources`); 0 is no limit."""
    for name in ("limits", "reservations"):
        wanted = getattr(deploy.resources, name, None)
        if wanted is None:
            continue
        path = ("deploy", "resources", name)
        if wanted.memory and wanted.memory < _LEAST_MEMORY:
            problem = f"{wanted.memory} is too little: Swarm takes {_LEAST_MEMORY} at least"
            yield Finding(address, (*path, "memory"), problem)
        if wanted.cpus and 0 < nano_cpus(wanted.cpus) < _LEAST_CPUS:
            problem = f"{wanted.cpus} is too little: Swarm takes {cpus(_LEAST_CPUS)} at least"
            yield Finding(address, (*path, "cpus"), problem)


def _secret(address: Address, spec: Secret) -> Iterator[Finding]:
    """A file that is there already is looked at; one that is not may still come."""
    if not spec.file:
        return
    path = Path(spec.file)
    try:
        size = path.stat().st_size if path.is_file() else 1
    except OSError as error:
        yield Finding(address, ("file",), f"cannot be looked at: {error.strerror}")
        return
    if size >= secret.LARGEST:
        problem = f"{path.name} has {size} bytes, and Swarm stores less than {secret.LARGEST}"
        yield Finding(address, ("file",), problem)


def _published_twice(resources: Sequence[Resource]) -> Iterator[Finding]:
    """Swarm refuses a port that is published twice, unless by two services on the nodes themselves.

    Source: swarmkit `validateEndpointSpec` and `checkPortConflicts`.
    """
    first: dict[tuple[int, str], tuple[Address, str]] = {}
    for resource in resources:
        spec = resource.spec
        mine: set[tuple[int, str]] = set()
        for port in (spec.ports or ()) if isinstance(spec, Service) else ():
            key = (port.published or 0, port.protocol)
            if not port.published:
                continue
            if key in mine:
                problem = f"{port.published}/{port.protocol} is published twice"
                yield Finding(resource.address, ("ports",), problem)
                continue
            mine.add(key)
            other, mode = first.setdefault(key, (resource.address, port.mode))
            if other != resource.address and "ingress" in {mode, port.mode}:
                problem = f"{port.published}/{port.protocol} is published by {other} already"
                yield Finding(resource.address, ("ports",), problem)


def _overlapping(resources: Sequence[Resource]) -> Iterator[Finding]:
    """The swarm gives a range of addresses to one network only."""
    wanted = [
        (r.address, network_allocation.subnets(r.spec))
        for r in resources
        if isinstance(r.spec, Network)
    ]
    for (first, some), (address, others) in combinations(wanted, 2):
        for subnet, taken in network_allocation.overlaps(others, some):
            problem = f"{subnet} overlaps {taken} of {first}: choose another range"
            yield Finding(address, ("ipam", "config"), problem)


def _twice(names: Sequence[str]) -> list[str]:
    return sorted(name for name, number in Counter(names).items() if number > 1)
