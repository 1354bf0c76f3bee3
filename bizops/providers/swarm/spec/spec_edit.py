"""A service's raw spec with some settings changed; pure. What no change names stays byte for byte."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.spec.field_codecs import group
from bizops.providers.swarm.spec.field_table import (
    DECLARED,
    FORCE_UPDATE,
    OWNER,
    SHAPES,
    UPDATE_STATUS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bizops.change import FieldChange
    from bizops.providers.swarm.spec.field_codecs import Names, RawSpec, Shape
    from bizops.resource import Path


def blank(name: str) -> RawSpec:
    """Give the least that the engine takes for a service; one replica, as is its default."""
    return {
        "Name": name,
        "Labels": {},
        "TaskTemplate": {"ContainerSpec": {}},
        "Mode": {"Replicated": {"Replicas": 1}},
    }


def changed(spec: RawSpec, changes: Mapping[Path, Any], names: Names) -> RawSpec:
    """Give a copy with the changes in it; None takes a setting away.

    Raises LookupError that names a network, secret or config which does not exist.
    """
    made = copy.deepcopy(spec)
    families: dict[int, dict[Path, Any]] = {}
    for path, value in changes.items():
        if not is_bookkeeping(path):
            families.setdefault(SHAPES.index(shape_of(path)), {})[path] = value
    if FORCE_UPDATE in changes:
        group(made, ("TaskTemplate",))["ForceUpdate"] = changes[FORCE_UPDATE]
    for position, family in sorted(families.items()):
        SHAPES[position].put(made, family, names)
    return made


def is_bookkeeping(path: Path) -> bool:
    """True for what a plan shows as a field and no setting holds: our label, how the last update ended, a restart."""
    return path in {(OWNER,), UPDATE_STATUS, FORCE_UPDATE}


def owned(spec: RawSpec, topology: str, declared: str = "") -> RawSpec:
    """Give a copy that carries our labels at service level, where they restart nothing.

    `declared` is the text of the label that tells what was declared last; a secret has none.
    """
    made = copy.deepcopy(spec)
    labels = group(made, ("Labels",))
    labels[OWNER] = topology
    if declared:
        labels[DECLARED] = declared
    return made


def shape_of(path: Path) -> Shape:
    """Give the shape that a path belongs to: the one with the longest path that begins it."""
    fitting = [shape for shape in SHAPES if path[: len(shape.path)] == shape.path]
    if path == ("deploy", "replicas"):
        return next(shape for shape in SHAPES if shape.path == ("deploy", "mode"))
    return max(fitting, key=lambda shape: len(shape.path))


def after(fields: Iterable[FieldChange]) -> dict[Path, Any]:
    """Give what the fields of a change ask for; None where the setting is taken away."""
    return {field.path: None if field.default_of else field.after for field in fields}
