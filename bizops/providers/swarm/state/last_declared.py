"""The label that tells which settings of a service were declared last; pure.

It holds paths, and for each a short digest of the value that bizops wrote, in the form in which a live value is read.
So a path that has left the file is known without a state file, and so is whether its live value is still ours. An
older bizops leaves the label as it is: a digest of before then matches nothing, and nothing is taken away by mistake.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bizops.providers.swarm.spec.field_codecs import Names
from bizops.providers.swarm.spec.field_table import DECLARED, HANDED_OVER, UPDATE_STATUS, WHOLE
from bizops.providers.swarm.spec.spec_edit import blank
from bizops.providers.swarm.state import inventory, live_settings
from bizops.resource import Field, Secret

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.providers.swarm.spec.field_codecs import RawSpec
    from bizops.resource import Path, Resource

_ENGINE = "engine"
_NETWORKS = ("networks",)
_DIGITS = 8
"""Of the digest: 32 bits tell two values of one setting apart, and are of little use to guess one."""
_HIDDEN = "*"
"""Before the digest of a value that must not be shown, as the file may have been all that said so.

Of a list the numbers of the elements stand behind it, and another one: `*1,3*0c94…`.
"""
_MARKED = re.compile(r"(?:\*(?:([\d,]+)\*)?)?")
_OF_THE_IMAGE = "healthcheck"
"""Zero means the image's own, and the engine's where it has none: what comes into force nobody knows here."""
_MAPS = frozenset({"labels", "environment", "sysctls", "ulimits"})
"""Settings whose keys have no default: they are there or not."""

Recorded = dict["Path", str]


def label(
    resource: Resource, refined: Mapping[Path, Any], topology: str, called: Mapping[str, str]
) -> str:
    """Give the text of the label for what a service declares. What is ignored is not ours once it is created.

    `called` leads from the keys of networks to the engine's names: a key is gone from the file with its network.
    """
    tree: dict[str, Any] = {}
    wanted = {**resource.spec.fields(), **refined}
    for path in sorted(wanted):
        if (
            path not in {("image",), UPDATE_STATUS}
            and path[-1]
            and not resource.lifecycle.ignores(path)
        ):
            held, value = _in_engine(path, wanted[path], called)
            digest = _digest(held, value, topology)
            mark = _mark(path, wanted[path], resource.hidden)
            _put(tree, held, "" if path in HANDED_OVER else f"{mark}{digest}")
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
    called: Mapping[str, str],
) -> tuple[tuple[Path, Field], ...]:
    """Give the live settings, with those as ours that have left the file and are still as bizops wrote them.

    What was secret when it was declared is hidden, unless the file declares just that now.
    """

    def marked_one(path: Path, field: Field) -> Field:
        held, value = _in_engine(path, field.value, called)
        if held not in record:
            return field
        if path not in wanted:
            return _left(path, field, record[held], _digest(held, value, topology))
        return field if field.value == wanted[path] else concealed(field, record[held])

    return tuple((path, marked_one(path, field)) for path, field in found)


def notes(
    found: Mapping[Path, Field],
    record: Recorded,
    wanted: Mapping[Path, Any],
    called: Mapping[str, str],
) -> Iterator[str]:
    """Say of each path that has left the file, and that is not reset, why it is not."""
    owned = {path[0] for path in wanted if path[0] in WHOLE}
    live_fields = {_in_engine(path, None, called)[0]: field for path, field in found.items()}
    declared = {_in_engine(path, None, called)[0] for path in wanted}
    for path in sorted(record.keys() - declared):
        field = live_fields.get(path)
        if field is None or path[0] in owned:
            continue
        name = ".".join(path)
        if path in HANDED_OVER:
            yield f"{name} left the file and is handed over: {field.value} stays"
        elif not field.ours and field.value != _defaults().get(path):
            yield f"{name} left the file and was changed by others since: it stays"


def _left(path: Path, field: Field, recorded_one: str, digest: str) -> Field:
    value = concealed(field, recorded_one).value
    default = _defaults().get(path)
    known = None if path[0] == _OF_THE_IMAGE else default
    is_as_written = _MARKED.sub("", recorded_one, count=1) == digest
    if field.value == default or not is_as_written:
        return Field(value, field.origin)
    whose = "" if _MAPS.intersection(path[:-1]) else _ENGINE
    return Field(value, field.origin, ours=True, default=known, default_of=whose)


def concealed(field: Field, digest: str) -> Field:
    """Give a live setting, hidden where the label says that it was secret when it was declared."""
    if not digest.startswith(_HIDDEN):
        return field
    if isinstance(field.value, str):
        return replace(field, value=Secret(field.value))
    found = _MARKED.match(digest)
    places = found[1].split(",") if found and found[1] else ()
    if not isinstance(field.value, tuple):
        return field
    elements = enumerate(field.value)
    value = tuple(Secret(e) if isinstance(e, str) and str(n) in places else e for n, e in elements)
    return replace(field, value=value)


def _mark(path: Path, value: Any, hidden: Collection[Path]) -> str:  # noqa: ANN401 - any setting
    if path in hidden or isinstance(value, Secret):
        return _HIDDEN
    places = sorted(int(each[-1]) for each in hidden if each[:-1] == path and each[-1].isdigit())
    return f"{_HIDDEN}{','.join(map(str, places))}{_HIDDEN}" if places else ""


@functools.cache
def _defaults() -> dict[Path, Any]:
    """Give what the engine does where a service says nothing."""
    return live_settings.settings(blank(""), Names())


def _in_engine(path: Path, value: Any, called: Mapping[str, str]) -> tuple[Path, Any]:  # noqa: ANN401 - any setting
    """Give a setting with networks by the engine's names, as its path or its value has them."""

    def name(key: str) -> str:
        return called.get(key, key).removesuffix(f"#{inventory.LIVE}")

    if path == _NETWORKS:
        return path, tuple(sorted(map(name, value))) if isinstance(value, tuple) else value
    if path[:1] == _NETWORKS:
        return (*_NETWORKS, name(path[1]), *path[2:]), value
    return path, value


def _digest(path: Path, value: Any, topology: str) -> str:  # noqa: ANN401 - any setting
    """Give a digest that equal values of two settings do not share, nor the same setting of two topologies.

    An older bizops that adopts a service leaves the label of the topology before.
    """
    text = json.dumps((topology, path, value), default=Secret.reveal, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def _leaves(tree: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    for key, held in tree.items():
        below = (*path, key) if key else path
        if isinstance(held, dict):
            yield from _leaves(held, below)
        elif isinstance(held, str):
            yield below, held
