"""The service, as Compose spells it: which keys there are, and the settings that follow from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from bizops.providers.swarm.compose.services import environment
from bizops.providers.swarm.compose.services.attached_networks import Attachments  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.services.deploy import Deploy, Labels  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.services.field_types import (  # noqa: TC001 - pydantic reads the annotations
    Capabilities,
    CredentialSpec,
    EnvironmentFiles,
    Hosts,
    Listed,
    Nameservers,
    Reference,
    Ulimits,
)
from bizops.providers.swarm.compose.services.healthcheck import Healthcheck  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.services.mounted_files import FileReferences  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.services.mounts import TmpfsMounts, Volumes  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.services.ports import Ports  # noqa: TC001 - pydantic reads the annotations
from bizops.providers.swarm.compose.values import (
    Block,
    Entry,
    Span,
    Text,
    TextMap,
    Texts,
    Truth,
    Words,
)
from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.resource import Path


class Logging(Block):
    """Where the containers' output goes."""

    driver: Text | None = Field(default=None, description="Log driver.", examples=["json-file"])
    options: TextMap | None = Field(
        default=None, description="Options of that driver.", examples=[{"max-size": "10m"}]
    )


class Service(Block):
    """A Swarm service."""

    image: Reference | None = Field(
        default=None,
        description="Image as repository:tag; its digest is resolved and pinned when it is written.",
    )
    command: Words | None = Field(
        default=None, description="Arguments, in place of the image's CMD."
    )
    entrypoint: Words | None = Field(
        default=None, description="Program, in place of the image's ENTRYPOINT."
    )
    environment: TextMap | None = Field(
        default=None,
        description="Environment variables; owned whole: a live one that is not declared goes.",
    )
    env_file: EnvironmentFiles | None = Field(
        default=None,
        description="Files of NAME=VALUE lines, read with the topology; environment wins over them.",
    )
    sensitive: Texts | None = Field(
        default=None,
        description="Names of further environment variables whose values are never shown.",
    )
    networks: Attachments | None = Field(
        default=None, description="Networks, as a list or with aliases."
    )
    secrets: FileReferences | None = Field(
        default=None, description="Secrets mounted as files beneath /run/secrets."
    )
    configs: FileReferences | None = Field(
        default=None, description="Existing Swarm configs mounted as files."
    )
    volumes: Volumes | None = Field(
        default=None, description="Volumes and binds, [SOURCE:]TARGET[:ro] or long form."
    )
    tmpfs: TmpfsMounts | None = Field(
        default=None, description="Memory mounted at these paths, TARGET[:size=64m]."
    )
    healthcheck: Healthcheck | None = Field(
        default=None, description="How the engine finds out that it works."
    )
    stop_grace_period: Span | None = Field(
        default=None, description="Time between the stop signal and the kill.", examples=["1m"]
    )
    stop_signal: Text | None = Field(
        default=None, description="Signal that asks it to stop.", examples=["SIGTERM"]
    )
    init: Truth | None = Field(default=None, description="Run an init process that reaps zombies.")
    read_only: Truth | None = Field(
        default=None, description="Mount the root file system for reading only."
    )
    user: Text | None = Field(
        default=None, description="User, and group after a colon.", examples=["1000:1000"]
    )
    hostname: Text | None = Field(default=None, description="Host name inside the containers.")
    working_dir: Text | None = Field(
        default=None, description="Working directory.", examples=["/app"]
    )
    labels: Labels | None = Field(
        default=None, description="Labels of the containers; changing them restarts tasks."
    )
    logging: Logging | None = Field(default=None, description="Where the containers' output goes.")
    ports: Ports | None = Field(
        default=None, description="Published ports, PUBLISHED:TARGET or long form."
    )
    cap_add: Capabilities | None = Field(
        default=None, description="Linux capabilities to add.", examples=[["NET_ADMIN"]]
    )
    cap_drop: Capabilities | None = Field(
        default=None, description="Linux capabilities to drop.", examples=[["ALL"]]
    )
    extra_hosts: Hosts | None = Field(
        default=None, description="Lines of /etc/hosts, NAME:ADDRESS or NAME:host-gateway."
    )
    dns: Nameservers | None = Field(
        default=None, description="Name servers, in place of the node's.", examples=[["10.0.0.2"]]
    )
    dns_search: Listed | None = Field(
        default=None, description="Domains in which short names are looked up."
    )
    dns_opt: Listed | None = Field(
        default=None, description="Options of the resolver.", examples=[["ndots:1"]]
    )
    group_add: Texts | None = Field(
        default=None, description="Further groups of the user, by name or number."
    )
    ulimits: Ulimits | None = Field(
        default=None,
        description="Limits of a process: a number, or {soft: 1024, hard: 2048}; -1 is none.",
        examples=[{"nofile": 1024}],
    )
    sysctls: TextMap | None = Field(
        default=None,
        description="Kernel parameters of the container.",
        examples=[{"net.core.somaxconn": 1024}],
    )
    tty: Truth | None = Field(default=None, description="Give it a terminal.")
    stdin_open: Truth | None = Field(default=None, description="Keep its standard input open.")
    isolation: Literal["default", "process", "hyperv"] | None = Field(
        default=None, description="How Windows isolates the containers."
    )
    credential_spec: CredentialSpec | None = Field(
        default=None, description="Account of the containers on Windows."
    )
    deploy: Deploy | None = Field(
        default=None, description="Number of tasks, placement, updates, resources."
    )

    def variables(self) -> dict[str, str] | None:
        """Give the environment with the files beneath it, or None where it is not managed."""
        if self.environment is None and self.env_file is None:
            return None
        return {**dict(self.env_file or ()), **dict(self.environment or ())}

    def fields(self) -> dict[Path, Any]:
        """Give every managed setting by its path, in the form in which live services are read."""
        special = {
            "environment", "env_file", "sensitive", "networks", "secrets", "configs", "volumes", "tmpfs", "ports",
        }  # fmt: skip
        found = {path: value for path, value in super().fields().items() if path[0] not in special}
        for name, value in (self.variables() or {}).items():
            found["environment", name] = environment.shown(name, value, self.sensitive or ())
        if self.networks is not None:
            found["networks",] = tuple(name for name, _ in self.networks)
            for name, attachment in self.networks:
                if attachment.aliases is not None:
                    found["networks", name, "aliases"] = attachment.aliases
        found.update(self.file_fields({}))
        mounts = [*(self.volumes or ()), *(self.tmpfs or ())]
        if self.volumes is not None:
            found["volumes",] = _entries(m.entry() for m in mounts if m.type != "tmpfs")
        if self.tmpfs is not None or any(m.type == "tmpfs" for m in mounts):
            found["tmpfs",] = _entries(m.entry() for m in mounts if m.type == "tmpfs")
        if self.ports is not None:
            found["ports",] = _entries(port.entry() for port in self.ports)
        return found

    def withheld(self) -> tuple[Secret, ...]:
        """Give the values that are listed as sensitive."""
        values = self.variables() or {}
        return tuple(Secret(values[name]) for name in self.sensitive or () if name in values)

    def file_fields(self, called: Mapping[str, str]) -> dict[Path, Any]:
        """Give the secrets and configs by path; `called` leads from the key of a secret to another name."""
        found: dict[Path, Any] = {}
        if self.secrets is not None:
            found["secrets",] = _entries(
                item.entry("Secret", called.get(item.source, item.source)) for item in self.secrets
            )
        if self.configs is not None:
            found["configs",] = _entries(item.entry("Config", item.source) for item in self.configs)
        return found


def _entries(entries: Any) -> tuple[Entry, ...]:  # noqa: ANN401 - any iterable of entries
    return tuple(sorted(entries))
