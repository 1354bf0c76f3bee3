"""Every setting of a service that we manage, and where the engine keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.compose import image_references
from bizops.providers.swarm.compose.services import (
    deploy,
    generic_resources,
    mounted_files,
    mounts,
    ports,
)
from bizops.providers.swarm.compose.services.field_types import capability
from bizops.providers.swarm.spec.field_codecs import (
    SAME,
    Codec,
    Entries,
    Names,
    Scalar,
    Shape,
    TextMapping,
)
from bizops.providers.swarm.spec.structured_fields import Environment, Mode, Networks, Ulimits
from bizops.quantity import Duration, Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OWNER = "bizops.topology"
"""The service-level label that names the topology; on tasks it would restart them."""

DECLARED = "bizops.declared"
"""The service-level label that holds the paths which were declared last (`last_declared`)."""

WHOLE = frozenset({"environment", "logging"})
"""Owned whole: a live key that nobody declares goes, as soon as one is declared."""

HANDED_OVER = frozenset({("deploy", "mode"), ("deploy", "replicas")})
"""What somebody else may own as soon as the file says nothing: an autoscaler, say. Never reset."""

UPDATE_STATUS = ("update_status",)
"""A paused update as a difference: no setting, but the same spec written once more goes on with it."""

FORCE_UPDATE = ("force_update",)
"""The number that `docker service update --force` counts up: the same tasks once more."""

_NANOSECONDS = 1_000_000
"""In a millisecond."""
_FIVE_SECONDS = Duration(5000)


def _hosts(lines: Sequence[str]) -> tuple[str, ...]:
    """Read `ADDRESS NAME [NAME...]` lines as NAME:ADDRESS."""
    words = [line.split() for line in lines]
    return tuple(sorted({f"{name}:{line[0]}" for line in words for name in line[1:]}))


def _host_lines(hosts: Sequence[str]) -> list[str]:
    pairs = [host.partition(":") for host in hosts]
    return [f"{address} {name}" for name, _, address in pairs]


def _preferences(raw: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(f"spread={(item.get('Spread') or {}).get('SpreadDescriptor', '')}" for item in raw)


def _spread(preferences: Sequence[str]) -> list[dict[str, Any]]:
    descriptors = [text.removeprefix("spread=") for text in preferences]
    return [{"Spread": {"SpreadDescriptor": descriptor}} for descriptor in descriptors]


def _with_secret_id(item: dict[str, Any], names: Names) -> dict[str, Any]:
    return {**item, "SecretID": _identity("secret", item["SecretName"], names.secrets)}


def _with_config_id(item: dict[str, Any], names: Names) -> dict[str, Any]:
    return {**item, "ConfigID": _identity("config", item["ConfigName"], names.configs)}


def _identity(kind: str, name: str, known: Mapping[str, str]) -> str:
    if name not in known:
        message = f"{kind} {name} does not exist"
        raise LookupError(message)
    return known[name]


_WORDS = Codec(tuple, list)
_SORTED = Codec(lambda raw: tuple(sorted(raw)), list)
_IMAGE = Codec(image_references.familiar, str)
_DURATION = Codec(
    lambda raw: Duration(raw // _NANOSECONDS), lambda value: int(value) * _NANOSECONDS
)
# An explicit 0 is not kept by the engine: it means the default.
_MONITOR = Codec(lambda raw: Duration(raw // _NANOSECONDS) or _FIVE_SECONDS, _DURATION.write)
_SIZE = Codec(Size, int)
_PROCESSORS = Codec(deploy.cpus, deploy.nano_cpus)
_CAPABILITIES = Codec(lambda raw: tuple(sorted({capability(name) for name in raw})), list)
_CONSTRAINTS = Codec(
    lambda raw: tuple(sorted({deploy.live_constraint(text) for text in raw})),
    list,
)
_HOSTS = Codec(_hosts, _host_lines)
_PREFERENCES = Codec(_preferences, _spread)


def _at(path: str, raw: str, default: Any, codec: Codec = SAME, **more: Any) -> Scalar:  # noqa: ANN401 - any setting
    return Scalar(tuple(path.split(".")), tuple(raw.split(".")), default, codec, **more)


def _updates(path: str, raw: str) -> tuple[Scalar, ...]:
    return (
        _at(f"{path}.parallelism", f"{raw}.Parallelism", 1, unset=0, restarts=False),
        _at(f"{path}.delay", f"{raw}.Delay", Duration(0), _DURATION, restarts=False),
        _at(f"{path}.failure_action", f"{raw}.FailureAction", "pause", restarts=False),
        _at(f"{path}.monitor", f"{raw}.Monitor", _FIVE_SECONDS, _MONITOR, restarts=False),
        _at(
            f"{path}.max_failure_ratio",
            f"{raw}.MaxFailureRatio",
            0.0,
            Codec(float, float),
            restarts=False,
        ),
        _at(f"{path}.order", f"{raw}.Order", "stop-first", restarts=False),
    )


_T = "TaskTemplate"
_C = "TaskTemplate.ContainerSpec"

SHAPES: tuple[Shape, ...] = (
    _at("image", f"{_C}.Image", "", _IMAGE),
    _at("command", f"{_C}.Args", (), _WORDS),
    _at("entrypoint", f"{_C}.Command", (), _WORDS),
    _at("user", f"{_C}.User", ""),
    _at("hostname", f"{_C}.Hostname", ""),
    _at("working_dir", f"{_C}.Dir", ""),
    _at("stop_signal", f"{_C}.StopSignal", ""),
    _at("stop_grace_period", f"{_C}.StopGracePeriod", Duration(10_000), _DURATION),
    _at("init", f"{_C}.Init", None),  # `init` of a node's daemon.json may be true
    _at("read_only", f"{_C}.ReadOnly", default=False),
    _at("cap_add", f"{_C}.CapabilityAdd", (), _CAPABILITIES),
    _at("cap_drop", f"{_C}.CapabilityDrop", (), _CAPABILITIES),
    _at("extra_hosts", f"{_C}.Hosts", (), _HOSTS),
    _at("dns", f"{_C}.DNSConfig.Nameservers", (), _WORDS),
    _at("dns_search", f"{_C}.DNSConfig.Search", (), _WORDS),
    _at("dns_opt", f"{_C}.DNSConfig.Options", (), _WORDS),
    _at("group_add", f"{_C}.Groups", (), _SORTED),
    _at("tty", f"{_C}.TTY", default=False),
    _at("stdin_open", f"{_C}.OpenStdin", default=False),
    _at("isolation", f"{_C}.Isolation", "default"),
    _at("credential_spec.file", f"{_C}.Privileges.CredentialSpec.File", ""),
    _at("credential_spec.registry", f"{_C}.Privileges.CredentialSpec.Registry", ""),
    TextMapping(("sysctls",), ("TaskTemplate", "ContainerSpec", "Sysctls")),
    Ulimits(),
    _at("healthcheck.test", f"{_C}.Healthcheck.Test", (), _WORDS),
    _at("healthcheck.interval", f"{_C}.Healthcheck.Interval", Duration(0), _DURATION),
    _at("healthcheck.timeout", f"{_C}.Healthcheck.Timeout", Duration(0), _DURATION),
    _at("healthcheck.retries", f"{_C}.Healthcheck.Retries", 0),
    _at("healthcheck.start_period", f"{_C}.Healthcheck.StartPeriod", Duration(0), _DURATION),
    _at("healthcheck.start_interval", f"{_C}.Healthcheck.StartInterval", Duration(0), _DURATION),
    TextMapping(("labels",), ("TaskTemplate", "ContainerSpec", "Labels")),
    Environment(),
    Networks(),
    Entries(
        ("secrets",),
        ("TaskTemplate", "ContainerSpec", "Secrets"),
        lambda item: mounted_files.observed("Secret", item),
        resolve=_with_secret_id,
    ),
    Entries(
        ("configs",),
        ("TaskTemplate", "ContainerSpec", "Configs"),
        lambda item: mounted_files.observed("Config", item),
        resolve=_with_config_id,
    ),
    Entries(
        ("volumes",),
        ("TaskTemplate", "ContainerSpec", "Mounts"),
        mounts.observed,
        lambda item: not mounts.is_tmpfs(item),
    ),
    Entries(
        ("tmpfs",),
        ("TaskTemplate", "ContainerSpec", "Mounts"),
        mounts.observed,
        mounts.is_tmpfs,
    ),
    Entries(("ports",), ("EndpointSpec", "Ports"), ports.observed),
    _at("logging.driver", f"{_T}.LogDriver.Name", None),
    TextMapping(("logging", "options"), ("TaskTemplate", "LogDriver", "Options")),
    _at("deploy.endpoint_mode", "EndpointSpec.Mode", "vip"),
    _at("deploy.restart_policy.condition", f"{_T}.RestartPolicy.Condition", "any"),
    _at("deploy.restart_policy.delay", f"{_T}.RestartPolicy.Delay", _FIVE_SECONDS, _DURATION),
    _at("deploy.restart_policy.max_attempts", f"{_T}.RestartPolicy.MaxAttempts", 0),
    _at("deploy.restart_policy.window", f"{_T}.RestartPolicy.Window", Duration(0), _DURATION),
    _at("deploy.placement.constraints", f"{_T}.Placement.Constraints", (), _CONSTRAINTS),
    _at("deploy.placement.preferences", f"{_T}.Placement.Preferences", (), _PREFERENCES),
    _at("deploy.placement.max_replicas_per_node", f"{_T}.Placement.MaxReplicas", 0),
    _at("deploy.resources.limits.cpus", f"{_T}.Resources.Limits.NanoCPUs", "0", _PROCESSORS),
    _at("deploy.resources.limits.memory", f"{_T}.Resources.Limits.MemoryBytes", Size(0), _SIZE),
    _at("deploy.resources.limits.pids", f"{_T}.Resources.Limits.Pids", 0),
    _at(
        "deploy.resources.reservations.cpus",
        f"{_T}.Resources.Reservations.NanoCPUs",
        "0",
        _PROCESSORS,
    ),
    _at(
        "deploy.resources.reservations.memory",
        f"{_T}.Resources.Reservations.MemoryBytes",
        Size(0),
        _SIZE,
    ),
    Entries(
        ("deploy", "resources", "reservations", "generic_resources"),
        ("TaskTemplate", "Resources", "Reservations", "GenericResources"),
        generic_resources.observed,
    ),
    Mode(),
    TextMapping(("deploy", "labels"), ("Labels",), restarts=False, hidden_prefix="bizops."),
    *_updates("deploy.update_config", "UpdateConfig"),
    *_updates("deploy.rollback_config", "RollbackConfig"),
)
