"""The road from files to a topology: read, lay over each other, fill in, declare, check."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from bizops import errors, provider
from bizops.provider import Scope
from bizops.resource import Address, Resource, Secret, Spec
from bizops.topology import checks
from bizops.topology.entries import implied, with_needs
from bizops.topology.faults import Faults
from bizops.topology.files import Files
from bizops.topology.interpolation import Interpolation
from bizops.topology.nodes import Entry, Scalar, Span, is_null
from bizops.topology.nodes import Mapping as Tree
from bizops.topology.overlay import lay, without_removed
from bizops.topology.sections import section
from bizops.topology.validation import Place, validate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bizops.topology.declarations import Declaration, Section

VERSION = "1"
"""The version of the file format that is read, the value of `bizops:`."""
HEADER = ("bizops", "name", "connections")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")


@dataclass(frozen=True)
class Topology:
    """All that the files say.

    `files` as they are shown to people. `resources` sorted by address, every need resolved. `connections` and
    `settings` by provider, for those with a section. `secrets` are known secret values, for the filter that all
    output passes. `origins` says of each connection setting, such as `connections.rabbitmq.url`, where it was set.
    """

    name: str
    environment: str
    files: tuple[str, ...]
    resources: tuple[Resource, ...]
    connections: Mapping[str, Spec]
    settings: Mapping[str, Spec]
    scopes: Mapping[str, Scope]
    warnings: tuple[str, ...] = ()
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)


def load(
    files: Sequence[str],
    *,
    environment: str | None = None,
    env_file: str | None = None,
    variables: Mapping[str, str],
    directory: Path,
) -> Topology:
    """Read a topology; `files` and `env_file` start from `directory`, `variables` are the shell's.

    Raises TopologyError with every fault of every file, rendered.
    """
    faults = Faults()
    found = Files(directory, faults)
    layers = found.layers(files, environment, variables)
    trees = [layer.tree for layer in layers if layer.tree is not None]
    if len(trees) < len(layers) or not trees:
        _refuse(faults)
    seen = found.variables(env_file, layers[0].beside, variables)
    tree = trees[0]
    for above in trees[1:]:
        tree = lay(tree, above)
    tree = Interpolation(seen, faults).mapping(without_removed(tree, trees))
    loader = _Loader(tree, faults, directory)
    topology = loader.topology(
        environment or "", tuple(file for layer in layers for file in layer.files)
    )
    if topology is None or faults:
        _refuse(faults)
    return topology


def _refuse(faults: Faults) -> NoReturn:
    rendered = faults.render()
    count, files = len(rendered), faults.files()
    message = f"{count} fault{'s'[: count > 1]} in {files} file{'s'[: files > 1]}"
    raise errors.TopologyError(message, rendered)


class _Loader:
    """Turns one tree into a topology."""

    def __init__(self, tree: Tree, faults: Faults, directory: Path) -> None:
        self._tree = tree
        self._directory = directory
        self._faults = faults
        self._connections: dict[str, Spec] = {}
        self._origins: dict[str, str] = {}

    def topology(self, environment: str, files: tuple[str, ...]) -> Topology | None:
        """Give the topology, or None after noting why there is none."""
        self._check_version()
        name = self._name()
        sections = self._sections()
        self._read_connections(sections)
        declarations = self._declarations(sections)
        resources = self._resources(sections, declarations)
        if name is None or self._faults:
            return None
        for resource in resources:
            _note_secrets(resource.spec, self._faults)
        settings = {s.definition.name: s.settings for s in sections if s.settings is not None}
        return Topology(
            name=name,
            environment=environment,
            files=files,
            resources=resources,
            connections=self._connections,
            settings=settings,
            scopes={
                s.definition.name: Scope(name, tuple(sorted(s.owns)), s.settings) for s in sections
            },
            warnings=self._faults.warnings(),
            secrets=self._faults.secrets.values,
            origins=self._origins,
        )

    def _scalar(self, name: str, advice: str) -> Scalar | None:
        """Give a scalar of the header, or None after noting that it is missing or none."""
        entry = self._tree.entries.get(name)
        start = Span(self._tree.span.file, 1, 1)
        if entry is None or is_null(entry.value):
            self._faults.add(entry.key if entry else start, "missing", field=name, hint=advice)
        elif not isinstance(entry.value, Scalar):
            self._faults.add(entry.key, "must be a single value", field=name, hint=advice)
        else:
            return entry.value
        return None

    def _check_version(self) -> None:
        found = self._scalar("bizops", f"begin the file with bizops: {VERSION}")
        if found and found.text != VERSION:
            problem = f"version {found.text} is not known here: this bizops reads version {VERSION}"
            self._faults.add(found.span, problem, field="bizops")

    def _name(self) -> str | None:
        found = self._scalar("name", "name the topology: its objects are marked with it")
        if found and not _NAME.match(found.text):
            problem = "a name has 1 to 63 of a-z 0-9 _ -, and begins with a letter or a digit"
            self._faults.add(found.span, problem, field="name")
            return None
        return found.text if found else None

    def _sections(self) -> list[Section]:
        """Read every section; anything else at the top is a fault, but for `x-` extensions."""
        found = []
        for name, entry in self._tree.entries.items():
            if name in HEADER or name.startswith("x-"):
                continue
            definition = self._definition(name, entry.key)
            if definition and (read := section(definition, entry, self._faults, self._directory)):
                found.append(read)
        return found

    def _definition(self, name: str, span: Span, address: str = "") -> provider.Definition | None:
        try:
            return provider.definition(name)
        except errors.UsageError:
            known = provider.names()
            near = self._faults.nearest(name, (*known, *(HEADER if not address else ())))
            hint = near or f"known are {', '.join(known)}"
            self._faults.add(span, "unknown key", address=address, field=name, hint=hint)
            return None

    def _read_connections(self, sections: Sequence[Section]) -> None:
        by_name = {found.definition.name: found for found in sections}
        entry = self._tree.entries.get("connections")
        declared: dict[str, Entry] = {}
        if entry is not None and isinstance(entry.value, Tree):
            declared = entry.value.entries
        elif entry is not None:
            self._faults.add(entry.key, "must be a map of providers", field="connections")
        for name, connection in declared.items():
            if definition := self._definition(name, connection.key, "connections"):
                self._read_connection(definition, connection)
            if definition and name not in by_name:
                self._connections.pop(name, None)
                problem = "is not used: the topology has no such section"
                self._faults.warn(connection.key, problem, address=f"connections.{name}")
        for name, found in by_name.items():
            if name not in declared:
                node = Tree(found.span, {})
                self._read_connection(found.definition, Entry(found.span, node))

    def _read_connection(self, definition: provider.Definition, entry: Entry) -> None:
        address = f"connections.{definition.name}"
        if not isinstance(entry.value, Tree):
            self._faults.add(entry.key, "must be a map of settings", address=address)
            return
        place = Place(entry.key, address, hints=definition.near_names, is_hidden=True)
        spec = validate(definition.connection, entry.value, place, self._faults)
        if spec is not None:
            self._connections[definition.name] = spec
            _note_secrets(spec, self._faults)
        for name, setting in entry.value.entries.items():
            if isinstance(setting.value, Scalar):
                self._faults.secrets.add_user_info(setting.value.text)
                self._origins[f"{address}.{name}"] = _origin(setting.value, f"{address}.{name}")

    def _declarations(self, sections: Sequence[Section]) -> dict[Address, Declaration]:
        found: dict[Address, Declaration] = {}
        for each in sections:
            own = checks.unique(each.declarations, self._faults)
            derived = implied(each, self._faults)
            checks.check_names(each, (*own.values(), *derived), self._faults)
            found |= own
            found |= {declaration.resource.address: declaration for declaration in derived}
        return found

    def _resources(
        self, sections: Sequence[Section], declared: Mapping[Address, Declaration]
    ) -> tuple[Resource, ...]:
        needs = checks.Needs(declared, sections, self._faults)
        resources = {
            address: with_needs(declared[address], needs.of(declared[address]))
            for address in sorted(declared)
        }
        by_address = {address: resource.needs for address, resource in resources.items()}
        checks.check_cycles(declared, by_address, self._faults)
        for each in sections:
            checks.check_findings(each, declared, self._faults)
        return tuple(resources.values())


def _origin(scalar: Scalar, name: str) -> str:
    """Say where a setting was written, and which variables gave its value."""
    span = scalar.span
    sources = [*scalar.variables, *(f"the default of {name}" for name in scalar.defaults)]
    suffix = f", from {', '.join(sources)}" if sources else ""
    return f"{span.file}:{span.line}:{span.column} {name}{suffix}"


def _note_secrets(spec: Spec, faults: Faults) -> None:
    """Note every secret value of a spec."""
    for value in spec.fields().values():
        _note_secret(value, faults)


def _note_secret(value: object, faults: Faults) -> None:
    if isinstance(value, Secret):
        faults.secrets.add(value.reveal())
    elif isinstance(value, tuple):
        for inner in value:
            _note_secret(inner, faults)
