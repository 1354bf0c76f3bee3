"""The tree of a topology file: every value with the place where it was written.

Nodes are frozen and may be shared (an anchor and its aliases are one node). Nothing here reads or judges.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

_BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,39})\Z")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,14}\Z")
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


def lines_of(text: str) -> list[str]:
    """Give the lines of a file as YAML counts them."""
    return _BREAKS.split(text)


class Span(NamedTuple):
    """A stretch of a file; lines and columns count from 1, the end is exclusive. Line 0: the file as a whole."""

    file: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0


class Scalar(NamedTuple):
    """A single value as text. `is_plain`: written without quotes, so that YAML gives it a type.

    `template`: what was written, where a template gave the text; `variables` are those that had a value, `defaults`
    those that had none.
    `removes`: a null that lies over something else.
    """

    span: Span
    text: str
    is_plain: bool
    template: str = ""
    variables: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()
    removes: bool = False

    @property
    def is_interpolated(self) -> bool:
        """True where a template gave the text."""
        return bool(self.template)

    @property
    def is_null(self) -> bool:
        """True for an empty plain value, `~` and `null`; a template never gives one."""
        return self.is_plain and not self.is_interpolated and self.text in _NULLS

    def value(self) -> Any:  # noqa: ANN401 - a scalar of YAML is None, bool, int, float or str
        """Give the typed value.

        A number is one only where printing it gives back what was written: `1.10`, `+5` and `0x1F` stay text, which
        every numeric field reads as well, and a version never loses its last digit.
        """
        text = self.text
        if not self.is_plain:
            return text
        if text in _NULLS:
            return text if self.is_interpolated else None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if _INTEGER.match(text):
            return int(text)
        if _FLOAT.match(text) and str(float(text)) == text:
            return float(text)
        return text


class Listing(NamedTuple):
    """A YAML sequence."""

    span: Span
    items: tuple[Node, ...]


class Entry(NamedTuple):
    """One pair of a map: the place of its key, and its value."""

    key: Span
    value: Node


class Mapping(NamedTuple):
    """A YAML map; keys are text, in the order of the file."""

    span: Span
    entries: dict[str, Entry]


Node = Scalar | Listing | Mapping


def is_null(node: Node) -> bool:
    """True where a null was written."""
    return isinstance(node, Scalar) and node.is_null


def idle_nulls(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Give the keys whose null removes nothing, with their paths.

    A plain `null` at the top says *not managed*. Elsewhere it is a slip: a value that was forgotten, or Compose's
    short form of `{}` or of a variable that is passed on.
    """
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            value = entry.value
            if not isinstance(value, Scalar):
                yield from idle_nulls(value, (*path, name))
            elif value.is_null and not value.removes and (path or not value.text):
                yield entry.key, (*path, name)


def data(node: Node, texts: Collection[Span] = ()) -> Any:  # noqa: ANN401 - plain values, as a model takes them
    """Give the plain value of a tree; scalars at the places in `texts` stay text.

    A key whose value is null is left out: that is how a key is removed.
    """
    if isinstance(node, Scalar):
        return node.text if node.span in texts else node.value()
    if isinstance(node, Listing):
        return [data(item, texts) for item in node.items]
    return {
        name: data(entry.value, texts)
        for name, entry in node.entries.items()
        if not is_null(entry.value)
    }


class Found(NamedTuple):
    """Where a path leads: the deepest node and key on the way, and how many segments led there."""

    node: Node
    key: Span | None
    path: tuple[str, ...]


def find(node: Node, path: Sequence[str | int]) -> Found:
    """Follow a path as far as it goes; segments that lead nowhere are skipped.

    A segment may be the name of a branch that a model tried rather than a key, so what follows it still counts.
    """
    key: Span | None = None
    walked: list[str] = []
    for segment in path:
        if isinstance(node, Mapping) and (entry := node.entries.get(str(segment))):
            node, key = entry.value, entry.key
        elif isinstance(node, Listing) and (item := _item(node, segment)):
            node, key = item, None
        else:
            continue
        walked.append(str(segment))
    return Found(node, key, tuple(walked))


def _item(node: Listing, segment: str | int) -> Node | None:
    """Give an item by its number; by name the item `NAME` or `NAME=value`, as Compose writes maps as lists."""
    if isinstance(segment, int):
        return node.items[segment] if segment < len(node.items) else None
    for item in node.items:
        if isinstance(item, Scalar) and item.text.partition("=")[0] == segment:
            return item
    return None


def written(node: Node, path: Sequence[str]) -> str:
    """Give a path as one text; where a variable gave a part of it, as the file has it: `secrets.${NAME}`."""
    templates = {
        text: template
        for scalar in scalars(node)
        if scalar.template
        for text, template in (
            (scalar.text, scalar.template),
            (scalar.text.partition("=")[0], scalar.template.partition("=")[0]),
        )
    }
    return ".".join(templates.get(segment, segment) for segment in path)


def scalars(node: Node) -> Iterator[Scalar]:
    """Give every scalar of a tree, in order."""
    if isinstance(node, Scalar):
        yield node
    elif isinstance(node, Listing):
        for item in node.items:
            yield from scalars(item)
    else:
        for entry in node.entries.values():
            yield from scalars(entry.value)


def keys_within(node: Node) -> frozenset[str]:
    """Give the keys of all maps of a tree."""
    return frozenset(segment for _, path in paths(node) for segment in path)


def paths(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[Span, tuple[str, ...]]]:
    """Give the place of every key and value with its path; items of a list have the path of the list."""
    yield node.span, path
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            yield entry.key, (*path, name)
            yield from paths(entry.value, (*path, name))
    elif isinstance(node, Listing):
        for item in node.items:
            yield from paths(item, path)
