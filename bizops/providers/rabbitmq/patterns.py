"""Patterns of policies: ours, which name queues one by one, and others, which the broker searches as PCRE on bytes."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

MAX_PATTERN = 30_000
"""Bytes. The broker refuses a regular expression from about 31,000 on (3.10.8 and 4.0.5)."""
_LITERAL = re.compile(rb"(?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])*", re.DOTALL)
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]|.", re.DOTALL)
_OPEN, _CLOSE = "^(?:", ")$"


def of_names(names: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give patterns that match these names and no others, each with its names; none is longer than MAX_PATTERN."""
    part: list[str] = []
    length = 0
    for name in names:
        text = _escaped(name)
        if part and length + len(text.encode()) + 1 > MAX_PATTERN:
            yield _pattern(part), tuple(part)
            part, length = [], 0
        part.append(name)
        length += len(text.encode()) + 1
    if part:
        yield _pattern(part), tuple(part)


def _pattern(names: Sequence[str]) -> str:
    return f"{_OPEN}{'|'.join(_escaped(name) for name in names)}{_CLOSE}"


def _escaped(name: str) -> str:
    """Put a backslash before every ASCII character that is neither letter nor digit nor underscore."""
    return "".join(
        char if not char.isascii() or char.isalnum() or char == "_" else f"\\{char}"
        for char in name
    )


@functools.lru_cache(maxsize=4096)
def matcher(pattern: str) -> Callable[[str], bool] | None:
    """Give a function that says whether a name matches; None where the pattern cannot be read here."""
    names = _names(pattern)
    if names is not None:
        return names.__contains__
    if _explodes(pattern):
        return None
    try:
        compiled = re.compile(pattern.encode())
    except (re.error, OverflowError):
        return None
    return lambda name: compiled.search(name.encode()) is not None


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


def _names(pattern: str) -> frozenset[str] | None:
    """Give the names of a pattern of ours; None for any other pattern."""
    if not (pattern.startswith(_OPEN) and pattern.endswith(_CLOSE)):
        return None
    alternatives = re.split(r"(?<!\\)\|", pattern[len(_OPEN) : -len(_CLOSE)])
    if not all(_LITERAL.fullmatch(text.encode()) for text in alternatives):
        return None
    return frozenset(re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text in alternatives)
