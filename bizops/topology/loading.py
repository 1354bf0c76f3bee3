"""The steps from files to a topology: read, lay over each other, fill in, declare, check."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

from bizops import errors, provider
from bizops.provider import Scope
from bizops.resource import Secret
from bizops.sensitive import is_distinct, is_telltale
from bizops.topology import checks
from bizops.topology.connections import Connections, note_secrets
from bizops.topology.declarations import NAME, LoadContext
from bizops.topology.entries import implied, with_needs
from bizops.topology.files import Files, Seen
from bizops.topology.interpolation import Interpolation
from bizops.topology.named_secrets import secrets_in_names, secrets_within, with_hidden
from bizops.topology.sections import HEADER, known_definition, section
from bizops.topology.tree.faults import Faults
from bizops.topology.tree.merging import lay, without_removed
from bizops.topology.tree.nodes import Mapping as Tree
from bizops.topology.tree.nodes import Node, Scalar, Span, is_null

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bizops.resource import Address, Resource, Spec
    from bizops.topology.declarations import Declaration, Section

VERSION = "1"
"""The version of the file format that is read, the value of `bizops:`."""


_SHORTEST_UNNAMED = 8
"""Letters of a secret variable that no file names: the file may have named it when it was applied last."""


@dataclass(frozen=True)
class Topology:
    """All that the files say.

    `files` as they are shown to people. `resources` sorted by address, every need resolved. `connections` and
    `settings` by provider, for those with a section. `secrets` are known secret values, for the filter that all
    output passes; `named` are those of them that stand in a name. `origins` says of each connection setting, such as
    `connections.rabbitmq.url`, where it was set.
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
    named: frozenset[str] = field(default=frozenset(), repr=False)
    origins: Mapping[str, str] = field(default_factory=dict)

    def nameless_secrets(self) -> set[str]:
        """Give the secrets that are part of no name here: where a live name holds one, it must not show it."""
        names = self.names
        long = {v for v in self.secrets if len(v) >= _SHORTEST_UNNAMED and is_distinct(v)}
        return {value for value in long if not any(value in name for name in names)}

    @property
    def names(self) -> frozenset[str]:
        """What things are called, which no filter may spoil: files, addresses, and how systems are reached."""
        found = {self.name, self.environment, *self.files}
        for resource in self.resources:
            found |= {str(resource.address), resource.address.name, *resource.address.parts}
        for spec in self.connections.values():
            for _, value in spec:
                texts = value if isinstance(value, tuple) else (value,)
                found |= {text for text in texts if isinstance(text, str)}
        return frozenset(found - {""})


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
    seen = found.variables(env_file, layers[0].beside, variables) if layers else Seen(variables)
    trees = [layer.tree for layer in layers if layer.tree is not None]
    if len(trees) < len(layers) or not trees:
        _refuse(faults)
    tree = trees[0]
    for above in trees[1:]:
        tree = lay(tree, above)
    for name, value in seen.values.items():
        if is_telltale(name) and len(value) >= _SHORTEST_UNNAMED and is_distinct(value):
            faults.secrets.add(value)
    tree = Interpolation(seen, faults).sections(without_removed(tree))
    loader = _Loader(tree, faults, LoadContext(directory, seen.values))
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

    def __init__(self, tree: Tree, faults: Faults, surroundings: LoadContext) -> None:
        self._tree = tree
        self._surroundings = surroundings
        self._faults = faults
        self._doubtful: set[str] = set()
        self._meant: set[str] = set()

    def topology(self, environment: str, files: tuple[str, ...]) -> Topology | None:
        """Give the topology, or None after noting why there is none."""
        sections = self._sections()
        self._check_version()
        name = self._name()
        connections = Connections(self._faults)
        connections.read(self._tree, sections, is_in_doubt="connections" in self._meant)
        declarations = self._declarations(sections)
        resources = self._resources(sections, declarations)
        for resource in resources:
            note_secrets(_distinct(resource.spec.fields().values()), self._faults)
            note_secrets(resource.spec.withheld(), self._faults)
        self._note_named(connections.shown, sections, declarations.values())
        secrets = self._faults.secrets
        if name is None or self._faults:
            return None
        resources = tuple(
            with_hidden(each, declarations.get(each.address), self._surroundings.variables, secrets)
            for each in resources
        )
        settings = {s.definition.name: s.settings for s in sections if s.settings is not None}
        return Topology(
            name=name,
            environment=environment,
            files=files,
            resources=resources,
            connections=connections.specs,
            settings=settings,
            scopes={
                s.definition.name: Scope(name, tuple(sorted(s.owns)), s.settings) for s in sections
            },
            warnings=self._faults.warnings(),
            secrets=self._faults.secrets.values,
            named=self._faults.secrets.named,
            origins=connections.origins,
        )

    def _note_named(
        self,
        shown: Iterable[tuple[Node, str]],
        sections: Iterable[Section],
        declared: Iterable[Declaration],
    ) -> None:
        """Note which secrets stand in names: of objects, of the topology, and in settings that are shown."""
        secrets, variables = self._faults.secrets, self._surroundings.variables
        nodes = [node for each in sections for node in each.own_settings()]
        nodes += [self._tree.entries["name"].value] if "name" in self._tree.entries else []
        named = {v for node in nodes for v in secrets_within(node, variables, secrets.values)}
        named.update(secrets_in_names(declared, variables, secrets.values))
        for node, text in shown:
            named |= {v for v in secrets_within(node, variables, secrets.values) if v in text}
        for value in named:
            secrets.add_named(value)

    def _scalar(self, name: str, advice: str) -> Scalar | None:
        """Give a scalar of the header, or None after noting that it is missing or none."""
        entry = self._tree.entries.get(name)
        start = Span(self._tree.span.file, 1, 1)
        if entry is None and name in self._meant:
            return None
        if entry is None or is_null(entry.value):
            self._faults.add(entry.key if entry else start, "missing", field=name, hint=advice)
        elif not isinstance(entry.value, Scalar):
            self._faults.add(entry.key, "must be a single value", field=name, hint=advice)
        else:
            return entry.value
        return None

    def _check_version(self) -> None:
        found = self._scalar("bizops", f"begin the file with bizops: {VERSION}")
        if found and found.text != VERSION and not self._faults.is_known(found.span, ""):
            problem = f"version {found.text} is not known here: this bizops reads version {VERSION}"
            self._faults.add(found.span, problem, field="bizops")

    def _name(self) -> str | None:
        found = self._scalar("name", "name the topology: its objects are marked with it")
        if found and self._faults.is_known(found.span, ""):
            return None
        if found and not re.fullmatch(NAME, found.text):
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
            definition = known_definition(name, entry.key, self._faults)
            if definition is None:
                near = self._faults.near(name, (*HEADER, *provider.names()))
                self._meant.add(near)
                self._doubtful |= {f"{near}."} if near in provider.names() else set()
            elif read := section(definition, entry, self._faults, self._surroundings):
                found.append(read)
            else:
                self._doubtful.add(f"{name}.")
        return found

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
        doubtful = self._doubtful | checks.doubtful(declared, sections)
        needs = checks.Needs(declared, sections, doubtful, self._faults)
        resources = {
            address: with_needs(declaration, needs.of(declaration))
            for address, declaration in sorted(
                declared.items(), key=lambda item: (bool(item[1].derived), item[0])
            )
        }
        by_address = {address: resource.needs for address, resource in resources.items()}
        checks.check_cycles(declared, by_address, self._faults)
        for each in sections:
            checks.check_findings(each, declared, self._faults)
        return tuple(resources[address] for address in sorted(resources))


def _distinct(values: Iterable[object]) -> Iterator[Secret]:
    """Give the values that are hidden by their position, but for those that are plain words."""
    for value in values:
        if isinstance(value, Secret) and is_distinct(value.reveal()):
            yield value
