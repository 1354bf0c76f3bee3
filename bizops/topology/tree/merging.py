"""How several trees become one: files of a directory stand side by side, a later layer lies over an earlier one.

Maps merge by key; lists and scalars are replaced whole; `null` removes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.topology.tree.faults import Faults

_ENTRY_DEPTH = 3
"""Section, kind, entry: from here on a key belongs to one file of a directory alone."""


def lay(below: Mapping, above: Mapping) -> Mapping:
    """Lay one map over another.

    A `null` stays where it is written: it also opts out of a default that is filled in later.
    """
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        under, value = entries.get(name), entry.value
        if under is None:
            entries[name] = entry
        elif isinstance(under.value, Mapping) and isinstance(value, Mapping):
            # The place stays that of the first writing: there the resource is declared.
            entries[name] = Entry(under.key, lay(under.value, value))
        elif isinstance(value, Scalar) and value.is_null:
            entries[name] = Entry(entry.key, value._replace(removes=True))
        else:
            entries[name] = entry
    return Mapping(below.span, entries)


def _removes(node: Node) -> bool:
    return isinstance(node, Scalar) and node.removes


def without_removed(tree: Mapping, depth: int = _ENTRY_DEPTH) -> Mapping:
    """Take out what a later layer removed: a section, a kind, a resource.

    A `null` that lies over nothing stays: `auto_orders:` is an entry with the defaults, a setting has lost its value.
    """
    entries = {}
    for name, entry in tree.entries.items():
        if depth > 1 and isinstance(entry.value, Mapping):
            entries[name] = Entry(entry.key, without_removed(entry.value, depth - 1))
        elif not _removes(entry.value):
            entries[name] = entry
    return Mapping(tree.span, entries)


def join(trees: Sequence[Mapping], faults: Faults) -> Mapping:
    """Put the files of one directory side by side; what two of them declare is a fault at the second."""
    joined = trees[0]
    for tree in trees[1:]:
        joined = _joined(joined, tree, faults, ())
    return joined


def _joined(first: Mapping, second: Mapping, faults: Faults, path: tuple[str, ...]) -> Mapping:
    entries = dict(first.entries)
    for name, entry in second.entries.items():
        here = (*path, name)
        earlier = entries.get(name)
        if earlier is None:
            entries[name] = entry
            continue
        one, other = earlier.value, entry.value
        if len(here) < _ENTRY_DEPTH and isinstance(one, Mapping) and isinstance(other, Mapping):
            entries[name] = Entry(earlier.key, _joined(one, other, faults, here))
        elif len(here) < _ENTRY_DEPTH and isinstance(one, Listing) and isinstance(other, Listing):
            entries[name] = Entry(earlier.key, Listing(one.span, (*one.items, *other.items)))
        elif not (
            len(here) < _ENTRY_DEPTH
            and isinstance(one, Scalar)
            and isinstance(other, Scalar)
            and one.text == other.text
        ):
            place = f"{earlier.key.file}:{earlier.key.line}"
            faults.add(entry.key, f"{'.'.join(here)} is already declared at {place}")
    return Mapping(first.span, entries)
