"""Reads the entries of one kind: what an entry says over its defaults, and what it implies."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.resource import Address, Lifecycle, Resource, Source, Spec
from bizops.topology.bare_names import BareNames
from bizops.topology.declarations import (
    EMPTY,
    CommonSettings,
    Declaration,
    FaultyDeclaration,
    Section,
)
from bizops.topology.tree.merging import lay
from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar, Span, find, is_null
from bizops.topology.valid_part import ValidPart, read
from bizops.topology.validation import Place, keys, spans, validate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bizops.provider import Kind
    from bizops.topology.declarations import LoadContext
    from bizops.topology.tree.faults import Faults

_COMMON = CommonSettings()


class Entries:
    """Reads the entries of one kind into its section."""

    def __init__(
        self, found: Section, kind: Kind, faults: Faults, surroundings: LoadContext
    ) -> None:
        self._found = found
        self._kind = kind
        self._faults = faults
        self._surroundings = surroundings
        self._lender = f"{found.definition.name}.{kind.name}_defaults"
        self._in_doubt: frozenset[str] = frozenset()
        self._defaults = self._read_defaults()
        self._borrowed = spans(self._defaults) if self._defaults.entries else frozenset()

    def _read_defaults(self) -> Mapping:
        """Give `<kind>_defaults`; their keys are judged even where nothing uses them."""
        entry = self._found.node.entries.get(f"{self._kind.name}_defaults")
        if entry is None or is_null(entry.value):
            return EMPTY
        if not isinstance(entry.value, Mapping):
            self._faults.add(entry.key, "must be a map of settings", address=self._lender)
            self._in_doubt = keys(self._kind.spec)
            return EMPTY
        _, own = _split(entry.value)
        place = Place(entry.key, self._lender, hints=self._found.definition.near_names)
        validate(self._kind.spec, own, place, self._faults, is_partial=True)
        return entry.value

    def read(self) -> None:
        """Read all entries, a map by name or a list."""
        kind = self._kind
        declared = self._found.node.entries.get(kind.plural)
        if declared is None:
            return
        address = f"{self._found.definition.name}.{kind.plural}"
        if not isinstance(declared.value, Listing if kind.is_list else Mapping):
            self._found.doubtful.add(f"{self._found.definition.name}.{kind.name}/")
        if kind.is_list:
            if not isinstance(declared.value, Listing):
                self._faults.add(declared.key, "must be a list", address=address)
                return
            for item in declared.value.items:
                self._entry("", item.span, item)
        elif not isinstance(declared.value, Mapping):
            problem = "must be a map, NAME: {settings}"
            hint = f"write {kind.plural}: {{}}" if is_null(declared.value) else ""
            self._faults.add(declared.key, problem, address=address, hint=hint)
        else:
            for name, entry in declared.value.entries.items():
                self._entry(name, entry.key, entry.value)

    def _entry(self, name: str, span: Span, value: Node) -> None:
        """Read one entry; one that cannot be read at all is noted as misdeclared.

        A name alone is an entry with the defaults: what a later file removes is not here any more.
        """
        provider, kind = self._found.definition.name, self._kind
        address = str(Address(provider, kind.name, (name,))) if name else f"{provider}.{kind.name}"
        declaration = None
        if "${" in name:
            problem = "templates are filled in in values: this name is taken to the letter"
            self._faults.warn(span, problem, address=address)
        if name and isinstance(value, Scalar) and value.is_null:
            if value.text:
                problem = f"null removes nothing here, so this is one with the defaults: write {name}: {{}}"
                self._faults.warn(span, problem, address=address)
            value = Mapping(value.span, {})
        if isinstance(value, Mapping):
            declaration = self._declaration(name, address, Entry(span, value))
        else:
            self._faults.add(span, "must be a map of settings", address=address)
        if declaration is None:
            self._found.misdeclared.append(FaultyDeclaration(address, kind, name, span))
        else:
            self._found.declarations.append(declaration)

    def _declaration(self, name: str, address: str, entry: Entry) -> Declaration | None:
        span, value = entry
        assert isinstance(value, Mapping)  # noqa: S101 - the caller looked
        node = lay(self._defaults, value) if self._defaults.entries else value
        common_node, own = _split(node)
        hints = self._found.definition.near_names
        place = Place(
            span,
            address,
            hints,
            borrowed=self._borrowed,
            lender=self._lender,
            root=self._root(span),
            variables=self._surroundings.variables,
        )
        common = ValidPart(_COMMON, EMPTY)
        if common_node.entries:
            common = read(CommonSettings, common_node, place, self._faults)
            self._check_ignored(common.model or _COMMON, common.node, place)
        own = BareNames(self._kind, self._surroundings.variables, self._faults).filled(own)
        spec = read(self._kind.spec, own, place, self._faults)
        if common.model is None or spec.model is None or self._found.settings is None:
            return None
        resource = self._resource(name, spec.model, common.model, place)
        if resource is None:
            return None
        unread = spec.unread | common.unread | (self._in_doubt - frozenset(own.entries))
        sound = Mapping(node.span, {**spec.node.entries, **common.node.entries})
        return Declaration(
            replace(resource, unread=unread), self._kind, sound, span, common.model.needs
        )

    def _root(self, span: Span) -> Path:
        """Give the folder of the file that declares an entry: file names in it start there, as in Compose."""
        return (self._surroundings.directory / span.file).parent

    def _resource(
        self, name: str, spec: Spec, common: CommonSettings, place: Place
    ) -> Resource | None:
        span, lifecycle = place.span, common.lifecycle
        try:
            address = self._kind.address(name, spec, self._found.settings)
        except ValueError as error:
            self._faults.add(span, str(error), address=place.address)
            return None
        return Resource(
            address,
            spec,
            source=Source(span.file, span.line, span.column),
            lifecycle=Lifecycle(lifecycle.protect, lifecycle.ignore_changes),
            external=self._kind.is_external(spec),
        )

    def _check_ignored(self, common: CommonSettings, node: Mapping, place: Place) -> None:
        """A misspelt path would ignore nothing, in silence."""
        for number, path in enumerate(common.lifecycle.ignore_changes):
            wrong, known = self._misspelt(path.split("."))
            if wrong:
                span = find(node, ("lifecycle", "ignore_changes", number)).node.span
                self._faults.add(
                    span,
                    f"there is no field {path}",
                    address=place.address_of(span),
                    field="lifecycle.ignore_changes",
                    hint=self._faults.nearest(wrong, known),
                )

    def _misspelt(self, path: Sequence[str]) -> tuple[str, frozenset[str]]:
        """Give the first segment that is no key, and the keys there; "" where all are, as far as keys are fixed."""
        for depth, segment in enumerate(path):
            known = keys(self._kind.spec, path[:depth])
            if not known:
                break
            if segment not in known:
                return segment, known
        return "", frozenset()


def _split(node: Mapping) -> tuple[Mapping, Mapping]:
    """Give what any entry may say, and what is the kind's own."""
    common = {
        name: entry for name, entry in node.entries.items() if name in CommonSettings.model_fields
    }
    if not common:
        return EMPTY, node
    own = {name: entry for name, entry in node.entries.items() if name not in common}
    return Mapping(node.span, common), Mapping(node.span, own)


def implied(found: Section, faults: Faults) -> list[Declaration]:
    """Give what the declared resources imply; an explicit entry of the same address wins."""
    known = {declaration.resource.address for declaration in found.declarations}
    made: dict[Address, Declaration] = {}
    waiting = deque(found.declarations)
    while waiting:
        parent = waiting.popleft()
        expanded = parent.kind.expand(parent.resource, found.settings)
        for resource in (_as_protected(each, parent) for each in expanded):
            earlier = made.get(resource.address)
            if resource.address in known or _is_in_doubt(resource, parent):
                continue
            if earlier is None:
                kind = found.definition.kind(resource.address.kind)
                made[resource.address] = Declaration(resource, kind, EMPTY, parent.span)
                waiting.append(made[resource.address])
            elif earlier.resource.spec != resource.spec:
                other = f"{earlier.span.file}:{earlier.span.line}"
                faults.add(
                    parent.span,
                    f"implies {resource.address} with other settings than {other} does",
                    address=str(parent.resource.address),
                    hint=f"declare {resource.address} itself",
                )
    return list(made.values())


def _as_protected(implied: Resource, parent: Declaration) -> Resource:
    """What a protected resource implies stays with it: a queue without its dead-letter queue would lose messages."""
    lifecycle = Lifecycle(protect=parent.resource.lifecycle.protect)
    return replace(implied, lifecycle=lifecycle)


def _is_in_doubt(implied: Resource, parent: Declaration) -> bool:
    """True where the setting that implies it has a fault: mended, it may imply something else."""
    return implied.source is not None and implied.source.derived in parent.resource.unread


def with_needs(declaration: Declaration, needs: set[Address]) -> Resource:
    """Give the resource with all that it needs, sorted."""
    resource = declaration.resource
    found = (needs | set(resource.needs)) - {resource.address}
    return replace(resource, needs=tuple(sorted(found))) if found else resource
