"""Which live services use which networks, secrets and configs; pure.

The engine refuses to delete what a service uses ("in use by service"), whoever made it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.provider import Bystander
from bizops.providers.swarm import inventory

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.providers.swarm.inventory import Inventory, Raw
    from bizops.providers.swarm.shapes import RawSpec
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
        for used in (*networks_of(raw["Spec"]), *secrets_of(raw["Spec"])):
            every.setdefault(used, []).append(name)
            if name not in shown:
                others.setdefault(used, []).append(_words(name, raw))
    return Users(_frozen(every), _frozen(others))


def bystanders(found: Inventory, shown: Collection[str]) -> tuple[Bystander, ...]:
    """Give the services that the run does not show, with their variables."""
    return tuple(
        Bystander(_words(name, raw), tuple(_variables(raw["Spec"])))
        for name, raw in sorted(found.services.items())
        if name not in shown
    )


def _variables(spec: RawSpec) -> Iterator[tuple[Path, str]]:
    container = (spec.get("TaskTemplate") or {}).get("ContainerSpec") or {}
    for pair in container.get("Env") or ():
        name, _, value = pair.partition("=")
        yield ("environment", name), value


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


def _words(name: str, raw: Raw) -> str:
    owner = inventory.owner(raw["Spec"].get("Labels"))
    return f"service {name} of topology {owner}" if owner else f"service {name}"


def _id(raw: Raw) -> str:
    return str(raw.get("ID") or raw.get("Id") or "")


def _frozen(users: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {identity: tuple(names) for identity, names in users.items()}
