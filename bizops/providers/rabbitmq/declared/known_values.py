"""What the broker takes as value of arguments and policy keys that it knows; pure.

Tried with `PUT` on 3.10.8 and 4.0.5 (`rabbit_amqqueue:declare_args`, `rabbit_policies:validate_policy`). A key that is
not here may be a plugin's, and is the broker's to judge.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Literal, get_args

from bizops.quantity import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

Overflow = Literal["drop-head", "reject-publish", "reject-publish-dlx"]
Strategy = Literal["at-most-once", "at-least-once"]
_LEADERS = ("client-local", "balanced", "random", "least-leaders")
_WORDS = {
    "queue-mode": ("default", "lazy"),
    "queue-leader-locator": _LEADERS,
    "x-queue-leader-locator": (*_LEADERS, "min-masters"),
    "overflow": get_args(Overflow),
    "dead-letter-strategy": get_args(Strategy),
    "match": ("all", "any", "all-with-x", "any-with-x"),
}
_BOUNDS: dict[str, tuple[int, int | None]] = {
    "max-length": (0, None),
    "max-length-bytes": (0, None),
    "message-ttl": (0, None),
    "expires": (1, None),
    "queue-version": (1, 2),
    "quorum-initial-group-size": (1, None),
    "initial-cluster-size": (0, None),
    "x-initial-cluster-size": (1, None),
    "max-in-memory-length": (0, None),
    "max-in-memory-bytes": (0, None),
    "stream-max-segment-size-bytes": (0, None),
    "stream-filter-size-bytes": (16, 255),
}
_TEXTS = frozenset({"alternate-exchange", "dead-letter-exchange", "dead-letter-routing-key"})
_AGE = re.compile(r"\d+[YMDhms]")


def problem(key: str, value: Any) -> str:  # noqa: ANN401 - whatever YAML gives
    """Say why the broker refuses a value of a key, which is an argument's (`x-max-age`) or a policy's, or ""."""
    name = key if key in {*_WORDS, *_BOUNDS} else key.removeprefix("x-")
    if name in _WORDS and value not in _WORDS[name]:
        return f"{key}: {shown(value)} is none of {', '.join(_WORDS[name])}"
    if name in _BOUNDS:
        return _out_of_bounds(key, value, *_BOUNDS[name])
    if name in _TEXTS and not isinstance(value, str):
        return f"{key}: {shown(value)} is no text"
    if name == "max-age" and not (isinstance(value, str) and _AGE.fullmatch(value)):
        return f"{key}: {shown(value)} is no age: a number and one of Y M D h m s, such as 7D"
    return ""


def problems(pairs: Iterable[tuple[str, Any]]) -> str:
    """Give all problems of some arguments as one text, or ""."""
    return "; ".join(filter(None, (problem(key, value) for key, value in pairs)))


def _out_of_bounds(key: str, value: Any, least: int, most: int | None) -> str:  # noqa: ANN401 - as above
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and value >= least and (most is None or value <= most):
        return ""
    end = "on" if most is None else f"to {most}"
    return f"{key}: {shown(value)} is not a whole number from {least} {end}"
