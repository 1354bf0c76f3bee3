"""What an HTTP API is expected to answer: JSON of a known shape. Anything else is told, and never read as an answer.

A shape is made of

- a type, or a tuple of types: the value is an instance; `ANY` takes everything that is not nested too deeply;
- `[shape]`: a list of such values;
- `{"name": shape, "other?": shape}`: a map that has these keys, and may have more; with `?` a key may be missing or
  null;
- `{...: shape}`: a map whose values are such.

An empty list counts as an empty map, for Erlang has one value for both.
"""

from __future__ import annotations

import json
from types import EllipsisType
from typing import Any

ANY = object
NUMBER = (int, float)
MAP = {...: ANY}
_DEEPEST = 40
"""Levels; a Swarm service has about ten."""
_NAMES = {
    dict: "a map",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}

Shape = type | tuple[type, ...] | list[Any] | dict[str | EllipsisType, Any]


class UnexpectedError(ValueError):
    """An answer that is none. The message says what came, and repeats nothing of it."""


class _MismatchError(Exception):
    """Something is not of its shape; `place` is filled in on the way out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.place = ""


def decoded(content: bytes) -> Any:  # noqa: ANN401 - whatever JSON has
    """Give the value of a JSON text. Raises UnexpectedError."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        message = "bytes that are not UTF-8"
    except RecursionError:
        message = "JSON that is nested too deeply"
    except ValueError:
        beginning = content[:200].lstrip()
        message = "HTML" if beginning[:1] == b"<" else "text that is not JSON"
        message = message if beginning else "nothing"
    raise UnexpectedError(message) from None


def check(value: Any, shape: Shape) -> None:  # noqa: ANN401 - whatever JSON has
    """Compare an answer with its shape. Raises UnexpectedError, which names the first place that differs."""
    try:
        _check(value, shape)
    except _MismatchError as error:
        place = f" at {error.place.removeprefix('.')}" if error.place else ""
        message = f"{error}{place}"
        raise UnexpectedError(message) from None


def _check(value: Any, shape: Any) -> None:  # noqa: ANN401 - see above
    if shape is ANY:
        _check_depth(value, 0)
    elif isinstance(shape, list):
        _demand(value, list)
        for position, item in enumerate(value):
            try:
                _check(item, shape[0])
            except _MismatchError as error:
                error.place = f"[{position}]{error.place}"
                raise
    elif isinstance(shape, dict):
        # An empty map of Erlang is a list in JSON.
        _demand({} if value == [] else value, dict)
        _check_map({} if value == [] else value, shape)
    else:
        _demand(value, shape)


def _check_map(value: dict[str, Any], shape: dict[Any, Any]) -> None:
    pairs = [(key, shape[...]) for key in value] if ... in shape else shape.items()
    for written, inner in pairs:
        name = written if ... in shape else written.removesuffix("?")
        found = value.get(name)
        if found is None and (name != written or inner is ANY):
            continue
        try:
            _check(found, inner)
        except _MismatchError as error:
            error.place = f".{name}{error.place}"
            raise


def _demand(value: Any, kind: Any) -> None:  # noqa: ANN401 - see above
    if not isinstance(value, kind):
        wanted = _NAMES[kind[0] if isinstance(kind, tuple) else kind]
        message = f"{_named(value)} where {wanted} is meant"
        raise _MismatchError(message)


def _named(value: Any) -> str:  # noqa: ANN401 - see above
    return "nothing" if value is None else _NAMES[type(value)]


def _check_depth(value: Any, depth: int) -> None:  # noqa: ANN401 - see above
    if depth > _DEEPEST:
        message = "JSON that is nested too deeply"
        raise _MismatchError(message)
    if isinstance(value, dict):
        for inner in value.values():
            _check_depth(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check_depth(inner, depth + 1)
