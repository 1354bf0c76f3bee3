"""What a value in a topology file may look like: durations, sizes, counts, names, and open maps of arguments."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from bizops.quantity import Duration, Size, not_whole, shown

WHOLE = re.compile(r"-?[0-9]{1,40}")
"""More digits than a number of 64 bits has; Python refuses to read thousands of them."""
Pairs = tuple[tuple[str, Any], ...]
"""A map as a sorted tuple of pairs. A map or list inside it is a `Json` text."""


class Json(str):
    """A nested map or list, as canonical JSON text, so that equal content is equal text."""

    __slots__ = ()


def freeze(content: dict[str, Any]) -> Pairs:
    """Give a JSON object as sorted pairs."""
    return tuple((key, _frozen(content[key])) for key in sorted(content))


def thaw(pairs: Pairs) -> dict[str, Any]:
    """Give sorted pairs as a JSON object, with plain numbers and texts."""
    return {key: _plain(value) for key, value in pairs}


def _frozen(value: object) -> object:
    if isinstance(value, dict | list):
        return Json(json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False))
    return value


def _plain(value: object) -> object:
    if isinstance(value, Json):
        return json.loads(value)
    if isinstance(value, bool):
        return value
    return int(value) if isinstance(value, int) else value


def _duration(value: object) -> Duration:
    if isinstance(value, Duration):
        return value
    if isinstance(value, str) and not WHOLE.fullmatch(value.strip()):
        return Duration.parse(value.strip())
    message = f"{shown(value)} has no unit: write a duration such as 500ms 30s 1h 7d"
    raise ValueError(message)


def _size(value: object) -> Size:
    if isinstance(value, Size):
        return value
    if isinstance(value, str) and not WHOLE.fullmatch(value.strip()):
        return Size.parse(value.strip())
    message = f"{shown(value)} has no unit: write a size such as 64MiB 50mb 10b"
    raise ValueError(message)


def _count(value: object) -> int:
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(not_whole(value))


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in {"true", "false"}:
        return value == "true"
    message = f"{shown(value)} is not true or false"
    raise ValueError(message)


def arguments(value: object) -> Pairs:
    """Freeze a map of arguments; raises ValueError where it is none, or a value has no JSON type."""
    if isinstance(value, tuple):
        return value
    if not isinstance(value, dict) or not all(isinstance(key, str) and key for key in value):
        message = "must be a map of argument names to values"
        raise ValueError(message)
    for key, each in value.items():
        if each is None:
            message = f"{key}: null is no value; leave the argument out"
            raise ValueError(message)
        try:
            json.dumps(each, allow_nan=False)
        except (TypeError, ValueError):
            message = f"{key}: RabbitMQ takes text, numbers, true, false, lists and maps here"
            raise ValueError(message) from None
    return freeze(value)


_DURATION_SCHEMA = {"type": "string", "examples": ["500ms", "30s", "1h", "7d"]}
_SIZE_SCHEMA = {"type": "string", "examples": ["64MiB", "50mb", "10b"]}
DurationField = Annotated[Duration, BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
SizeField = Annotated[Size, BeforeValidator(_size), WithJsonSchema(_SIZE_SCHEMA)]
Count = Annotated[int, BeforeValidator(_count)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Arguments = Annotated[Pairs, BeforeValidator(arguments), WithJsonSchema({"type": "object"})]
Name = Annotated[str, Field(min_length=1)]
