"""From a tree to a model, and from the model's complaints back to places in the file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from bizops.quantity import shown
from bizops.resource import Spec
from bizops.sensitive import HIDDEN, is_telltale
from bizops.topology.tree.nodes import (
    Mapping,
    Node,
    Scalar,
    Span,
    data,
    find,
    idle_nulls,
    scalars,
    written,
)
from bizops.topology.tree.sensitive_values import hidden_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Mapping as Map

    from pydantic_core import ErrorDetails

    from bizops.topology.tree.faults import Faults
    from bizops.topology.tree.sensitive_values import Secrets

_Model = TypeVar("_Model", bound=Spec)

_WORD = re.compile(r"\w+")
_KEY = re.compile(r"\w[\w.]*\w")
_WORDS = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "too many digits",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "dict_type": "must be a map",
    "mapping_type": "must be a map",
    "model_type": "must be a map",
    "model_attributes_type": "must be a map",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}  # fmt: skip
"""What pydantic's error types mean for who writes a topology; none of them repeats what was written."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a tree stands for: the address in front of every fault, and where to point at the whole of it.

    `hints` maps a key that people write to what they mean. `is_hidden`: unknown keys may hold secrets here.
    `borrowed` are the places of values that come from the defaults, whose address is `lender`. `root` is the folder
    that file names start from, and `variables` are those that templates see; models find them in their validation
    context as `directory` and `variables`.
    """

    span: Span
    address: str
    hints: Map[str, str]
    is_hidden: bool = False
    borrowed: frozenset[Span] = frozenset()
    lender: str = ""
    root: Path = Path()
    variables: Map[str, str] = field(default_factory=dict)

    def address_of(self, span: Span) -> str:
        """Give whom to blame for a value: a default is wrong once, not for each entry that it fills."""
        return self.lender if span in self.borrowed else self.address


def spans(node: Node) -> frozenset[Span]:
    """Give the places of all keys and values of a tree."""
    found = {node.span}
    if isinstance(node, Mapping):
        for entry in node.entries.values():
            found |= {entry.key, *spans(entry.value)}
    elif not isinstance(node, Scalar):
        for item in node.items:
            found |= spans(item)
    return frozenset(found)


def validate(
    model: type[_Model], node: Mapping, place: Place, faults: Faults, *, is_partial: bool = False
) -> _Model | None:
    """Give the model of a tree, or None after noting what is wrong.

    What a template gave is taken as YAML would take it, and as text where the field wants text. `is_partial`: the
    tree is only part of an entry, so nothing is judged but its keys.
    """
    if not is_partial:
        _check_nulls(node, place, faults)
    try:
        return modelled(model, node, place)
    except ValidationError as error:
        details = error.errors(include_url=False)
    if is_partial:
        details = [detail for detail in details if detail["type"] == "extra_forbidden"]
    meant = set(_meant(model, node, place, details, faults))
    for detail in details:
        if detail["type"] != "missing" or _path_of_missing(node, detail) not in meant:
            _note(model, node, place, detail, faults)
    return None


def _path_of_missing(node: Node, detail: ErrorDetails) -> tuple[str, ...]:
    return (*find(node, detail["loc"]).path, str(detail["loc"][-1]))


def _meant(
    model: type[Spec], node: Node, place: Place, details: Iterable[ErrorDetails], faults: Faults
) -> Iterator[tuple[str, ...]]:
    """Give the paths of keys that unknown ones beside them probably mean, so that nobody misses those."""
    for detail in details:
        path = find(node, detail["loc"]).path
        if detail["type"] == "extra_forbidden" and path:
            for word in _KEY.findall(near_key(model, list(path), place, faults)):
                yield (*path[:-1], word)


def modelled(model: type[_Model], node: Mapping, place: Place) -> _Model:
    """Give the model of a tree; raises pydantic's ValidationError."""
    context = {"directory": place.root, "variables": place.variables}
    try:
        return model.model_validate(data(node), context=context)
    except ValidationError as error:
        texts = frozenset(_templates(node, error.errors(include_url=False)))
        if not texts:
            raise
    return model.model_validate(data(node, texts), context=context)


def _check_nulls(node: Mapping, place: Place, faults: Faults) -> None:
    for span, path in idle_nulls(node):
        address, name = place.address_of(span), ".".join(path)
        problem = "no value, and nothing beneath that null could remove"
        hint = "write the value, {} for nothing in particular, or ${NAME} for a variable"
        faults.add(span, problem, address=address, field=name, hint=hint)


def _templates(node: Mapping, details: Iterable[ErrorDetails]) -> Iterable[Span]:
    """Give the places of values that came out of a template as something else than text, and did not fit."""
    for detail in details:
        for scalar in scalars(find(node, detail["loc"]).node):
            if scalar.is_interpolated and not isinstance(scalar.value(), str):
                yield scalar.span


def _note(
    model: type[Spec], node: Mapping, place: Place, detail: ErrorDetails, faults: Faults
) -> None:
    """Turn one complaint of the model into a fault."""
    location = detail["loc"]
    found = find(node, location)
    is_missing = detail["type"] == "missing"
    is_unknown = detail["type"] == "extra_forbidden" or detail["msg"].startswith("unknown key")
    path = [*found.path, str(location[-1])] if is_missing and location else list(found.path)
    span = found.key if found.key and not isinstance(found.node, Scalar) else found.node.span
    if is_unknown and found.key:
        span = found.key
    elif not path or (is_missing and len(path) == 1):
        span = place.span
    if faults.is_known(span, ".".join(path)):
        return
    hint = _template_hint(found.node, place, path)
    if is_unknown and path:
        hint = near_key(model, path, place, faults)
    if place.is_hidden and is_unknown:
        for scalar in scalars(found.node):
            faults.hide(scalar.span)
    address, name = place.address_of(span), written(node, path)
    problem = _problem(detail, path, found.node, faults.secrets)
    faults.add(span, problem, address=address, field=name, hint=hint)


def _template_hint(node: Node, place: Place, path: list[str]) -> str:
    """Say what a template gave, which the shown line does not; nothing where it may be a secret."""
    if place.is_hidden or not isinstance(node, Scalar) or not node.is_interpolated:
        return ""
    if any(is_telltale(name) for name in (*path, *node.variables, *node.defaults)):
        return ""
    return f"the template gives {node.text!r}"


def _problem(detail: ErrorDetails, path: list[str], node: Node, secrets: Secrets) -> str:
    """Say what is wrong in our words, else in the model's; at a sensitive place only if they repeat nothing.

    Nor may they repeat a part of a secret: no filter knows it.
    """
    words = _WORDS.get(detail["type"])
    if words is not None:
        return words.format(**detail.get("ctx", {}))
    message = detail["msg"]
    for prefix in ("Value error, ", "Assertion failed, "):
        message = message.removeprefix(prefix)
    is_secret = any(is_telltale(segment) for segment in path)
    filled = (each for each in scalars(node) if each.variables)
    known = [each for each in filled if secrets.conceal(each.text) != each.text]
    for each in known:
        message = message.replace(shown(each.value()), HIDDEN)
    within = [node] if is_secret else [*hidden_within(node), *known]
    if any(_repeats(message, each) for each in within):
        return "not a value that this field takes"
    return message


def _repeats(message: str, node: Node) -> bool:
    """True where a message holds a word of the value it complains about."""
    return any(word in message for scalar in scalars(node) for word in _WORD.findall(scalar.text))


def near_key(model: type[Spec], path: list[str], place: Place, faults: Faults) -> str:
    """Give the key that was probably meant, in the provider's words where it has some."""
    known = keys(model, path[:-1])
    told = place.hints.get(".".join(path)) or place.hints.get(path[-1], "")
    first = told.split()[0].rstrip("?.,:;") if told else ""
    if first in known or (first == told and first.split(".")[0] in known):
        return f"did you mean {told}" if "?" in told else f"did you mean {told}?"
    # One word alone is a key, here of another kind; more is advice that holds anywhere.
    return told if " " in told else faults.nearest(path[-1], known)


def keys(model: type[BaseModel], path: Iterable[str] = ()) -> frozenset[str]:
    """Give the keys that a model knows, as the file spells them, at a path inside it."""
    current: type[BaseModel] | None = model
    for segment in path:
        if current is None:
            break
        fields = {info.alias or name: info for name, info in current.model_fields.items()}
        if segment in fields:
            current = _inner(fields[segment].annotation)
    if current is None:
        return frozenset()
    return frozenset(info.alias or name for name, info in current.model_fields.items())


def _inner(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations have no common type
    """Give the model inside an annotation such as `tuple[Mount, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in get_args(annotation):
        if inner := _inner(argument):
            return inner
    return None
