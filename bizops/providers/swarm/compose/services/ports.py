"""Published ports: Compose's short and long form, and the engine's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from bizops.providers.swarm.compose.values import Block, Entry, Whole
from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHORT = re.compile(
    r"(?:(?P<published>[0-9]{1,9}):)?(?P<target>[0-9]{1,9})(?:/(?P<protocol>tcp|udp|sctp))?\Z"
)
_RANGE = re.compile(
    r"(?:(?P<published>[0-9]{1,9})-(?P<last_published>[0-9]{1,9}):)?(?P<target>[0-9]{1,9})-(?P<last_target>[0-9]{1,9})"
    r"(?P<protocol>/(?:tcp|udp|sctp))?\Z"
)
_LARGEST = 65535


class Port(Block):
    """One published port."""

    target: Whole = Field(description="Port inside the container.", examples=[80])
    published: Whole | None = Field(
        default=None,
        description="Port on the nodes; left out, the engine picks one.",
        examples=[8080],
    )
    protocol: Literal["tcp", "udp", "sctp"] = Field(default="tcp", description="Transport.")
    mode: Literal["ingress", "host"] = Field(
        default="ingress",
        description="`ingress` through the routing mesh, `host` on each node itself.",
    )

    @model_validator(mode="after")
    def _is_in_range(self) -> Port:
        for port in (self.target, self.published):
            if port is not None and not 0 <= port <= _LARGEST:
                message = f"{port} is not a port: they go from 1 to {_LARGEST}"
                raise ValueError(message)
        if self.target == 0:
            message = "target is the port inside the container, and 0 is none"
            raise ValueError(message)
        return self

    def entry(self) -> Entry:
        """Give the port as one comparable item."""
        raw: dict[str, Any] = {"Protocol": self.protocol, "TargetPort": self.target}
        if self.published:
            raw["PublishedPort"] = self.published
        return observed({**raw, "PublishMode": self.mode})


def observed(raw: Mapping[str, Any]) -> Entry:
    """Read one port of an endpoint spec; the engine's defaults are tcp and ingress."""
    published = raw.get("PublishedPort") or 0
    outside = f"{published}:" if published else ""
    host = " (host)" if raw.get("PublishMode", "ingress") == "host" else ""
    return Entry(f"{outside}{raw['TargetPort']}/{raw.get('Protocol', 'tcp')}{host}", dict(raw))


def published(entries: Iterable[Entry | Secret]) -> frozenset[str]:
    """Give the ports of the routing mesh, which one service of a swarm alone may have, hidden ones among them."""
    shown = (entry.reveal() if isinstance(entry, Secret) else entry for entry in entries)
    raws = (entry.raw for entry in shown if isinstance(entry, Entry))
    return frozenset(
        f"port {raw['PublishedPort']}/{raw.get('Protocol', 'tcp')}"
        for raw in raws
        if raw.get("PublishedPort") and raw.get("PublishMode", "ingress") == "ingress"
    )


def _long_form(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        found = _SHORT.match(str(value))
        if found:
            return {key: held for key, held in found.groupdict().items() if held}
        if re.match(r"[\d.]+:\d+:\d+|\[", str(value)):
            message = "Swarm publishes on every address of a node: write PUBLISHED:TARGET"
        else:
            message = f"{str(value)!r} is not a port: write PUBLISHED:TARGET, TARGET or PUBLISHED:TARGET/udp"
        raise ValueError(message)
    return value


def _without_ranges(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Write each range out as its ports; raises ValueError where its two sides differ in length."""
    if not isinstance(value, (list, tuple)):
        return value
    ports: list[Any] = []
    for item in value:
        found = _RANGE.match(item) if isinstance(item, str) else None
        ports += _range(found) if found else [item]
    return ports


def _range(found: re.Match[str]) -> list[str]:
    first, last = int(found["target"]), int(found["last_target"])
    protocol = found["protocol"] or ""
    if last < first or last > _LARGEST:
        message = f"{found[0]!r} is not a range of ports"
        raise ValueError(message)
    if not found["published"]:
        return [f"{target}{protocol}" for target in range(first, last + 1)]
    outside = int(found["published"])
    if int(found["last_published"]) - outside != last - first:
        message = f"{found[0]!r}: both sides of a range must be equally long"
        raise ValueError(message)
    return [f"{outside + step}:{first + step}{protocol}" for step in range(last - first + 1)]


if TYPE_CHECKING:
    from collections.abc import Iterable

    Ports = tuple[Port, ...]
else:
    Ports = Annotated[
        tuple[
            Annotated[Port, BeforeValidator(_long_form, json_schema_input_type=int | str | Port)],
            ...,
        ],
        BeforeValidator(_without_ranges, json_schema_input_type=list[int | str | Port]),
    ]
