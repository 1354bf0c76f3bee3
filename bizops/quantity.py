"""Durations and sizes, as people write them and as the systems store them.

A `Duration` is an int of milliseconds, a `Size` an int of bytes; both print as people write them,
so a plan shows `1h -> 2h` while a provider writes plain numbers.
"""

from __future__ import annotations

import re
from decimal import Decimal

_MILLISECONDS = {
    "ms": 1,
    "s": 1_000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_BYTES = {
    "b": 1,
    "kb": 1_000,
    "mb": 1_000_000,
    "gb": 1_000_000_000,
    "tb": 1_000_000_000_000,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}
_LARGEST = 2**63 - 1
"""All three systems keep milliseconds and bytes as signed numbers of 64 bits."""
_SHOWN = 60
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", re.ASCII)
_DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+\Z", re.ASCII)
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]i?b|b)\Z", re.ASCII | re.IGNORECASE)


class Duration(int):
    """Milliseconds. Prints as the one largest unit that divides it: `90s`, `1h`, `7d`."""

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `500ms 30s 1m30s 1h 7d 2w`; raises ValueError with a hint on anything else."""
        if not _DURATION.match(text):
            message = f"{shown(text)} is not a duration: write a number and a unit, such as 500ms 30s 1h 7d 2w"
            raise ValueError(message)
        total = sum(
            Decimal(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(text)
        )
        if total > _LARGEST:
            message = "no duration is that long"
            raise ValueError(message)
        if total != int(total):
            message = f"{shown(text)} is finer than a millisecond"
            raise ValueError(message)
        return cls(int(total))

    def __str__(self) -> str:
        """Give the largest unit that divides it; weeks are shown as days, as people count retention."""
        for unit in ("d", "h", "m", "s"):
            if self and self % _MILLISECONDS[unit] == 0:
                return f"{int(self) // _MILLISECONDS[unit]}{unit}"
        return f"{int(self)}ms"

    __repr__ = __str__


class Size(int):
    """Bytes. Prints in the largest binary unit that divides it, else the largest decimal one, else as bytes."""

    @classmethod
    def parse(cls, text: str) -> Size:
        """Read `64MiB 50mb 10b`; raises ValueError with a hint on anything else."""
        found = _SIZE.match(text.strip())
        if not found:
            message = (
                f"{shown(text)} is not a size: write a number and a unit, such as 64MiB 50mb 1GiB"
            )
            raise ValueError(message)
        total = Decimal(found[1]) * _BYTES[found[2].lower()]
        if total > _LARGEST:
            message = "no size is that large"
            raise ValueError(message)
        if total != int(total):
            message = f"{shown(text)} is not a whole number of bytes"
            raise ValueError(message)
        return cls(int(total))

    def __str__(self) -> str:
        """Give the largest unit that divides it."""
        for unit, name in (
            ("tib", "TiB"), ("gib", "GiB"), ("mib", "MiB"), ("kib", "KiB"),
            ("tb", "TB"), ("gb", "GB"), ("mb", "MB"), ("kb", "kB"),
        ):  # fmt: skip
            if self and self % _BYTES[unit] == 0:
                return f"{int(self) // _BYTES[unit]}{name}"
        return f"{int(self)}B"

    __repr__ = __str__


def not_whole(value: object) -> str:
    """Say why a value is no whole number that any system takes."""
    is_number = isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value.strip())
    return f"{shown(value)} is {'too large' if is_number else 'not a whole number'}"


def shown(value: object) -> str:
    """Give a value for a complaint about it, as YAML spells it; a map or list may hold secrets, and is only named."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        text = repr(value)
        return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return "a map" if isinstance(value, dict) else "a list"
