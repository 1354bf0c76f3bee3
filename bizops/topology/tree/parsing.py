"""From the bytes of a YAML file to a tree with places.

Reads parser events rather than objects, because only events know quoting, duplicate keys and aliases, and because a
limit can then be enforced while reading. The dialect is YAML 1.2 as people expect it; what 1.1 readers take for
something else (`on`, `12:30`, `1_000`, `010`) is a fault, so that no two tools read one file differently.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from bizops.topology.tree import syntax
from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar, Span

if TYPE_CHECKING:
    from bizops.topology.tree.faults import Faults

BYTES = 4 << 20
"""Largest file that is read: 4 MiB, twenty times a topology of 2,000 resources."""
VALUES = 250_000
"""Most values that a file may hold once its aliases are followed; bounds what an anchor can explode to."""
DEPTH = 50
"""Deepest nesting; a topology needs about eight levels."""

_EMPTY = "empty: a topology begins with bizops: 1, and an overlay that changes nothing is {}"
# libyaml is ten times as fast; PyYAML without it reads the same.
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = frozenset(
    {None, "!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}
)
_SWITCH = re.compile(r"(?:yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)\Z")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_UNDERSCORED = re.compile(r"[-+]?(?:0[bx])?[0-9][0-9a-fA-F]*_[0-9a-fA-F_]*(?:\.[0-9_]*)?\Z")
_OCTAL = re.compile(r"[-+]?0[0-7]+\Z|[-+]?0b[01]+\Z")
# A fault never repeats the value: it may be a password.
_TRAPS = (
    (_SWITCH, "true or false to some YAML readers and text to others", "write true or false, or quote it"),
    (_SEXAGESIMAL, "a number in base 60 to some YAML readers, so 12:30 is 750", "quote it"),
    (_UNDERSCORED, "a number to some YAML readers and text to others", "leave out the _, or quote it"),
    (_OCTAL, "octal or binary to some YAML readers", "leave out the leading zero, or quote it"),
)  # fmt: skip


class _Anchor(NamedTuple):
    """What an anchor names; how many values it holds, and how many levels, aliases followed."""

    node: Node
    size: int
    height: int


class UnreadableError(Exception):
    """The file cannot be read further; its fault is already noted."""


def read(file: str, content: bytes, faults: Faults) -> Mapping | None:
    """Read one file; notes every fault and gives None where there is no tree to go on with."""
    if len(content) > BYTES:
        faults.add(Span(file), f"larger than {BYTES >> 20} MiB: no topology needs that much")
        return None
    try:
        text = syntax.decoded(content)
        faults.show(file, text)
        reader = _Reader(file, text, faults)
        tree = reader.document()
    except UnicodeDecodeError as error:
        faults.add(*syntax.encoding_fault(file, error))
        return None
    except yaml.YAMLError as error:
        faults.add(*syntax.syntax_fault(file, text, error))
        return None
    except UnreadableError:
        return None
    if not isinstance(tree, Mapping):
        found = "a list" if isinstance(tree, Listing) else "text"
        faults.add(tree.span, f"this is {found}: a topology is a map that begins with bizops: 1")
        return None
    faults.learn(file, tree, reader.dropped)
    return tree


class _Reader:
    """Builds the tree of one document from parser events."""

    def __init__(self, file: str, text: str, faults: Faults) -> None:
        self._file = file
        self._parser = _Parser(text)
        self._faults = faults
        self._anchors: dict[str, _Anchor | None] = {}
        self.dropped: list[Mapping] = []
        self._values = 0
        self._deepest = 0
        self._tabbed = syntax.tabbed(text)

    def document(self) -> Node:
        """Give the tree of the only document."""
        event = self._next()
        while not isinstance(event, DocumentStartEvent):
            if isinstance(event, StreamEndEvent):
                self._faults.add(Span(self._file), _EMPTY)
                raise UnreadableError
            event = self._next()
        tree = self._node(self._next(), 0)
        self._next()
        if not isinstance(extra := self._next(), StreamEndEvent):
            self._refuse(self._span(extra), "a second document: write one topology in a file")
        if isinstance(tree, Scalar) and tree.is_null:
            self._refuse(Span(self._file), _EMPTY)
        return tree

    def _next(self) -> Any:  # noqa: ANN401 - PyYAML's events have no common type worth naming
        return self._parser.get_event()

    def _refuse(self, span: Span, problem: str) -> NoReturn:
        self._faults.add(span, problem)
        raise UnreadableError

    def _span(self, event: Any) -> Span:  # noqa: ANN401 - an event
        start, end = event.start_mark, event.end_mark
        return Span(self._file, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - an event
        self._values += 1
        kind = type(event)
        if kind is AliasEvent:
            return self._alias(event, depth)
        self._reach(depth, event)
        before, deepest = self._values, self._deepest
        if event.anchor:
            self._deepest = depth
            self._anchors[event.anchor] = None
        if event.tag not in _TAGS:
            problem = "a tag: write the value alone, it has the type that its field has"
            self._faults.add(self._span(event), problem)
        node: Node
        if kind is ScalarEvent:
            node = self._scalar(event)
        elif kind is MappingStartEvent:
            node = self._mapping(event, depth)
        else:
            node = self._listing(event, depth)
        if event.anchor:
            size, height = self._values - before + 1, self._deepest - depth
            self._anchors[event.anchor] = _Anchor(node, size, height)
            self._deepest = max(deepest, self._deepest)
        if self._values > VALUES:
            self._refuse(node.span, f"more than {VALUES:,} values, counting what aliases repeat")
        return node

    def _reach(self, depth: int, event: Any) -> None:  # noqa: ANN401 - an event
        if depth > DEPTH:
            self._refuse(self._span(event), f"nested deeper than {DEPTH} levels")
        self._deepest = max(self._deepest, depth)

    def _alias(self, event: Any, depth: int) -> Node:  # noqa: ANN401 - an event
        span = self._span(event)
        if event.anchor not in self._anchors:
            hint = self._faults.nearest(event.anchor, self._anchors)
            hint = hint or "text that begins with * is quoted"
            self._faults.add(span, "an alias of an anchor that does not stand above", hint=hint)
            raise UnreadableError
        found = self._anchors[event.anchor]
        if found is None:
            self._refuse(span, "an alias inside of what it stands for")
        self._reach(depth + found.height, event)
        self._values += found.size
        if self._values > VALUES:
            self._refuse(
                span, f"aliases explode: more than {VALUES:,} values once they are followed"
            )
        return found.node

    def _scalar(self, event: Any) -> Scalar:  # noqa: ANN401 - an event
        node = Scalar(self._span(event), event.value, event.implicit[0])
        self._check_trap(event, node.span)
        return node

    def _check_trap(self, event: Any, span: Span) -> None:  # noqa: ANN401 - an event
        if event.implicit[0]:
            for trap, problem, hint in _TRAPS:
                if trap.match(event.value):
                    self._faults.add(span, problem, hint=hint)

    def _listing(self, event: Any, depth: int) -> Listing:  # noqa: ANN401 - an event
        items = []
        while type(inner := self._next()) is not SequenceEndEvent:
            items.append(self._node(inner, depth + 1))
        return Listing(self._span(event), tuple(items))

    def _mapping(self, event: Any, depth: int) -> Mapping:  # noqa: ANN401 - an event
        entries: dict[str, Entry] = {}
        merged: list[Node] = []
        while type(inner := self._next()) is not MappingEndEvent:
            if type(inner) is not ScalarEvent:
                self._refuse(
                    self._span(inner), 'a key that is no text: quote it, or did you mean "${...}"?'
                )
            key = self._span(inner)
            self._check_trap(inner, key)
            if key.line in self._tabbed:
                self._tabbed.remove(key.line)
                self._faults.add(key, "a tab before this key: YAML is indented with spaces only")
            value = self._node(self._next(), depth + 1)
            name = inner.value
            is_merge = name == "<<" and inner.implicit[0]
            if not is_merge and name not in entries:
                entries[name] = Entry(key, value)
                continue
            self.dropped.append(Mapping(key, {name: Entry(key, value)}))
            if is_merge and merged:
                problem = "already set in this map: to merge several, write <<: [*one, *other]"
                self._faults.add(key, problem)
            elif is_merge:
                merged.append(value)
            else:
                first = entries[name].key
                self._faults.add(key, f"already set in line {first.line}", field=name)
        for value in merged:
            self._merge(entries, value)
        return Mapping(self._span(event), entries)

    def _merge(self, entries: dict[str, Entry], value: Node) -> None:
        """Carry out `<<`: keys of the map itself win, and of several maps the earlier."""
        if isinstance(value, Listing):
            for item in value.items:
                self._merge(entries, item)
        elif isinstance(value, Mapping):
            for name, entry in value.entries.items():
                entries.setdefault(name, entry)
        else:
            self._faults.add(value.span, "<< merges a map or a list of maps")
