"""From an inventory to observations; pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bizops.provider import Scope, is_match
from bizops.providers.swarm.compose import image_references
from bizops.providers.swarm.compose import network as networks
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec.field_table import UPDATE_STATUS
from bizops.providers.swarm.state import (
    inventory,
    last_declared,
    live_settings,
    network_allocation,
    placement,
    update_status,
    usage,
)
from bizops.providers.swarm.state.tasks import is_moving, restarts_of
from bizops.resource import Address, Field, Observation, Presence, Resource, absent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.providers.swarm.engine.registry import Resolved
    from bizops.providers.swarm.state.convergence import Convergence
    from bizops.providers.swarm.state.inventory import Inventory, Raw
    from bizops.providers.swarm.state.usage import Users
    from bizops.resource import Path

PROVIDER = "swarm"


@dataclass(frozen=True, slots=True)
class Declared:
    """The resources of one run, and the names of those whose key the engine does not know them by.

    `_keys` leads from the engine's names to the keys, for each kind.
    """

    resources: tuple[Resource, ...]
    secrets: Mapping[str, str]
    networks: Mapping[str, str]
    _keys: Mapping[str, Mapping[str, str]]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Declared:
        """Look at the resources once."""
        called = {r.address: engine_name(r) for r in resources}
        keys: dict[str, dict[str, str]] = {kind: {} for kind in ("service", "network", "secret")}
        for address, name in called.items():
            keys[address.kind][name] = address.name
        return cls(
            tuple(resources),
            {a.name: name for a, name in called.items() if a.kind == "secret" and name != a.name},
            {a.name: name for a, name in called.items() if a.kind == "network" and name != a.name},
            keys,
        )

    def shown_services(self, found: Inventory, scope: Scope) -> set[str]:
        """Give the names of the live services that the run shows: the declared ones, and those with our label."""
        declared = {engine_name(r) for r in self.resources if isinstance(r.spec, Service)}
        return {
            name
            for name, raw in found.services.items()
            if name in declared or _is_shown("service", name, raw["Spec"], scope)
        }

    def address(self, kind: str, name: str) -> Address:
        """Give the address of what the engine calls so: that of its key where it is declared.

        What bears the key of something else that is declared is told from it by a mark.
        """
        if name in self._keys[kind]:
            return Address(PROVIDER, kind, (self._keys[kind][name],))
        mark = inventory.LIVE if name in self._keys[kind].values() else ""
        return Address(PROVIDER, kind, (name,), digest=mark)

    @property
    def own_networks(self) -> frozenset[str]:
        """Give what the engine calls the networks that are not external."""
        return frozenset(
            engine_name(r) for r in self.resources if isinstance(r.spec, Network) and not r.external
        )

    def renamed(self, spec: Service) -> dict[Path, Any]:
        """Give the settings of a service that name a secret which the engine knows by another name."""
        if any(r.source in self.secrets for r in spec.secrets or ()):
            return spec.file_fields(self.secrets)
        return {}


def engine_name(resource: Resource) -> str:
    """Give what the engine calls a resource: its `name`, or its key."""
    return getattr(resource.spec, "name", None) or resource.address.name


def to_resolve(resources: Sequence[Resource], scope: Scope) -> set[str]:
    """Give the declared tags that this run is to resolve."""
    return {
        resource.spec.image
        for resource in resources
        if isinstance(resource.spec, Service)
        and resource.spec.image
        and _refreshes(resource, scope)
    }


def _refreshes(resource: Resource, scope: Scope) -> bool:
    return any(is_match(str(resource.address), pattern) for pattern in scope.refresh)


def observations(
    declared: Declared, found: Inventory, scope: Scope, resolved: Mapping[str, Resolved]
) -> Iterator[Observation]:
    """Give one observation for each declared resource, then one for each live object with our label."""
    users = usage.users(found, declared.shown_services(found, scope))
    for resource in declared.resources:
        name = engine_name(resource)
        if isinstance(resource.spec, Service):
            raw = found.services.get(name)
            yield _service(resource, raw, declared, found, scope, resolved)
        elif isinstance(resource.spec, Network):
            raw = found.networks.get(name)
            observed = _network(resource.address, raw, users, resource.spec)
            yield replace(observed, notes=tuple(networks.notes(observed, resource.spec)))
        else:
            yield _secret(resource.address, found.secrets.get(name), users)
    yield from _undeclared(declared, found, scope, users)


def _undeclared(
    declared: Declared, found: Inventory, scope: Scope, users: Users
) -> Iterator[Observation]:
    known = {(r.address.kind, engine_name(r)) for r in declared.resources}
    for name, raw in sorted(found.services.items()):
        if ("service", name) not in known and _is_shown("service", name, raw["Spec"], scope):
            address = declared.address("service", name)
            observed = _live_service(address, raw, declared, found, None, {})
            yield _claimed(observed, scope)
    shown = shown_networks(found, scope)
    for name, raw in sorted(found.networks.items()):
        if ("network", name) not in known and name in shown:
            observed = _network(declared.address("network", name), raw, users, None)
            yield _claimed(observed, scope)
    for name, raw in sorted(found.secrets.items()):
        if ("secret", name) not in known and _is_shown("secret", name, raw["Spec"], scope):
            yield _claimed(_secret(declared.address("secret", name), raw, users), scope)


def shown_networks(found: Inventory, scope: Scope) -> frozenset[str]:
    """Give the names of the networks with our label, and of those that we own by name.

    The node's own networks and the routing mesh, which nobody made for services, bear names by chance only.
    """
    return frozenset(
        name
        for name, raw in found.networks.items()
        if _is_ours(raw, scope) or (_is_of_the_swarm(raw) and scope.is_owned("network", name))
    )


def _is_shown(kind: str, name: str, labelled: Mapping[str, Any], scope: Scope) -> bool:
    """True for what carries our label, and for what bears a name that is ours."""
    return _is_ours(labelled, scope) or scope.is_owned(kind, name)


def _is_of_the_swarm(network: Raw) -> bool:
    """True for a network that somebody made for services."""
    return network.get("Scope") == "swarm" and not network.get("Ingress")


def _claimed(observed: Observation, scope: Scope) -> Observation:
    """Say of what bears a name of ours whose label it carries: it is the other topology's until it is adopted."""
    if not observed.owner or observed.owner == scope.topology:
        return observed
    notes = (*observed.notes, f"topology {observed.owner} declares it, too")
    return replace(observed, claims=(observed.owner,), notes=notes)


def _is_ours(labelled: Mapping[str, Any], scope: Scope) -> bool:
    return bool(scope.topology) and inventory.owner(labelled.get("Labels")) == scope.topology


def _service(  # noqa: PLR0913, PLR0917 - everything that one service's picture is made of
    resource: Resource,
    raw: Raw | None,
    declared: Declared,
    found: Inventory,
    scope: Scope,
    resolved: Mapping[str, Resolved],
) -> Observation:
    spec = resource.spec
    assert isinstance(spec, Service)  # noqa: S101 - the caller looked
    refined = declared.renamed(spec)
    image = resolved.get(spec.image or "") if _refreshes(resource, scope) else None
    if image and not image.problem:
        refined["image",] = image.reference
    if raw is None:
        sorted_refined = tuple(sorted(refined.items()))
        return Observation(resource.address, Presence.ABSENT, refined=sorted_refined)
    observed = _live_service(resource.address, raw, declared, found, spec, refined)
    record = last_declared.recorded(raw["Spec"], scope.topology) or {}
    wanted = {**spec.fields(), **dict(observed.refined)}
    called = found.names.called
    fields = last_declared.marked(observed.fields, record, wanted, scope.topology, called)
    return replace(observed, fields=fields)


def _live_service(  # noqa: PLR0913, PLR0917 - everything that one service's picture is made of
    address: Address,
    raw: Raw,
    declared: Declared,
    found: Inventory,
    spec: Service | None,
    refined: Mapping[Path, Any],
) -> Observation:
    stands = found.standings[raw["Spec"]["Name"]]
    fields = live_settings.fields(raw["Spec"], found.names, spec, pinned=("image",) in refined)
    tasks = found.tasks.get(raw["ID"], ())
    former = usage.former_specs(raw, tasks, is_settled=not stands.degraded)
    state = (raw.get("UpdateStatus") or {}).get("State", "")
    if spec and state in update_status.PAUSED and not stands.has_ended_well:
        fields = tuple(
            sorted(
                (*fields, (UPDATE_STATUS, Field(update_status.PAUSED[state], live_settings.ORIGIN)))
            )
        )
        refined = {**refined, UPDATE_STATUS: "completed"}
    return Observation(
        address,
        Presence.PRESENT,
        fields,
        owner=inventory.owner(raw["Spec"].get("Labels")),
        refined=tuple(sorted(refined.items())),
        counts=(
            ("desired", stands.wanted),
            ("running", stands.running),
        ),
        notes=tuple(
            update_status.notes(
                raw,
                is_as_declared=is_as_declared(fields, spec, refined),
                error=stands.error,
            )
            if not (stands.has_ended_well or stands.rollout)
            else ()
        ),
        is_moving=is_moving(raw) and not stands.has_ended_well,
        raw=raw,
        uses=usage.uses(raw["Spec"], dict(fields)["networks",].value, declared.address)
        + usage.former_uses(former, found.names, declared.address),
        former=tuple(pair for each in former for pair in usage.texts(each)),
        degraded=_degraded(address, stands),
        is_stuck=stands.is_over,
        identity=f"{raw['ID']} {restarts_of(raw)}",
    )


def settings(raw: Raw, found: Inventory, spec: Service) -> tuple[tuple[Path, Field], ...]:
    """Give the live settings of a service by path, its image by the tag; what must not be shown is hidden."""
    fields = live_settings.fields(raw["Spec"], found.names, spec, pinned=False)
    owner = inventory.owner(raw["Spec"].get("Labels"))
    record = last_declared.recorded(raw["Spec"], owner) or {}
    return last_declared.marked(fields, record, spec.fields(), owner, found.names.called)


def _degraded(address: Address, stands: Convergence) -> str:
    way = f"; --restart {address} tries again" if stands.is_over else ""
    return f"{stands.degraded}{way}"


def is_as_declared(
    fields: Iterable[tuple[Path, Field]], spec: Service | None, refined: Mapping[Path, Any]
) -> bool:
    """True where every declared setting is live; `refined` gives what some of them mean to the engine."""
    found = dict(fields)
    wanted = {**spec.fields(), **refined} if spec else {}
    return all(path in found and found[path].value == value for path, value in wanted.items())


def _network(address: Address, raw: Raw | None, users: Users, spec: Network | None) -> Observation:
    if raw is None:
        return absent(address)
    fields = tuple(
        sorted((p, Field(v, live_settings.ORIGIN)) for p, v in networks.observed(raw, spec))
    )
    on_it = users.on(raw)
    return Observation(
        address,
        Presence.PRESENT,
        fields,
        owner=inventory.owner(raw.get("Labels")),
        users=users.foreign(raw),
        counts=(("services", len(on_it)),),
        raw={**raw, "users": on_it},
        identity=str(raw["Id"]),
    )


def _secret(address: Address, raw: Raw | None, users: Users) -> Observation:
    if raw is None:
        return absent(address)
    return Observation(
        address,
        Presence.PRESENT,
        owner=inventory.owner(raw["Spec"].get("Labels")),
        users=users.foreign(raw),
        raw=raw,
        identity=str(raw["ID"]),
    )


def warnings(
    declared: Declared, found: Inventory, resolved: Mapping[str, Resolved]
) -> Iterator[str]:
    """Give what a reader should know before anything is written."""
    for name, image in sorted(resolved.items()):
        if image.problem:
            yield f"{name}: its digest could not be found out, so it is compared by tag: {image.problem}"
    for resource in declared.resources:
        name, spec = engine_name(resource), resource.spec
        if isinstance(spec, Service):
            yield from _service_warnings(resource, found)
        elif isinstance(spec, Network) and (
            why := network_allocation.warning(spec, name, found.networks)
        ):
            yield f"{resource.address}: {why}"


def _service_warnings(resource: Resource, found: Inventory) -> Iterator[str]:
    spec = resource.spec
    assert isinstance(spec, Service)  # noqa: S101 - the caller looked
    stands = found.standings.get(engine_name(resource))
    if not (stands and stands.degraded):
        for why in placement.warnings(spec, found.nodes):
            yield f"{resource.address}: {why}"


def tag_of(reference: str) -> str:
    """Give the short name of an image's version: its tag, or the beginning of its digest."""
    try:
        image = image_references.parse(reference)
    except ValueError:
        return reference
    return image.tag or image.digest.removeprefix("sha256:")[:8]
