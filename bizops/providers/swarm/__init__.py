"""The Docker Swarm provider: networks, secrets and services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.provider import Definition, Kind, Options
from bizops.providers.swarm import derived_changes, rules
from bizops.providers.swarm.compose import engine_names
from bizops.providers.swarm.compose.advice import NEAR_NAMES
from bizops.providers.swarm.compose.connection import Connection, Settings
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.providers.swarm.compose.services import ports
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec import restart_effects
from bizops.providers.swarm.spec.field_table import WHOLE
from bizops.providers.swarm.versions import VERSIONS
from bizops.resource import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider

__all__ = ["DEFINITION"]


def _address(kind: str) -> Callable[[str, Any, Any], Address]:
    return lambda name, _spec, _settings: Address("swarm", kind, (name,))


def _connect(connection: Connection, settings: Settings, options: Options) -> Provider:
    from bizops.providers.swarm.provider import Swarm  # noqa: PLC0415 - only a live run needs it

    return Swarm(connection, settings, options)


def _service_summary(spec: Service, _named: Address) -> str:
    replicas = spec.deploy.replicas if spec.deploy else None
    mode = (spec.deploy.mode if spec.deploy else None) or "replicated"
    tasks = 1 if replicas is None else replicas
    many = (
        f"{tasks} {'replica' if tasks == 1 else 'replicas'}"
        if mode.startswith("replicated")
        else mode
    )
    command = f", runs {' '.join(spec.command)}" if spec.command else ""
    return f"{many} of {spec.image}{command}"


def _network_summary(spec: Network, _named: Address) -> str:
    words = [spec.driver or "overlay"]
    words += [name for name in ("attachable", "internal") if getattr(spec, name)]
    return ", ".join(words)


def _secret_summary(spec: Secret, _named: Address) -> str:
    source = f"environment variable {spec.environment}" if spec.environment else f"file {spec.file}"
    return f"from {source}"


DEFINITION = Definition(
    name="swarm",
    kinds=(
        Kind(
            "swarm",
            "network",
            "networks",
            Network,
            _address("network"),
            {"": rules.of_network},
            _network_summary,
            adoption_problem="the labels of a network cannot be changed",
            is_external=lambda spec: bool(spec.external),
        ),
        Kind(
            "swarm",
            "secret",
            "secrets",
            Secret,
            _address("secret"),
            {"": rules.in_place},
            _secret_summary,
            is_external=lambda spec: bool(spec.external),
        ),
        Kind(
            "swarm",
            "service",
            "services",
            Service,
            _address("service"),
            {"": rules.in_place, "deploy.mode": rules.by_replacing},
            _service_summary,
            whole=WHOLE,
            mentions=frozenset({"environment", "command", "entrypoint", "labels", "healthcheck"}),
            passed_on=frozenset({"environment"}),
            groups=frozenset({"networks"}),
            restart=rules.restart,
            exclusive=lambda fields: ports.published(fields.get(("ports",)) or ()),
            references=rules.references,
            effects=restart_effects.of_service,
            name_problem=engine_names.service_problem,
        ),
    ),
    connection=Connection,
    settings=Settings,
    connect=_connect,
    check=rules.check,
    derive=derived_changes.derive,
    near_names=NEAR_NAMES,
    versions=VERSIONS,
)
