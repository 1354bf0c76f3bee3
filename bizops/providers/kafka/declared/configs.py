"""Topic configs as people write them and as Kafka stores them; pure.

Kafka stores every config as text. A key that ends in `.ms` is a number of milliseconds, one that ends in `.bytes` a
number of bytes (Apache Kafka 4.3, topic configs), so both take units here. Both sides of a comparison pass through
`normalised`, so that `7d`, `604800000` and "604800000" are one value.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from bizops.quantity import Duration, Size

if TYPE_CHECKING:
    from collections.abc import Sequence

APACHE_KEYS = (
    "cleanup.policy", "compression.gzip.level", "compression.lz4.level", "compression.type",
    "compression.zstd.level", "delete.retention.ms", "file.delete.delay.ms", "flush.messages",
    "flush.ms", "index.interval.bytes", "local.retention.bytes", "local.retention.ms",
    "max.compaction.lag.ms", "max.message.bytes", "message.timestamp.after.max.ms",
    "message.timestamp.before.max.ms", "message.timestamp.type", "min.cleanable.dirty.ratio",
    "min.compaction.lag.ms", "min.insync.replicas", "preallocate", "remote.log.copy.disable",
    "remote.log.delete.on.disable", "remote.storage.enable", "retention.bytes", "retention.ms",
    "segment.bytes", "segment.index.bytes", "segment.jitter.ms", "segment.ms",
    "unclean.leader.election.enable",
)  # fmt: skip
"""The topic configs of Apache Kafka 4.3: only for "did you mean". Which keys exist is for the broker to say."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9.-]*")
_WHOLE = re.compile(r"[+-]?[0-9]{1,40}")
_DECIMAL = re.compile(r"[+-]?[0-9]{0,40}\.[0-9]{1,40}")
_LONG = 2**63 - 1
_SETS = frozenset({"cleanup.policy"})

Value = int | float | str


def is_ignored(key: str) -> bool:
    """True for the keys that a running reassignment sets and takes away again by itself."""
    return key.endswith(".replication.throttled.replicas")


def nearest(key: str) -> str:
    """Give Kafka's key that is most like this one, or ""."""
    known = difflib.get_close_matches(key.replace("_", ".").lower(), APACHE_KEYS, 1, 0.7)
    return known[0] if known else ""


def key_problem(key: str) -> str:
    """Say why this cannot be the name of a topic config, or ""."""
    if is_ignored(key):
        return "it belongs to whoever moves partitions: bizops leaves it alone"
    if _KEY.fullmatch(key):
        return ""
    near = nearest(key)
    return "not the name of a topic config" + (f": did you mean {near}?" if near else "")


def normalised(key: str, value: Any) -> Value:  # noqa: ANN401 - whatever YAML gives
    """Give the one form of a declared value; raises ValueError with a hint.

    Accepts numbers, units, booleans, text, and lists for keys that hold several values.
    """
    if isinstance(value, bool):
        return _flag(key, value=value)
    if isinstance(value, list | tuple):
        return _joined(key, value)
    if isinstance(value, int):
        return _number(key, value)
    if isinstance(value, float):
        if _unit(key):
            message = f"{value} is not a whole number"
            raise ValueError(message)
        return value
    if isinstance(value, str):
        return _read(key, value.strip())
    message = "write one value, not a map"
    raise ValueError(message)


def observed(key: str, stored: str) -> Value:
    """Give the one form of a stored value; what does not fit the rules above stays text."""
    try:
        return normalised(key, stored)
    except ValueError:
        return stored


def stored(value: Value) -> str:
    """Give the text that Kafka stores for a normalised value."""
    return str(int(value)) if isinstance(value, int) else str(value)


def _read(key: str, text: str) -> Value:
    if _WHOLE.fullmatch(text):
        return _number(key, int(text))
    unit = _unit(key)
    if unit is not None:
        return unit.parse(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return _text(key, text)


def _joined(key: str, items: Sequence[Any]) -> Value:
    if _unit(key):
        message = "write one value, not a list"
        raise ValueError(message)
    if not all(isinstance(item, str | int | float) for item in items):
        message = "a list holds single values here"
        raise ValueError(message)
    return _text(key, ",".join(str(item).strip() for item in items))


def _text(key: str, text: str) -> Value:
    if key in _SETS:
        return ",".join(sorted({part.strip() for part in text.split(",")}))
    return text.lower() if text.lower() in {"true", "false"} else text


def _flag(key: str, *, value: bool) -> str:
    if _unit(key):
        example = "7d" if _unit(key) is Duration else "64MiB"
        message = f"write a number and a unit, such as {example}, not {str(value).lower()}"
        raise ValueError(message)
    return str(value).lower()


def _number(key: str, number: int) -> int:
    """Keep -1 (no limit), -2 (as the other setting) and Kafka's largest number as they are: they are no amounts."""
    if abs(number) > _LONG:
        message = f"{number} is larger than Kafka can store"
        raise ValueError(message)
    unit = _unit(key)
    return unit(number) if unit is not None and 0 <= number < _LONG else number


def _unit(key: str) -> type[Duration | Size] | None:
    if key.endswith(".ms"):
        return Duration
    return Size if key.endswith(".bytes") else None
