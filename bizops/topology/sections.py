"""Reads the section of a provider: its settings, what it owns, and the entries of each kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops import errors, provider
from bizops.topology.declarations import Section
from bizops.topology.entries import Entries
from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar, Span, is_null
from bizops.topology.valid_part import read
from bizops.topology.validation import Place, keys

if TYPE_CHECKING:
    from collections.abc import Collection

    from bizops.provider import Definition
    from bizops.topology.declarations import LoadContext
    from bizops.topology.tree.faults import Faults

HEADER = ("bizops", "name", "connections")
"""The keys at the top that are no section."""
LITERALS = 3
"""Literal characters that an `owns` pattern begins with, so that it cannot claim everything."""


def known_definition(name: str, span: Span, faults: Faults, address: str = "") -> Definition | None:
    """Give a provider's definition, or None after noting that there is no such provider."""
    try:
        return provider.definition(name)
    except errors.UsageError:
        known = provider.names() if address else (*HEADER, *provider.names())
        hint = faults.nearest(name, known) or f"known are {', '.join(known)}"
        faults.add(span, "unknown key", address=address, field=name, hint=hint)
        return None


def section(
    definition: Definition, entry: Entry, faults: Faults, surroundings: LoadContext
) -> Section | None:
    """Read the section of a provider; None where it is no map."""
    name = definition.name
    if not isinstance(entry.value, Mapping):
        hint = f"write {name}: {{}}" if is_null(entry.value) else ""
        faults.add(entry.key, "must be a map of kinds and settings", address=name, hint=hint)
        return None
    found = Section(definition, entry.value, entry.key)
    _read_settings(found, faults)
    if owns := entry.value.entries.get("owns"):
        found.owns = tuple(_owns(found, owns, faults))
    for kind in definition.kinds:
        if not kind.is_list:
            faults.know(name, kind.plural, kind.name)
        Entries(found, kind, faults, surroundings).read()
    return found


def _read_settings(found: Section, faults: Faults) -> None:
    """Read the section's own settings: whatever is no kind, no defaults and no `owns`."""
    definition = found.definition
    reserved = {"owns"}
    for kind in definition.kinds:
        reserved |= {kind.plural, f"{kind.name}_defaults"}
    known = keys(definition.settings)
    own: dict[str, Entry] = {}
    for name, entry in found.node.entries.items():
        if name in known:
            own[name] = entry
        elif name not in reserved:
            advice = definition.near_names.get(name, "")
            hint = faults.nearest(name, known | reserved) or (advice if " " in advice else "")
            _doubt(found, hint, known)
            hint = hint or f"known are {', '.join(sorted(known | reserved))}"
            faults.add(entry.key, "unknown key", address=definition.name, field=name, hint=hint)
    place = Place(found.span, definition.name, hints=definition.near_names)
    settings = read(definition.settings, Mapping(found.node.span, own), place, faults)
    found.settings = settings.model
    found.unread |= settings.unread


def _doubt(found: Section, hint: str, known: Collection[str]) -> None:
    """Keep what an unknown key was probably meant to be: `quues` may declare any queue."""
    words = frozenset(re.findall(r"\w+", hint))
    found.unread |= words.intersection(known)
    for kind in found.definition.kinds:
        if not words.isdisjoint({kind.plural, f"{kind.name}_defaults"}):
            found.doubtful.add(f"{found.definition.name}.{kind.name}/")


def _owns(found: Section, owns: Entry, faults: Faults) -> list[tuple[str, tuple[str, ...]]]:
    """Read the patterns of each kind; the result is by the kind's name."""
    address = f"{found.definition.name}.owns"
    if not isinstance(owns.value, Mapping):
        faults.add(owns.key, "must be a map of kinds to lists of patterns", address=address)
        return []
    kinds = {kind.plural: kind for kind in found.definition.kinds if not kind.is_list}
    patterns = []
    for plural, entry in owns.value.entries.items():
        if is_null(entry.value):
            continue
        if plural not in kinds:
            hint = faults.nearest(plural, kinds) or f"known are {', '.join(sorted(kinds))}"
            problem = "not a kind that can be owned by name"
            faults.add(entry.key, problem, address=address, field=plural, hint=hint)
        elif not isinstance(entry.value, Listing):
            faults.add(entry.key, "must be a list of patterns", address=address, field=plural)
        else:
            texts = [_pattern(item, address, plural, faults) for item in entry.value.items]
            if all(texts):  # nothing can be said to lie outside a pattern that cannot be read
                patterns.append((kinds[plural].name, tuple(texts)))
    return patterns


def _pattern(item: Node, address: str, plural: str, faults: Faults) -> str:
    """Give one pattern, or "" after noting what is wrong with it."""
    if not isinstance(item, Scalar) or item.is_null:
        faults.add(item.span, "a pattern is text", address=address, field=plural)
        return ""
    if faults.is_known(item.span, ""):
        return ""
    beginning = item.text[:LITERALS]
    if len(beginning) < LITERALS or "*" in beginning or "?" in beginning:
        problem = (
            "a pattern begins with three literal characters, so that it cannot claim everything"
        )
        faults.add(item.span, problem, address=address, field=plural)
        return ""
    return item.text
