"""Settings of a service that the engine keeps in a form of their own: environment, networks, mode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from bizops.providers.swarm.compose.services import environment
from bizops.providers.swarm.compose.services.field_types import limit_text
from bizops.providers.swarm.spec.field_codecs import Names, Pairs, RawSpec, group, held, take

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.resource import Path

TEMPLATE = ("TaskTemplate",)
CONTAINER = ("TaskTemplate", "ContainerSpec")
_ULIMITS = (*CONTAINER, "Ulimits")
MODES = {
    "replicated": "Replicated",
    "global": "Global",
    "replicated-job": "ReplicatedJob",
    "global-job": "GlobalJob",
}


class Environment(NamedTuple):
    """The list of `NAME=VALUE`. Values are hidden here by their names alone; a reader may hide more."""

    path: Path = ("environment",)
    restarts: bool = True

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give one path for each variable."""
        del names
        for name, value in environment.observed(held(spec, (*CONTAINER, "Env")) or (), ()):
            yield ("environment", name), value

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Set and remove single variables; sorted by name."""
        del names
        container = group(spec, CONTAINER)
        wanted = {path[-1]: value for path, value in changes.items()}
        lines = environment.written(container.get("Env") or (), wanted)
        if lines:
            container["Env"] = lines
        else:
            take(spec, (*CONTAINER, "Env"))


class Ulimits(NamedTuple):
    """The list of `{Name, Soft, Hard}`, by name."""

    path: Path = ("ulimits",)
    restarts: bool = True

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give one path for each limit, as `1024` or `1024:2048`."""
        del names
        for item in held(spec, _ULIMITS) or ():
            yield ("ulimits", item["Name"]), limit_text(item.get("Soft", 0), item.get("Hard", 0))

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Set and remove single limits; sorted by name."""
        del names
        kept = {item["Name"]: item for item in held(spec, _ULIMITS) or ()}
        for path, value in changes.items():
            kept.pop(path[-1], None)
            if value is not None:
                soft, _, hard = value.partition(":")
                kept[path[-1]] = {"Name": path[-1], "Soft": int(soft), "Hard": int(hard or soft)}
        if kept:
            group(spec, CONTAINER)["Ulimits"] = [kept[name] for name in sorted(kept)]
        else:
            take(spec, _ULIMITS)


class Networks(NamedTuple):
    """The networks by name, and the aliases on each.

    Old clients keep them beside the task template; there they cannot be changed, so a change moves them
    (swarmkit `controlapi/service.go`: "must be migrated to TaskSpec").
    """

    path: Path = ("networks",)
    restarts: bool = True

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give the names as one tuple, and one path for the aliases of each network."""
        attached = _attached(spec, names)
        yield ("networks",), tuple(sorted(attached))
        for name, item in sorted(attached.items()):
            yield ("networks", name, "aliases"), tuple(sorted(item.get("Aliases") or ()))

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Attach, detach and rename; a network that stays keeps its options. Raises LookupError for an unknown one."""
        attached = _attached(spec, names)
        wanted = changes.get(("networks",), tuple(sorted(attached))) or ()
        items = []
        for name in wanted:
            item = dict(attached.get(name) or {"Target": _network_id(name, names)})
            alias_path = ("networks", name, "aliases")
            if alias_path in changes:
                item["Aliases"] = list(changes[alias_path] or ())
            items.append(item)
        spec.pop("Networks", None)
        if items:
            group(spec, TEMPLATE)["Networks"] = items
        else:
            take(spec, (*TEMPLATE, "Networks"))


def _attached(spec: RawSpec, names: Names) -> dict[str, dict[str, Any]]:
    by_id = {identity: name for name, identity in names.networks.items()}
    items = held(spec, ("TaskTemplate", "Networks")) or spec.get("Networks") or ()
    return {by_id.get(item.get("Target", ""), item.get("Target", "")): item for item in items}


def _network_id(name: str, names: Names) -> str:
    if name not in names.networks:
        message = f"network {name} does not exist"
        raise LookupError(message)
    return names.networks[name]


class Mode(NamedTuple):
    """Replicated, global or a job, and the number of tasks."""

    path: Path = ("deploy", "mode")
    restarts: bool = False

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give the mode, and the replicas where it has some; the engine's default is one replica."""
        del names
        mode, options = mode_of(spec)
        yield ("deploy", "mode"), mode
        if mode == "replicated":
            yield (
                ("deploy", "replicas"),
                1 if options.get("Replicas") is None else options["Replicas"],
            )
        elif mode == "replicated-job":
            total = options.get("TotalCompletions")
            yield (
                ("deploy", "replicas"),
                options.get("MaxConcurrent", 1) if total is None else total,
            )

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Write both. A job runs all its tasks at once, as Compose has it."""
        del names
        mode = changes.get(("deploy", "mode")) or mode_of(spec)[0]
        options = dict((spec.get("Mode") or {}).get(MODES[mode]) or {})
        replicas = changes.get(("deploy", "replicas"))
        if replicas is not None and mode == "replicated-job":
            options |= {"MaxConcurrent": replicas, "TotalCompletions": replicas}
        elif replicas is not None:
            options["Replicas"] = replicas
        spec["Mode"] = {MODES[mode]: options}


def mode_of(spec: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Give the mode in Compose's word, and its options; the engine's default is replicated."""
    raw = spec.get("Mode") or {}
    for word, key in MODES.items():
        if raw.get(key) is not None:
            return word, raw[key]
    return "replicated", {}
