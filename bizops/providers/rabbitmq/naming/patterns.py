"""Patterns of policies: ours, which name queues one by one, and others, which the broker searches as PCRE on bytes."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.naming import regular_expressions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

MAX_BYTES = 1024
"""RabbitMQ 4.3 takes no longer pattern; 4.0.5 and 3.10.8 take a regular expression of up to about 31,000 bytes.

A name alone always fits: it has at most 255 bytes, and a backslash for each.
"""
MAX_NAMES = 500
"""Of one pattern, however short: a change of one queue writes the pattern of its neighbours anew."""

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|.", re.DOTALL)
_BEGIN, _END, _STRICT_END = "^", "$", r"\z"


def of_names(
    names: Sequence[str], with_line_feed: Collection[str] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give patterns that match these names and no other queue, each with its names; as few as a greedy cut gives.

    `with_line_feed` are names that another queue has with a line feed behind: `$` would match that one too (tried on
    4.0.5 and 4.3.6; such a queue can come from an import of definitions). Names of one pattern are neighbours.
    """
    rest = sorted(set(names))
    size = 1
    while rest:
        size = _most(rest, size, with_line_feed)
        yield of_one(rest[:size], with_line_feed), tuple(rest[:size])
        rest = rest[size:]


def _most(names: Sequence[str], guess: int, with_line_feed: Collection[str]) -> int:
    """Give how many of the first names fit into one pattern: one that fits, and the next that was tried does not."""
    fitting, too_many = 1, min(len(names), MAX_NAMES) + 1
    size = guess
    while fitting + 1 < too_many:
        size = max(fitting + 1, min(size, too_many - 1))
        length = len(of_one(names[:size], with_line_feed).encode())
        if length <= MAX_BYTES:
            fitting = size
        else:
            too_many = size
        size = size * MAX_BYTES // length
    return fitting


def is_fit(pattern: str) -> bool:
    """True where every version of the broker takes a pattern of this length."""
    return len(pattern.encode()) <= MAX_BYTES


def is_exact(pattern: str, with_line_feed: Collection[str]) -> bool:
    """True where a pattern of our form matches no queue but those it lists."""
    listed = names(pattern)
    return listed is not None and (
        pattern.endswith(_STRICT_END) or listed.isdisjoint(with_line_feed)
    )


def of_one(names: Sequence[str], with_line_feed: Collection[str] = ()) -> str:
    """Give one pattern for these names, however long: their list if that fits, else the shortest that is known."""
    end = _STRICT_END if any(name in with_line_feed for name in names) else _END
    listed = f"{_BEGIN}(?:{'|'.join(map(regular_expressions.escaped, names))}){end}"
    if is_fit(listed):
        return listed
    return min(
        listed,
        f"{_BEGIN}{regular_expressions.factored(names)}{end}",
        key=lambda text: len(text.encode()),
    )


@functools.lru_cache(maxsize=4096)
def names(pattern: str) -> frozenset[str] | None:
    """Give the names that a pattern lists, in our form; None for any other pattern.

    One that ends in `$` matches each of them with a line feed behind as well.
    """
    for end in (_END, _STRICT_END):
        if pattern.startswith(_BEGIN) and pattern.endswith(end):
            return regular_expressions.names(pattern[len(_BEGIN) : -len(end)])
    return None


def among(pattern: str, candidates: Collection[str]) -> list[str]:
    """Give those of these names that a pattern is meant for, sorted: listed ones, or else those that it matches."""
    listed = names(pattern)
    if listed is not None:
        found = candidates if len(candidates) < len(listed) else listed
        return sorted(name for name in found if name in listed and name in candidates)
    matches = matcher(pattern)
    return sorted(filter(matches, candidates)) if matches is not None else []


@functools.lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Give a function that says whether a name matches; None where the pattern cannot be read here."""
    listed = names(pattern)
    if listed is not None:
        return listed.__contains__ if pattern.endswith(_STRICT_END) else _or_line_feed(listed)
    if _explodes(pattern):
        return None
    try:
        compiled = re.compile(pattern.encode())
    except (re.error, OverflowError):
        return None
    return lambda name: compiled.search(name.encode()) is not None


def _or_line_feed(listed: Collection[str]) -> Callable[[str], bool]:
    return lambda name: name in listed or (name[-1:] == "\n" and name[:-1] in listed)


def _explodes(pattern: str) -> bool:
    """True where a repeated group holds a repeat or a choice, as in `(a+)+$`: that may try for ever, even on 40 bytes.

    The broker's PCRE gives up after a number of steps; Python's `re` does not.
    """
    held, closed = [False], False
    for part in _TOKEN.findall(pattern):
        if part == "(":
            held.append(False)
        elif part == ")" and len(held) > 1:
            closed = held.pop()
            held[-1] |= closed
            continue
        elif part in {"*", "+", "{", "|"}:
            if closed and part != "|":
                return True
            held[-1] = True
        closed = False
    return False
