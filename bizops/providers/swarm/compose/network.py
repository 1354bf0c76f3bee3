"""Networks: what a topology may say of them, and what the engine tells. A network cannot be changed, only replaced."""

from __future__ import annotations

import ipaddress
import json
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator, model_validator

from bizops.provider import fixed
from bizops.providers.swarm.compose.external import External, external_of
from bizops.providers.swarm.compose.services.deploy import Labels  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.values import Block, Entry, Text, TextMap, Truth
from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.resource import Observation, Path

HIDDEN = "bizops.hidden"
"""The label of a network with the paths that held a secret when it was created, as JSON: they cannot change either."""


class Pool(Block):
    """One range of addresses."""

    subnet: Text = Field(description="Range in CIDR notation.", examples=["10.20.0.0/22"])
    gateway: Text | None = Field(default=None, description="Address of the gateway.")
    ip_range: Text | None = Field(
        default=None, description="Part of the range that containers get."
    )

    @field_validator("subnet", "ip_range")
    @classmethod
    def _is_a_range(cls, value: str | None) -> str | None:
        if value is not None:
            _range(value)
        return value

    @model_validator(mode="after")
    def _holds_its_parts(self) -> Pool:
        whole = _range(self.subnet)
        if self.gateway is not None and not _is_within(self.gateway, whole):
            message = f"the gateway {self.gateway} is no address of {self.subnet}"
            raise ValueError(message)
        if self.ip_range is not None and not _is_within(self.ip_range, whole):
            message = f"the ip_range {self.ip_range} is no part of {self.subnet}"
            raise ValueError(message)
        return self

    def entry(self) -> Entry:
        """Give it as one comparable item."""
        raw = {"Subnet": self.subnet, "Gateway": self.gateway, "IPRange": self.ip_range}
        kept = {key: value for key, value in raw.items() if value}
        text = self.subnet
        text += f" gateway={self.gateway}" if self.gateway else ""
        return Entry(text + (f" range={self.ip_range}" if self.ip_range else ""), kept)


def _range(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Read CIDR notation as the engine does: without a length it is none, and bits behind the length do not matter."""
    if "/" in text:
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError:
            pass
    message = f"{text} is no range of addresses: write one such as 10.20.0.0/22"
    raise ValueError(message)


def _is_within(text: str, whole: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    try:
        part = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return (
        part.version == whole.version
        and part.network_address in whole
        and part.broadcast_address in whole
    )


class AddressManagement(Block):
    """Who hands out addresses, and from which ranges."""

    driver: Text | None = Field(default=None, description="IPAM driver, `default` where left out.")
    config: tuple[Pool, ...] | None = Field(default=None, description="Ranges of addresses.")


class Network(Block):
    """An overlay network, or one that exists before us."""

    external: External = Field(
        default=False,
        description="It must exist already; it is never created, labelled or deleted.",
    )
    name: Text | None = Field(
        default=None, description="Its name in the engine; the key where left out."
    )
    driver: Text | None = Field(
        default=None, description="Network driver; created as overlay where left out."
    )
    driver_opts: TextMap | None = Field(default=None, description="Options of the driver.")
    attachable: Truth | None = Field(
        default=None, description="Containers outside of Swarm may join it."
    )
    internal: Truth | None = Field(default=None, description="No way out of it.")
    enable_ipv6: Truth | None = Field(default=None, description="Addresses of both kinds.")
    ipam: AddressManagement | None = Field(default=None, description="Ranges of addresses.")
    labels: Labels | None = Field(default=None, description="Labels of the network.")

    _external = model_validator(mode="before")(external_of)

    @model_validator(mode="after")
    def _leaves_an_external_one_alone(self) -> Network:
        others = sorted(self.model_fields_set - {"external", "name"})
        if self.external and others:
            message = f"an external network is not ours to set up: remove {', '.join(others)}"
            raise ValueError(message)
        return self

    def fields(self) -> dict[Path, Any]:
        """Give every managed setting by its path."""
        found = {
            path: v for path, v in super().fields().items() if path[0] not in {"external", "name"}
        }
        if self.ipam and self.ipam.config is not None:
            found["ipam", "config"] = tuple(sorted(pool.entry() for pool in self.ipam.config))
        return found


_CREATED: Mapping[Path, Any] = {
    ("driver",): "overlay",
    ("attachable",): False,
    ("internal",): False,
    ("enable_ipv6",): False,
    ("ipam", "driver"): "default",
}
"""What a network has that was created without the setting."""
_ASSIGNED: frozenset[Path] = frozenset(
    {("ipam", "config"), ("driver_opts", "com.docker.network.driver.overlay.vxlanid_list")}
)
"""What the swarm gives to a network that asks for nothing."""


def notes(found: Observation, spec: Network) -> Iterator[str]:
    """Name what a network was created with and the file does not have: nothing takes that away."""
    if not spec.external:
        live = ((path, field) for path, field in found.fields if path not in _ASSIGNED)
        yield from fixed(live, spec.fields(), _CREATED)


def observed(raw: Mapping[str, Any], declared: Network | None) -> Iterator[tuple[Path, Any]]:
    """Read a live network. What was secret when it was created is hidden, unless the file declares just that now."""
    secret = _recorded((raw.get("Labels") or {}).get(HIDDEN, ""))
    wanted = declared.fields() if declared else {}
    for path, value in _settings(raw, declared):
        is_shown = path not in secret or wanted.get(path) == value
        yield path, value if is_shown else _concealed(value)


def record(hidden: Collection[Path]) -> dict[str, str]:
    """Give the label that says which settings hold secrets; an element of a list stands for all of it."""
    paths = {path[:-1] if path[-1].isdigit() else path for path in hidden}
    return {HIDDEN: json.dumps(sorted(paths), separators=(",", ":"))} if paths else {}


def _recorded(label: str) -> set[Path]:
    try:
        return {tuple(path) for path in json.loads(label)}
    except (ValueError, TypeError, RecursionError):
        return set()


def _concealed(value: Any) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, tuple):
        return tuple(map(_concealed, value))
    return Secret(value) if isinstance(value, str) else value


def _settings(raw: Mapping[str, Any], declared: Network | None) -> Iterator[tuple[Path, Any]]:
    """Read what is there. The engine fills in the gateway of a pool; it is compared only where it is declared.

    One that the swarm has not allocated has no driver and no ranges.
    """
    yield ("attachable",), bool(raw.get("Attachable"))
    yield ("internal",), bool(raw.get("Internal"))
    yield ("enable_ipv6",), bool(raw.get("EnableIPv6"))
    for key, value in (raw.get("Labels") or {}).items():
        if not key.startswith("bizops."):
            yield ("labels", key), value
    if is_allocated(raw):
        yield from _allocated(raw, declared)


def is_allocated(raw: Mapping[str, Any]) -> bool:
    """True where driver, options and ranges of a listed network are what it has, and not merely unknown yet."""
    return bool(raw.get("Driver"))


def _allocated(raw: Mapping[str, Any], declared: Network | None) -> Iterator[tuple[Path, Any]]:
    yield ("driver",), raw["Driver"]
    ipam = raw.get("IPAM") or {}
    yield ("ipam", "driver"), ipam.get("Driver") or "default"
    pools = (
        {pool.subnet: pool for pool in (declared.ipam.config or ())}
        if declared and declared.ipam
        else {}
    )
    yield ("ipam", "config"), tuple(sorted(_pool(pool, pools) for pool in ipam.get("Config") or ()))
    for key, value in (raw.get("Options") or {}).items():
        yield ("driver_opts", key), value


def _pool(raw: Mapping[str, Any], declared: Mapping[str, Pool]) -> Entry:
    subnet = raw.get("Subnet", "")
    wanted = declared.get(subnet)
    gateway = raw.get("Gateway") if wanted is None or wanted.gateway else None
    return Pool(subnet=subnet, gateway=gateway or None, ip_range=raw.get("IPRange") or None).entry()


def written(name: str, spec: Network, labels: Mapping[str, str]) -> dict[str, Any]:
    """Give the body of a creation: an overlay of the whole swarm, unless another driver is named."""
    body: dict[str, Any] = {
        "Name": name,
        "Driver": spec.driver or "overlay",
        "CheckDuplicate": True,
        "Scope": "swarm",
        "Labels": dict(sorted({**dict(spec.labels or ()), **labels}.items())),
        "Options": dict(spec.driver_opts or ()),
        "Attachable": bool(spec.attachable),
        "Internal": bool(spec.internal),
        "EnableIPv6": bool(spec.enable_ipv6),
    }
    if spec.ipam:
        pools = [pool.entry().raw for pool in spec.ipam.config or ()]
        body["IPAM"] = {"Driver": spec.ipam.driver or "default", "Config": pools}
    return body
