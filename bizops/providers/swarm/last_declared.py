"""The label that tells which settings of a service were declared last; pure.

It holds paths, and for each a short digest of the value that bizops wrote, in the form in which a live value is read.
So a path that has left the file is known without a state file, and so is whether its live value is still ours. An
older bizops leaves the label as it is: a digest of before then matches nothing, and nothing is taken away by mistake.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm import inventory, live
from bizops.providers.swarm.shapes import Names
from bizops.providers.swarm.table import DECLARED, HANDED_OVER, UPDATE_STATUS, WHOLE
from bizops.providers.swarm.write import blank
from bizops.resource import Field, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bizops.providers.swarm.shapes import RawSpec
    from bizops.resource import Path, Resource

_ENGINE = "engine"
_DIGITS = 8
"""Of the digest: 32 bits tell two values of one setting apart, and are of little use to guess one."""
_HIDDEN = "*"
"""Before the digest of a value that must not be shown, as the file may have been all that said so."""
_MAPS = frozenset({"labels", "environment", "sysctls", "ulimits"})
"""Settings whose keys have no default: they are there or not."""

Recorded = dict["Path", str]


def label(resource: Resource, refined: Mapping[Path, Any], topology: str) -> str:
    """Give the text of the label for what a service declares. What is ignored is not ours once it is created."""
    tree: dict[str, Any] = {}
    wanted = {**resource.spec.fields(), **refined}
    for path in sorted(wanted):
        if (
            path not in {("image",), UPDATE_STATUS}
            and path[-1]
            and not resource.lifecycle.ignores(path)
        ):
            _put(tree, path, "" if path in HANDED_OVER else _digest(path, wanted[path], topology))
    return json.dumps(tree, separators=(",", ":"))


def _put(tree: dict[str, Any], path: Path, digest: str) -> None:
    """Hang a digest into nested objects; what has a value and settings below keeps the value under an empty key."""
    branch = tree
    for key in path[:-1]:
        held = branch.setdefault(key, {})
        if not isinstance(held, dict):
            held = branch[key] = {"": held}
        branch = held
    branch[path[-1]] = digest


def recorded(spec: RawSpec, topology: str) -> Recorded | None:
    """Read the label of a live service: None where there is none of this topology, or nobody can read it."""
    labels = spec.get("Labels") or {}
    if inventory.owner(labels) != topology or DECLARED not in labels:
        return None
    try:
        tree = json.loads(labels[DECLARED])
        return dict(_leaves(tree, ())) if isinstance(tree, dict) else None
    except (ValueError, RecursionError):
        return None


def marked(
    found: tuple[tuple[Path, Field], ...],
    record: Recorded,
    wanted: Mapping[Path, Any],
    topology: str,
) -> tuple[tuple[Path, Field], ...]:
    """Give the live settings, with those as ours that have left the file and are still as bizops wrote them."""
    if record.keys() <= wanted.keys():
        return found
    return tuple(
        (
            path,
            field
            if path in wanted or path not in record
            else _left(path, field, record[path], topology),
        )
        for path, field in found
    )


def notes(
    found: Mapping[Path, Field], record: Recorded, wanted: Mapping[Path, Any]
) -> Iterator[str]:
    """Say of each path that has left the file, and that is not reset, why it is not."""
    owned = {path[0] for path in wanted if path[0] in WHOLE}
    for path in sorted(record.keys() - wanted.keys()):
        field = found.get(path)
        if field is None or path[0] in owned:
            continue
        name = ".".join(path)
        if path in HANDED_OVER:
            yield f"{name} left the file and is handed over: {field.value} stays"
        elif not field.ours and field.value != _defaults().get(path):
            yield f"{name} left the file and was changed by others since: it stays"


def _left(path: Path, field: Field, digest: str, topology: str) -> Field:
    hidden = digest.startswith(_HIDDEN)
    value = Secret(field.value) if hidden and isinstance(field.value, str) else field.value
    default = _defaults().get(path)
    live_digest = _digest(path, field.value, topology)
    is_as_written = digest.removeprefix(_HIDDEN) == live_digest.removeprefix(_HIDDEN)
    if field.value == default or not is_as_written:
        return Field(value, field.origin)
    whose = "" if _MAPS.intersection(path[:-1]) else _ENGINE
    return Field(value, field.origin, ours=True, default=default, default_of=whose)


@functools.cache
def _defaults() -> dict[Path, Any]:
    """Give what the engine does where a service says nothing."""
    return live.settings(blank(""), Names())


def _digest(path: Path, value: Any, topology: str) -> str:  # noqa: ANN401 - any setting
    """Give a digest that equal values of two settings do not share, nor the same setting of two topologies.

    An older bizops that adopts a service leaves the label of the topology before.
    """
    text = json.dumps((topology, path, value), default=Secret.reveal, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
    return f"{_HIDDEN}{digest}" if isinstance(value, Secret) else digest


def _leaves(tree: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for key, held in tree.items():
        below = (*path, key) if key else path
        if isinstance(held, dict):
            yield from _leaves(held, below)
        elif isinstance(held, str):
            yield below, held
