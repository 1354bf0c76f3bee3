"""Where the engine keeps each setting of a service, and how to read and write it there.

One table serves both directions, so that what is written is what is read. A service's raw spec is plain JSON as the
engine sends it; a write changes the declared paths in it and nothing else. Defaults are those of swarmkit
`api/defaults/service.go` and moby `daemon/cluster/convert`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from bizops.resource import Path

RawSpec = dict[str, Any]
Pairs = Iterator[tuple[Path, Any]]


@dataclass(frozen=True, slots=True)
class Names:
    """The ids of what a service refers to, by engine name, as listed by the engine.

    Networks go by their keys where those are others; `called` leads from such keys to the engine's names.
    """

    networks: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    configs: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, str] = field(default_factory=dict)


class Shape(Protocol):
    """One setting, or a family of settings under one path.

    `restarts` is True where a change makes Swarm replace tasks (swarmkit `orchestrator/task.go`: the task template
    or the endpoint spec differs).
    """

    @property
    def path(self) -> Path:
        """Where the settings stand in a topology file."""

    @property
    def restarts(self) -> bool:
        """True where a change makes Swarm replace tasks."""

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Read the settings from a raw spec, with the engine's defaults filled in."""

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Change a raw spec in place. `changes` are all of this family; None removes. Raises LookupError."""


def held(spec: Mapping[str, Any], path: Path) -> Any:  # noqa: ANN401 - whatever JSON has
    """Give what a raw spec holds at a path, or None."""
    found: Any = spec
    for key in path:
        found = (found or {}).get(key)
    return found


def group(spec: RawSpec, path: Path) -> dict[str, Any]:
    """Give the object at a path, made where it is missing."""
    found = spec
    for key in path:
        if found.get(key) is None:
            found[key] = dict(_BEGUN.get(key, {}))
        found = found[key]
    return found


def take(spec: RawSpec, path: Path) -> None:
    """Take away what stands at a path, and each group around it that says nothing then."""
    around = held(spec, path[:-1])
    if around is not None:
        around.pop(path[-1], None)
        prune(spec, path[:-1])


def prune(spec: RawSpec, path: Path) -> None:
    """Take away a group that says nothing but what the engine fills in, and each around it alike."""
    if path in _ALWAYS_THERE:
        return
    around = held(spec, path) or {}
    says = {key: value for key, value in around.items() if value or key not in _FILLED_IN}
    if says == _BEGUN.get(path[-1], {}):
        take(spec, path)


_ALWAYS_THERE = frozenset({(), ("TaskTemplate",), ("TaskTemplate", "ContainerSpec")})
_FILLED_IN = frozenset(
    {"Config", "File", "MaxAttempts", "MaxFailureRatio", "Registry", "SELinuxContext"}
)
"""Empty or zero in what the engine gives back, where nobody said anything: it is the default."""

# An update config that is there means unlimited parallelism where it does not say; one that is not there means 1.
_BEGUN: Mapping[str, Mapping[str, Any]] = {
    "UpdateConfig": {"Parallelism": 1},
    "RollbackConfig": {"Parallelism": 1},
}


class Codec(NamedTuple):
    """How one value is read from and written to the engine's JSON."""

    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


SAME = Codec(lambda raw: raw, lambda value: value)


class Scalar(NamedTuple):
    """One value at one place. `default` is what the engine does where the value is not there, None if nobody knows.

    `unset` is the same where the group around it is there and only the value is not.
    """

    path: Path
    raw: Path
    default: Any
    codec: Codec = SAME
    unset: Any = None
    restarts: bool = True

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Read the value, or what the engine does without one."""
        del names
        around = held(spec, self.raw[:-1])
        value = (around or {}).get(self.raw[-1])
        if value is not None:
            yield self.path, self.codec.read(value)
        elif around is not None and self.unset is not None:
            yield self.path, self.unset
        elif self.default is not None:
            yield self.path, self.default

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Write the value, or take it away."""
        del names
        value = changes[self.path]
        if value is not None:
            group(spec, self.raw[:-1])[self.raw[-1]] = self.codec.write(value)
        elif self.unset is None:
            take(spec, self.raw)
        else:  # taken away alone it would mean `unset`
            group(spec, self.raw[:-1])[self.raw[-1]] = self.codec.write(self.default)
            prune(spec, self.raw[:-1])


class TextMapping(NamedTuple):
    """An open map of texts: labels, log options."""

    path: Path
    raw: Path
    restarts: bool = True
    hidden_prefix: str = ""

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give one path for each key, without those that are bookkeeping."""
        del names
        for key, value in (held(spec, self.raw) or {}).items():
            if not (self.hidden_prefix and key.startswith(self.hidden_prefix)):
                yield (*self.path, key), value

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Set and remove single keys; the others stay as they are."""
        del names
        kept = dict(held(spec, self.raw) or {})
        for path, value in changes.items():
            kept.pop(path[-1], None)
            if value is not None:
                kept[path[-1]] = value
        if kept:
            group(spec, self.raw[:-1])[self.raw[-1]] = dict(sorted(kept.items()))
        else:
            take(spec, self.raw)


class Entries(NamedTuple):
    """A set of items. `read` gives an item's comparable form; items that `mine` leaves out are not touched.

    `resolve` completes an item with ids just before it is written.
    """

    path: Path
    raw: Path
    read: Callable[[Mapping[str, Any]], str]
    mine: Callable[[Mapping[str, Any]], bool] = lambda _item: True
    resolve: Callable[[dict[str, Any], Names], dict[str, Any]] = lambda item, _names: item
    restarts: bool = True

    def observed(self, spec: RawSpec, names: Names) -> Pairs:
        """Give all items as one sorted tuple."""
        del names
        items = [item for item in held(spec, self.raw) or () if self.mine(item)]
        yield self.path, tuple(sorted(self.read(item) for item in items))

    def put(self, spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> None:
        """Write the items in the order of their text; one that is there already keeps every byte."""
        before = list(held(spec, self.raw) or ())
        there = {self.read(item): item for item in before if self.mine(item)}
        others = [item for item in before if not self.mine(item)]
        wanted = [
            there.get(entry) or self.resolve(dict(entry.raw), names)
            for entry in sorted(changes[self.path] or ())
        ]
        if others or wanted:
            group(spec, self.raw[:-1])[self.raw[-1]] = [*others, *wanted]
        else:
            take(spec, self.raw)
