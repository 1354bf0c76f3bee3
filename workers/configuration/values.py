"""How the text of a setting becomes its value. No message repeats the text: it may be a secret in the wrong place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

DAY = 86400
"""Seconds."""
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": DAY}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZES = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "KB": 1000, "MB": 1_000_000}
_SIZE = re.compile(r"(\d+)\s*(B|KiB|MiB|KB|MB)")
MAX_PORT = 65535


class Secret(str):
    """A text that prints as `(hidden)` wherever it is shown; `reveal` gives it to the client that needs it."""

    __slots__ = ()

    def __str__(self) -> str:
        """Hide it, also in f-strings and logs."""
        return "(hidden)"

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def reveal(self) -> str:
        """Give the text itself."""
        return str.__str__(self)


class Seconds(float):
    """A time in seconds that prints as people write it: `30s`, `2m`, `1h`."""

    __slots__ = ()

    def __str__(self) -> str:
        """Give the largest unit that divides it."""
        for unit in ("d", "h", "m", "s"):
            if self and self % _UNITS[unit] == 0:
                return f"{self / _UNITS[unit]:.0f}{unit}"
        return f"{self * 1000:.0f}ms" if self else "0s"


class Size(int):
    """A size in bytes that prints as people write it: `256KiB`, `1MiB`."""

    __slots__ = ()

    def __str__(self) -> str:
        """Give the largest binary unit that divides it."""
        for unit in ("MiB", "KiB"):
            if self and self % _SIZES[unit] == 0:
                return f"{self // _SIZES[unit]}{unit}"
        return f"{int(self)}B"


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs, in USD per million tokens."""

    prompt: float
    completion: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Give USD, to a millionth."""
        total = prompt_tokens * self.prompt + completion_tokens * self.completion
        return round(total / 1_000_000, 6)

    def __str__(self) -> str:
        return f"{self.prompt:g}/{self.completion:g}"


def text(value: str) -> str:
    """Take any text."""
    return value


def flag(value: str) -> bool:
    """Read true or false; raises ValueError."""
    if value.lower() not in {"true", "false", "1", "0"}:
        message = "must be true or false"
        raise ValueError(message)
    return value.lower() in {"true", "1"}


def number(low: int, high: int) -> Callable[[str], int]:
    """Give a reader of whole numbers within bounds; it raises ValueError."""

    def parse(value: str) -> int:
        if not value.isdecimal() or not low <= int(value) <= high:
            message = f"must be a whole number from {low} to {high}"
            raise ValueError(message)
        return int(value)

    return parse


port = number(1, MAX_PORT)


def choice(*words: str) -> Callable[[str], str]:
    """Give a reader of one of some words, in any case; it raises ValueError."""
    known = {word.lower(): word for word in words}

    def parse(value: str) -> str:
        if value.lower() not in known:
            message = f"must be one of {', '.join(words)}"
            raise ValueError(message)
        return known[value.lower()]

    return parse


def seconds(low: float, high: float = 30 * DAY) -> Callable[[str], Seconds]:
    """Give a reader of durations such as `500ms 30s 1m30s 2h`, from `low` to `high` seconds; it raises ValueError."""

    def parse(value: str) -> Seconds:
        parts = _PART.findall(value)
        if "".join(map("".join, parts)) != value:
            message = "must be a number and a unit, such as 500ms 30s 2m 1h"
            raise ValueError(message)
        total = Seconds(sum(float(count) * _UNITS[unit] for count, unit in parts))
        if not low <= total <= high:
            message = f"must be from {Seconds(low)} to {Seconds(high)}"
            raise ValueError(message)
        return total

    return parse


def size(value: str) -> Size:
    """Read a size such as `256KiB`, at most 128 MiB, as RabbitMQ's own limit is; raises ValueError."""
    found = _SIZE.fullmatch(value)
    total = Size(int(found[1]) * _SIZES[found[2]] if found else 0)
    if not 1 <= total <= 128 << 20:
        message = "must be a size such as 256KiB, from 1B to 128MiB"
        raise ValueError(message)
    return total


def model(value: str) -> str:
    """Read PROVIDER/NAME; raises ValueError."""
    provider, _, name = value.partition("/")
    if provider not in {"openai", "anthropic"} or not name:
        message = "must be openai/NAME or anthropic/NAME"
        raise ValueError(message)
    return value


def price(value: str) -> Price:
    """Read PROMPT/COMPLETION, both in USD per million tokens; raises ValueError."""
    try:
        prompt, completion = map(float, value.split("/"))
    except ValueError:
        prompt = completion = -1.0
    if not (0 <= prompt < math.inf and 0 <= completion < math.inf):
        message = "must be USD per million tokens for prompt/completion, such as 0.15/0.60"
        raise ValueError(message)
    return Price(prompt, completion)
