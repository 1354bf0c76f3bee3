"""What is left of a tree without its faulty keys, so that the rest is cross-checked in the same run.

Every fault at once: a typo in one key must not hide an exchange that nobody declares in another. But nothing may be
blamed that follows from a fault alone, so it is kept which fields are in doubt.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from pydantic import ValidationError

from bizops.resource import Spec
from bizops.topology.tree.nodes import (
    Entry,
    Listing,
    Mapping,
    Node,
    Scalar,
    find,
    idle_nulls,
    scalars,
)
from bizops.topology.validation import keys, modelled, near_key, validate

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic_core import ErrorDetails

    from bizops.topology.tree.faults import Faults
    from bizops.topology.tree.nodes import Span
    from bizops.topology.validation import Place

_Model = TypeVar("_Model", bound=Spec)

_ROUNDS = 4
"""So often faulty keys are taken out: one that goes may leave another missing, which takes its group along."""
_KEY = re.compile(r"\w+")
_PLACEHOLDER = "unread"
"""Stands for a required text that is missing; its field is in doubt, so nobody reads it."""


class ValidPart(NamedTuple, Generic[_Model]):
    """A model of what is sound, its tree, and the top-level fields of which something was left out."""

    model: _Model | None
    node: Mapping
    unread: frozenset[str] = frozenset()


def read(model: type[_Model], node: Mapping, place: Place, faults: Faults) -> ValidPart[_Model]:
    """Note what is wrong with a tree, and give what its sound part says; None where that says nothing."""
    made = validate(model, node, place, faults)
    if not faults:
        return ValidPart(made, node)
    unread = {path[0] for _, path in idle_nulls(node)}
    faulty = {scalar.span for scalar in scalars(node) if faults.is_known(scalar.span, "")}
    if made is not None and not faulty:
        return ValidPart(made, node, frozenset(unread))
    for _ in range(_ROUNDS):
        kept = _without(node, faulty)
        unread |= {name for name in node.entries if kept.entries.get(name) != node.entries[name]}
        try:
            return ValidPart(modelled(model, kept, place), kept, frozenset(unread))
        except ValidationError as error:
            details = error.errors(include_url=False)
        missing = {str(detail["loc"][0]) for detail in details if _is_missing_field(detail)}
        unread |= missing
        placeholder = Entry(place.span, Scalar(place.span, _PLACEHOLDER, is_plain=False))
        node = Mapping(kept.span, {**kept.entries, **dict.fromkeys(missing, placeholder)})
        others = [detail for detail in details if not _is_missing_field(detail)]
        faulty = {_place(kept, detail) for detail in others}
        for detail in others:
            unread |= _meant(model, find(kept, detail["loc"]).path, place, faults)
    return ValidPart(None, node, frozenset(unread))


def _is_missing_field(detail: ErrorDetails) -> bool:
    return detail["type"] == "missing" and len(detail["loc"]) == 1


def _place(node: Mapping, detail: ErrorDetails) -> Span:
    """Give the place of what goes: the faulty key, or the group that lacks one."""
    found = find(node, detail["loc"])
    return found.key or found.node.span


def _meant(
    model: type[Spec], path: tuple[str, ...], place: Place, faults: Faults
) -> frozenset[str]:
    """Give the top-level fields that an unknown key may have meant: `imge` is no reason to miss an image."""
    known = keys(model)
    if len(path) != 1 or path[0] in known:
        return frozenset()
    hint = near_key(model, list(path), place, faults)
    return known.intersection(_KEY.findall(hint))


def _without(node: Mapping, faulty: Collection[Span]) -> Mapping:
    """Take keys and items out by their places."""
    entries = {
        name: Entry(entry.key, _thinned(entry.value, faulty))
        for name, entry in node.entries.items()
        if entry.key not in faulty and entry.value.span not in faulty
    }
    return Mapping(node.span, entries)


def _thinned(node: Node, faulty: Collection[Span]) -> Node:
    if isinstance(node, Mapping):
        return _without(node, faulty)
    if isinstance(node, Listing):
        items = tuple(_thinned(item, faulty) for item in node.items if item.span not in faulty)
        return Listing(node.span, items)
    return node
