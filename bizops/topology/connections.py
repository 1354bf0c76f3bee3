"""Reads `connections`: how to reach each system, and where each of those settings comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from bizops.resource import Secret, Spec
from bizops.topology.sections import known_definition
from bizops.topology.tree.nodes import Entry, Mapping, scalars
from bizops.topology.validation import Place, validate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bizops.provider import Definition
    from bizops.topology.declarations import Section
    from bizops.topology.tree.faults import Faults
    from bizops.topology.tree.nodes import Node, Scalar


class Connections:
    """The connection of each system; `origins` says of each setting where it was written and what gave its value.

    `shown` are the trees of settings that are no secrets, such as the user's name, each with a text that is shown.
    """

    def __init__(self, faults: Faults) -> None:
        self.specs: dict[str, Spec] = {}
        self.origins: dict[str, str] = {}
        self.shown: list[tuple[Node, str]] = []
        self._faults = faults

    def read(self, tree: Mapping, sections: Sequence[Section], *, is_in_doubt: bool) -> None:
        """Read those that are written, and take the model's defaults for the other sections.

        None is missed where an unknown key may have meant it; where `is_in_doubt`, one at the top.
        """
        by_name = {found.definition.name: found for found in sections}
        entry = tree.entries.get("connections")
        declared: dict[str, Entry] = {}
        meant: set[str] = set(by_name) if is_in_doubt else set()
        if entry is not None and isinstance(entry.value, Mapping):
            declared = entry.value.entries
        elif entry is not None:
            self._faults.add(entry.key, "must be a map of providers", field="connections")
            meant |= set(by_name)
        for name, connection in declared.items():
            definition = known_definition(name, connection.key, self._faults, "connections")
            if definition is None:
                meant.add(self._faults.near(name, by_name))
                for scalar in scalars(connection.value):
                    self._faults.hide(scalar.span)
                continue
            self._read(definition, connection)
            if name not in tree.entries:
                self.specs.pop(name, None)
                problem = f"is not used: the topology has no section {name}"
                self._faults.warn(connection.key, problem, address=f"connections.{name}")
        for name, found in by_name.items():
            if name not in declared and name not in meant:
                self._default(found)

    def _read(self, definition: Definition, entry: Entry) -> None:
        address = f"connections.{definition.name}"
        if not isinstance(entry.value, Mapping):
            self._faults.add(entry.key, "must be a map of settings", address=address)
            return
        # What is secret here must be known before a fault is shown.
        for name, setting in entry.value.entries.items():
            written = list(scalars(setting.value))
            for scalar in written:
                self._faults.secrets.add_user_info(scalar.text)
            if written and not isinstance(setting.value, Mapping):
                self.origins[f"{address}.{name}"] = _origin(written, f"{address}.{name}")
        place = Place(entry.key, address, definition.near_names, is_hidden=True)
        spec = validate(definition.connection, entry.value, place, self._faults)
        if spec is not None:
            self.specs[definition.name] = spec
            note_secrets([spec], self._faults)
            self.shown += _shown(spec, entry.value)

    def _default(self, found: Section) -> None:
        """Take the model's defaults where nothing is said; not every system has some."""
        name = found.definition.name
        try:
            self.specs[name] = found.definition.connection()
        except ValidationError as error:
            missing = ", ".join(f"{'.'.join(map(str, e['loc']))}: ..." for e in error.errors())
            hint = f"write connections: {{{name}: {{{missing}}}}}"
            self._faults.add(found.span, "missing", address=f"connections.{name}", hint=hint)


def _shown(spec: Spec, node: Mapping) -> Iterator[tuple[Node, str]]:
    """Give the trees of the settings that are no secrets, and what is shown of them: addresses, the user's name."""
    fields = type(spec).model_fields
    values = {(fields[key].alias if key in fields else None) or key: value for key, value in spec}
    for name, entry in node.entries.items():
        value = values.get(name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str):
                yield entry.value, each


def _origin(written: Sequence[Scalar], name: str) -> str:
    """Say where a setting, or the first item of a list, was written, and which variables gave its value."""
    span = written[0].span
    variables = [variable for scalar in written for variable in scalar.variables]
    defaults = [f"the default of {each}" for scalar in written for each in scalar.defaults]
    sources = dict.fromkeys([*variables, *defaults])
    suffix = f", from {', '.join(sources)}" if sources else ""
    return f"{span.file}:{span.line}:{span.column} {name}{suffix}"


def note_secrets(values: Iterable[object], faults: Faults) -> None:
    """Note every secret among values, and inside those that hold others."""
    waiting = [value for value in values if isinstance(value, (Secret, Spec, tuple))]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Secret):
            faults.secrets.add(value.reveal())
        elif isinstance(value, Spec):
            # Iteration gives keys beyond the model's own as well, where a model lets them through.
            waiting += [inner for _, inner in value]
        elif isinstance(value, tuple):
            waiting.extend(value)
