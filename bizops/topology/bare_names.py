"""Names without a value inside an entry, as Compose files have them: `environment: {TZ: }`, `- TZ`, `networks: {a: }`.

What removes a value of an earlier file, or of the defaults, is no such name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops.sensitive import is_telltale
from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar, is_null

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Variables

    from bizops.provider import Kind
    from bizops.topology.tree.faults import Faults
    from bizops.topology.tree.nodes import Span

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")


class BareNames:
    """Fills in what stands for a name alone: the shell's variable of that name, or an empty group of settings."""

    def __init__(self, kind: Kind, variables: Variables[str, str], faults: Faults) -> None:
        self._kind = kind
        self._variables = variables
        self._faults = faults

    def filled(self, node: Mapping) -> Mapping:
        """Give the settings of an entry with every bare name filled in; a variable that is not set is left out."""
        entries = dict(node.entries)
        for name in self._kind.passed_on & entries.keys():
            entries[name] = entries[name]._replace(value=self._passed_on(entries[name].value))
        for name in self._kind.groups & entries.keys():
            entries[name] = entries[name]._replace(value=_grouped(entries[name].value))
        return Mapping(node.span, entries)

    def _passed_on(self, node: Node) -> Node:
        if isinstance(node, Listing):
            return Listing(node.span, tuple(self._items(node)))
        if not isinstance(node, Mapping):
            return node
        entries: dict[str, Entry] = {}
        for name, entry in node.entries.items():
            if not _is_bare(entry.value):
                entries[name] = entry
            elif name in self._variables:
                entries[name] = entry._replace(value=self._variable(name, entry.value.span))
        return Mapping(node.span, entries)

    def _items(self, node: Listing) -> Iterator[Node]:
        for item in node.items:
            if not isinstance(item, Scalar) or item.template or not _NAME.match(item.text):
                yield item
            elif item.text in self._variables:
                value = self._variable(item.text, item.span)
                text, template = (f"{item.text}={each}" for each in (value.text, value.template))
                yield value._replace(text=text, template=template)

    def _variable(self, name: str, span: Span) -> Scalar:
        """Give the shell's value, as a template would have it."""
        value = self._variables[name]
        if is_telltale(name):
            self._faults.secrets.add(value)
        self._faults.secrets.add_user_info(value)
        return Scalar(span, value, is_plain=False, template=f"${{{name}}}", variables=(name,))


def _grouped(node: Node) -> Node:
    if not isinstance(node, Mapping):
        return node
    entries = {
        name: entry._replace(value=Mapping(entry.value.span, {}))
        if _is_bare(entry.value)
        else entry
        for name, entry in node.entries.items()
    }
    return Mapping(node.span, entries)


def _is_bare(node: Node) -> bool:
    return is_null(node) and not (isinstance(node, Scalar) and node.removes)
