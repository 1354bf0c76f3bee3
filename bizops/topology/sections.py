"""From the sections of a topology to resources: one section for each provider, one map for each kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from bizops.resource import Address, Lifecycle, Resource, Source, Spec
from bizops.topology.nodes import Entry, Listing, Mapping, Node, Scalar, Span, find, is_null
from bizops.topology.overlay import lay
from bizops.topology.validation import Place, keys, spans, validate

if TYPE_CHECKING:
    from bizops.provider import Definition, Kind
    from bizops.topology.faults import Faults

_EMPTY = Mapping(Span(""), {})
_LITERALS = 3
"""Literal characters that an `owns` pattern begins with, so that it cannot claim everything."""


class LifecycleSettings(Spec):
    """The `lifecycle` of an entry."""

    protect: bool = False
    ignore_changes: tuple[str, ...] = ()


class CommonSettings(Spec):
    """What any entry may say, whatever its kind."""

    needs: tuple[str, ...] = ()
    lifecycle: LifecycleSettings = LifecycleSettings()


class Declaration(NamedTuple):
    """A resource beside the tree that declares it; `needs` are still text."""

    resource: Resource
    kind: Kind
    node: Mapping
    span: Span
    needs: tuple[str, ...] = ()

    def place(self, path: tuple[str, ...] = ()) -> Span:
        """Give where a field is set, or where the resource begins."""
        found = find(self.node, path)
        if not found.path:
            return self.span
        return found.node.span if isinstance(found.node, Scalar) or not found.key else found.key


@dataclass(slots=True)
class Section:
    """What one section declares. `faulty` are addresses that are declared, but wrongly."""

    definition: Definition
    node: Mapping
    span: Span
    settings: Spec | None = None
    owns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    owned: dict[str, Span] = field(default_factory=dict)
    declarations: list[Declaration] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)


def section(definition: Definition, entry: Entry, faults: Faults) -> Section | None:
    """Read the section of a provider; None where it is no map."""
    name = definition.name
    if not isinstance(entry.value, Mapping):
        hint = f"write {name}: {{}}" if is_null(entry.value) else ""
        faults.add(entry.key, "must be a map of kinds and settings", address=name, hint=hint)
        return None
    found = Section(definition, entry.value, entry.key)
    found.settings = _settings(found, faults)
    if owns := entry.value.entries.get("owns"):
        found.owns = tuple(_owns(found, owns, faults))
    for kind in definition.kinds:
        defaults = _defaults(found, kind, faults)
        if declared := entry.value.entries.get(kind.plural):
            _Entries(found, kind, defaults, faults).read(declared)
    return found


def _settings(found: Section, faults: Faults) -> Spec | None:
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
            told = definition.near_names.get(name, "")
            hint = faults.nearest(name, known | reserved) or told
            problem = "unknown key"
            faults.add(entry.key, problem, address=definition.name, field=name, hint=hint)
    place = Place(found.span, definition.name, hints=definition.near_names)
    return validate(definition.settings, Mapping(found.node.span, own), place, faults)


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
            faults.add(
                entry.key,
                "not a kind that can be owned by name",
                address=address,
                field=plural,
                hint=hint,
            )
        elif not isinstance(entry.value, Listing):
            faults.add(entry.key, "must be a list of patterns", address=address, field=plural)
        else:
            name = kinds[plural].name
            found.owned[name] = entry.key
            texts = [_pattern(item, address, plural, faults) for item in entry.value.items]
            patterns.append((name, tuple(text for text in texts if text)))
    return patterns


def _pattern(item: Node, address: str, plural: str, faults: Faults) -> str:
    """Give one pattern, or "" after noting what is wrong with it."""
    if not isinstance(item, Scalar) or item.is_null:
        faults.add(item.span, "a pattern is text", address=address, field=plural)
        return ""
    beginning = item.text[:_LITERALS]
    if len(beginning) < _LITERALS or "*" in beginning or "?" in beginning:
        problem = f"a pattern begins with {_LITERALS} literal characters, so that it cannot claim everything"
        faults.add(item.span, problem, address=address, field=plural)
        return ""
    return item.text


def _defaults(found: Section, kind: Kind, faults: Faults) -> Mapping:
    """Give `<kind>_defaults`; their keys are judged even where nothing uses them."""
    name = f"{kind.name}_defaults"
    entry = found.node.entries.get(name)
    if entry is None or is_null(entry.value):
        return _EMPTY
    address = f"{found.definition.name}.{name}"
    if not isinstance(entry.value, Mapping):
        faults.add(entry.key, "must be a map of settings", address=address)
        return _EMPTY
    _, own = _split(entry.value)
    place = Place(entry.key, address, hints=found.definition.near_names)
    validate(kind.spec, own, place, faults, is_partial=True)
    return entry.value


def _split(node: Mapping) -> tuple[Mapping, Mapping]:
    """Give what any entry may say, and what is the kind's own."""
    common = {
        name: entry for name, entry in node.entries.items() if name in CommonSettings.model_fields
    }
    if not common:
        return _EMPTY, node
    own = {name: entry for name, entry in node.entries.items() if name not in common}
    return Mapping(node.span, common), Mapping(node.span, own)


class _Entries:
    """Reads the entries of one kind."""

    def __init__(self, found: Section, kind: Kind, defaults: Mapping, faults: Faults) -> None:
        self._found = found
        self._kind = kind
        self._defaults = defaults
        self._borrowed = spans(defaults) if defaults.entries else frozenset()
        self._faults = faults

    def read(self, declared: Entry) -> None:
        """Read all entries, a map by name or a list."""
        kind, address = self._kind, f"{self._found.definition.name}.{self._kind.plural}"
        if kind.is_list:
            if not isinstance(declared.value, Listing):
                self._faults.add(declared.key, "must be a list", address=address)
                return
            for item in declared.value.items:
                self._entry("", item.span, item)
        elif not isinstance(declared.value, Mapping):
            hint = f"write {kind.plural}: {{}}" if is_null(declared.value) else ""
            self._faults.add(
                declared.key, "must be a map, NAME: {settings}", address=address, hint=hint
            )
        else:
            for name, entry in declared.value.entries.items():
                self._entry(name, entry.key, entry.value)

    def _entry(self, name: str, span: Span, value: Node) -> None:
        kind, definition = self._kind, self._found.definition
        address = (
            str(Address(definition.name, kind.name, (name,)))
            if name
            else f"{definition.name}.{kind.name}"
        )
        self._found.faulty.add(address)
        if not isinstance(value, Mapping):
            is_removal = is_null(value)
            problem = "null removes nothing here" if is_removal else "must be a map of settings"
            hint = (
                f"write {name}: {{}} for one with the defaults alone" if is_removal and name else ""
            )
            self._faults.add(span, problem, address=address, hint=hint)
            return
        node = lay(self._defaults, value) if self._defaults.entries else value
        common_node, own_node = _split(node)
        place = Place(
            span,
            address,
            hints=definition.near_names,
            borrowed=self._borrowed,
            lender=f"{definition.name}.{kind.name}_defaults",
        )
        common = (
            validate(CommonSettings, common_node, place, self._faults)
            if common_node.entries
            else _COMMON
        )
        spec = validate(kind.spec, own_node, place, self._faults)
        if common is not None:
            self._check_ignored(common, common_node, place)
        if common is None or spec is None or self._found.settings is None:
            return
        resource = self._resource(name, spec, common, place)
        if resource is not None:
            self._found.faulty.discard(address)
            self._found.declarations.append(Declaration(resource, kind, node, span, common.needs))

    def _resource(
        self, name: str, spec: Spec, common: CommonSettings, place: Place
    ) -> Resource | None:
        span = place.span
        try:
            address = self._kind.address(name, spec, self._found.settings)
        except ValueError as error:
            self._faults.add(span, str(error), address=place.address)
            return None
        settings = common.lifecycle
        return Resource(
            address,
            spec,
            source=Source(span.file, span.line, span.column),
            lifecycle=Lifecycle(settings.protect, settings.ignore_changes)
            if settings != _LIFECYCLE
            else _NO_LIFECYCLE,
            external=self._kind.is_external(spec),
        )

    def _check_ignored(self, common: CommonSettings, node: Mapping, place: Place) -> None:
        """A misspelt path would ignore nothing, in silence."""
        known = keys(self._kind.spec)
        for number, path in enumerate(common.lifecycle.ignore_changes):
            if path.split(".")[0] not in known:
                found = find(node, ("lifecycle", "ignore_changes", number))
                self._faults.add(
                    found.node.span,
                    f"there is no field {path}",
                    address=place.address_of(found.node.span),
                    field="lifecycle.ignore_changes",
                    hint=self._faults.nearest(path.split(".")[0], known),
                )


_COMMON = CommonSettings()
_LIFECYCLE = LifecycleSettings()
_NO_LIFECYCLE = Lifecycle()


def expanded(found: Section, faults: Faults) -> list[Declaration]:
    """Give what the declared resources imply; an explicit entry of the same address wins."""
    known = {declaration.resource.address for declaration in found.declarations}
    implied: dict[Address, Declaration] = {}
    waiting = list(found.declarations)
    while waiting:
        parent = waiting.pop(0)
        for resource in parent.kind.expand(parent.resource, found.settings):
            if resource.address in known:
                continue
            earlier = implied.get(resource.address)
            if earlier is None:
                kind = found.definition.kind(resource.address.kind)
                made = Declaration(resource, kind, _EMPTY, parent.span)
                implied[resource.address] = made
                waiting.append(made)
            elif earlier.resource.spec != resource.spec:
                faults.add(
                    parent.span,
                    f"implies {resource.address} with other settings than {earlier.resource.source} does",
                    address=str(parent.resource.address),
                    hint=f"declare {resource.address} itself",
                )
    return list(implied.values())


def with_needs(declaration: Declaration, needs: set[Address]) -> Resource:
    """Give the resource with all that it needs, sorted."""
    resource = declaration.resource
    found = needs | set(resource.needs)
    found.discard(resource.address)
    return replace(resource, needs=tuple(sorted(found))) if found else resource
