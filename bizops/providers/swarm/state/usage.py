"""Which live services use which networks, secrets and configs; pure.

The engine refuses to delete what a service uses ("in use by service"), whoever made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.provider import Bystander
from bizops.providers.swarm.spec.structured_fields import Networks
from bizops.providers.swarm.state import inventory
from bizops.providers.swarm.state.tasks import is_of
from bizops.providers.swarm.state.update_status import UNSETTLED
from bizops.resource import Address, Use

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from bizops.providers.swarm.spec.field_codecs import Names, RawSpec
    from bizops.providers.swarm.state.inventory import Inventory, Raw
    from bizops.resource import Path


@dataclass(frozen=True, slots=True)
class Users:
    """Services by the id of what they use: `all` by name, `others` in words, those that this run does not show."""

    all: Mapping[str, tuple[str, ...]]
    others: Mapping[str, tuple[str, ...]]

    def on(self, raw: Raw) -> tuple[str, ...]:
        """Give the names of all services that use an object."""
        return self.all.get(_id(raw), ())

    def foreign(self, raw: Raw) -> tuple[str, ...]:
        """Give the services of others that use it, such as `service web of topology shop`."""
        return self.others.get(_id(raw), ())


def users(found: Inventory, shown: Collection[str]) -> Users:
    """Look at all services once; `shown` are those that the run compares."""
    every: dict[str, list[str]] = {}
    others: dict[str, list[str]] = {}
    for name, raw in sorted(found.services.items()):
        specs = [raw["Spec"], *former_specs(raw, found.tasks.get(raw["ID"], ()))]
        for used in {used: None for s in specs for used in (*networks_of(s), *secrets_of(s))}:
            every.setdefault(used, []).append(name)
            if name not in shown:
                others.setdefault(used, []).append(described(name, raw))
    for network, containers in found.containers.items():
        others.setdefault(network, []).extend(f"container {name}" for name in sorted(containers))
    return Users(_frozen(every), _frozen(others))


def former_specs(raw: Raw, tasks: Sequence[Raw], *, is_settled: bool = True) -> list[RawSpec]:
    """Give the specs of before that tasks of a service still run, and the one that it may be set back to.

    `tasks` are those that are to run. The spec of before does not count where the service has settled without it.
    """
    template = raw["Spec"].get("TaskTemplate") or {}
    templates = (task.get("Spec") or {} for task in tasks)
    found = [{"TaskTemplate": each} for each in templates if not is_of(template, each)]
    state = (raw.get("UpdateStatus") or {}).get("State", "")
    if raw.get("PreviousSpec") and (state in UNSETTLED or not is_settled):
        found.append(raw["PreviousSpec"])
    return found


def uses(
    spec: RawSpec, networks: Sequence[str], address: Callable[[str, str], Address]
) -> tuple[Use, ...]:
    """Give what a service of this spec uses, each with the setting that names it.

    `networks` are by their keys, and by LIVE where an engine's name is the key of another. `address` leads from a kind
    and an engine's name to an address.
    """
    used = []
    for name in networks:
        key, mark, _ = name.partition(f"#{inventory.LIVE}")
        used.append(Use(Address("swarm", "network", (key,), digest=mark[1:]), ("networks",)))
    secrets = secrets_of(spec).values()
    used += [Use(address("secret", name), ("secrets",)) for name in secrets]
    return tuple(sorted(used))


def former_uses(
    specs: Sequence[RawSpec], names: Names, address: Callable[[str, str], Address]
) -> tuple[Use, ...]:
    """Give what specs of before use."""
    found = [
        use._replace(is_former=True)
        for spec in specs
        for use in uses(spec, dict(Networks().observed(spec, names))["networks",], address)
    ]
    return tuple(dict.fromkeys(found))


def bystanders(found: Inventory, shown: Collection[str]) -> tuple[Bystander, ...]:
    """Give the services that the run does not show, with their variables."""
    return tuple(
        Bystander(described(name, raw), tuple(texts(raw["Spec"])))
        for name, raw in sorted(found.services.items())
        if name not in shown
    )


def texts(spec: RawSpec) -> Iterator[tuple[Path, str]]:
    """Give what may name objects of other systems in a service, by path: variables, labels and words of commands."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    for pair in container.get("Env") or ():
        name, _, value = pair.partition("=")
        yield ("environment", name), value
    for name, value in (container.get("Labels") or {}).items():
        yield ("labels", name), value
    health = (container.get("Healthcheck") or {}).get("Test")
    commands = {"command": container.get("Args"), "entrypoint": container.get("Command")}
    for path, words in (*commands.items(), ("healthcheck.test", health)):
        yield from ((tuple(path.split(".")), word) for word in words or ())


def networks_of(spec: RawSpec) -> tuple[str, ...]:
    """Give the ids of the networks that a service is attached to."""
    attached = (spec.get("TaskTemplate") or {}).get("Networks") or spec.get("Networks") or ()
    return tuple(item.get("Target", "") for item in attached)


def secrets_of(spec: RawSpec) -> dict[str, str]:
    """Give the ids and the names of the secrets that a service gets."""
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    return {
        str(each.get("SecretID", "")): str(each.get("SecretName", ""))
        for each in container.get("Secrets") or ()
    }


def described(name: str, raw: Raw) -> str:
    """Name a live service and whose it is: `service web of topology shop`."""
    owner = inventory.owner(raw["Spec"].get("Labels"))
    return f"service {name} of topology {owner}" if owner else f"service {name}"


def _id(raw: Raw) -> str:
    return str(raw.get("ID") or raw.get("Id") or "")


def _frozen(users: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {identity: tuple(names) for identity, names in users.items()}
