"""What single keys of a service take, as annotated types: what YAML gives in, one plain form out."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from bizops.providers.swarm.compose import image_references, local_files
from bizops.providers.swarm.compose.services import environment
from bizops.providers.swarm.compose.values import (
    Block,
    Pairs,
    Text,
    Texts,
    list_of,
    whole_number_of,
)

_HOST = re.compile(r"([^\s=:]+)\s*[=:]\s*(?:(host-gateway)|\[?([0-9A-Fa-f.:]+)\]?)\Z")
_BOTH = frozenset({"soft", "hard"})
_UNLIMITED = -1


def capability(name: str) -> str:
    """Give a capability as the engine stores it: `net_admin` is `CAP_NET_ADMIN`, `all` is `ALL`."""
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def _capabilities(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted({capability(name) for name in names}))


def _hosts_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give `NAME:ADDRESS` texts, also from a map; raises ValueError for anything else."""
    if isinstance(value, dict):
        value = [f"{name}:{address}" for name, address in value.items()]
    if not isinstance(value, (list, tuple)):
        return value
    hosts = []
    for item in value:
        found = _HOST.match(str(item))
        if not found:
            message = f"{str(item)!r} is not a host: write NAME:ADDRESS or NAME:host-gateway"
            raise ValueError(message)
        hosts.append(f"{found[1]}:{found[2] or found[3]}")
    return tuple(sorted(set(hosts)))


def _files_of(value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Read the files, the later over the earlier; relative to the topology file where validation knows it."""
    names = list_of(value)
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        message = "env_file is a path or a list of paths"
        raise ValueError(message)
    pairs: dict[str, str] = {}
    for name in names:
        pairs.update(environment.file_pairs(local_files.beside(name, info.context)))
    return tuple(sorted(pairs.items()))


def limit_text(soft: int, hard: int) -> str:
    """Print a limit as the docker CLI writes it: `1024`, or `1024:2048` where the hard one is another."""
    return str(soft) if soft == hard else f"{soft}:{hard}"


def _limits_of(value: Any) -> Any:  # noqa: ANN401 - whatever YAML gives
    """Give each limit as text; raises ValueError for what is neither a number nor `{soft: N, hard: N}`."""
    if not isinstance(value, dict):
        message = "write a map of limits, such as {nofile: {soft: 1024, hard: 2048}}"
        raise ValueError(message)  # noqa: TRY004 - pydantic turns only ValueErrors into faults
    return Pairs(sorted((str(name), _limit_of(str(name), held)) for name, held in value.items()))


def _limit_of(name: str, value: Any) -> str:  # noqa: ANN401 - whatever YAML gives
    if isinstance(value, dict) and set(value) != _BOTH:
        message = f"{name}: write a number, or {{soft: 1024, hard: 2048}}"
        raise ValueError(message)
    both = [value["soft"], value["hard"]] if isinstance(value, dict) else [value, value]
    soft, hard = (whole_number_of(each) for each in both)
    if min(soft, hard) < _UNLIMITED:
        message = f"{name}: a limit is a number, or -1 for none"
        raise ValueError(message)
    if hard != _UNLIMITED and not _UNLIMITED < soft <= hard:
        message = f"{name}: the soft limit {soft} is above the hard one {hard}"
        raise ValueError(message)
    return limit_text(soft, hard)


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        ipaddress.ip_address(value)  # raises a ValueError that says what is wrong
    return values


class CredentialSpec(Block):
    """The account of a Windows container."""

    file: Text | None = Field(default=None, description="File in the engine's own folder.")
    registry: Text | None = Field(default=None, description="Name in the registry of the node.")

    @model_validator(mode="after")
    def _is_one(self) -> CredentialSpec:
        if (self.file is None) == (self.registry is None):
            message = "give exactly one of file: NAME, registry: NAME"
            raise ValueError(message)
        return self


if TYPE_CHECKING:
    Reference = str
    Capabilities = tuple[str, ...]
    Hosts = tuple[str, ...]
    EnvironmentFiles = tuple[tuple[str, str], ...]
    Ulimits = tuple[tuple[str, str], ...]
    Listed = tuple[str, ...]
    Nameservers = tuple[str, ...]
else:
    Reference = Annotated[
        Text,
        AfterValidator(image_references.familiar),
        AfterValidator(lambda text: str(image_references.parse(text))),
    ]
    Capabilities = Annotated[Texts, AfterValidator(_capabilities)]
    Hosts = Annotated[
        tuple[str, ...],
        BeforeValidator(_hosts_of, json_schema_input_type=list[str] | dict[str, str]),
    ]
    EnvironmentFiles = Annotated[
        tuple[tuple[str, str], ...],
        BeforeValidator(_files_of, json_schema_input_type=str | list[str]),
    ]
    Ulimits = Annotated[
        Any,
        BeforeValidator(_limits_of, json_schema_input_type=dict[str, int | str | dict[str, int]]),
    ]
    Listed = Annotated[
        tuple[Text, ...], BeforeValidator(list_of, json_schema_input_type=str | list[str])
    ]
    Nameservers = Annotated[Listed, AfterValidator(_addresses)]
