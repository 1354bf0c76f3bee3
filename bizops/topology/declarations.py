"""What a section declares: resources beside the trees that declare them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field

from bizops.resource import Spec
from bizops.topology.tree.nodes import Mapping, Scalar, Span, find

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Mapping as Variables
    from pathlib import Path

    from bizops.provider import Definition, Kind
    from bizops.resource import Resource
    from bizops.topology.tree.nodes import Node

NAME = "[a-z0-9][a-z0-9_-]{0,62}"
"""What a topology may be called: it becomes part of labels and of the names of derived policies."""
EMPTY = Mapping(Span(""), {})


@dataclass(frozen=True, slots=True)
class LoadContext:
    """What stands around the files: the folder that file names start from, and the variables that are seen."""

    directory: Path
    variables: Variables[str, str]


class LifecycleSettings(Spec):
    """The `lifecycle` of an entry."""

    protect: bool = Field(
        default=False, description="Never delete or replace it, whatever is asked."
    )
    ignore_changes: tuple[str, ...] = Field(
        default=(),
        description="Fields that are written at creation and left alone afterwards.",
        examples=[["deploy.replicas"]],
    )


class CommonSettings(Spec):
    """What any entry may say, whatever its kind."""

    needs: tuple[str, ...] = Field(
        default=(),
        description="Addresses that must be settled first; references are added by themselves.",
        examples=[["kafka.topic/ai.errors"]],
    )
    lifecycle: LifecycleSettings = Field(
        default=LifecycleSettings(), description="How it may be changed and deleted."
    )


class Declaration(NamedTuple):
    """A resource beside the tree that declares it; `needs` are still text."""

    resource: Resource
    kind: Kind
    node: Mapping
    span: Span
    needs: tuple[str, ...] = ()

    @property
    def derived(self) -> str:
        """The setting that implied it, or "" where it is written."""
        return self.resource.source.derived if self.resource.source else ""

    @property
    def label(self) -> str:
        """Whom to blame: the address, or the kind alone where a part of the address is what has a fault."""
        address = self.resource.address
        is_guess = self.kind.is_list and self.resource.unread
        return f"{address.provider}.{address.kind}" if is_guess else str(address)

    def is_in_doubt(self, path: tuple[str, ...]) -> bool:
        """True where a setting may look as it does for a fault of its own; `node` holds only what has none."""
        if not path or path[0] not in self.resource.unread:
            return False
        return len(path) == 1 or find(self.node, path).path != path

    def place(self, path: tuple[str, ...] = ()) -> Span:
        """Give where a field is set, or where the resource begins."""
        found = find(self.node, path)
        if not found.path:
            return self.span
        return found.node.span if isinstance(found.node, Scalar) or not found.key else found.key


class FaultyDeclaration(NamedTuple):
    """An entry of which nothing can be read: its name is taken, so that nothing else is blamed for its absence."""

    address: str
    kind: Kind
    name: str
    span: Span


@dataclass(slots=True)
class Section:
    """All that one section declares.

    `settings` is None where nothing of them can be read; `unread` are those of them that have faults. `doubtful` are
    beginnings of addresses: of what could not be read whole, nobody can say what it declares.
    """

    definition: Definition
    node: Mapping
    span: Span
    settings: Spec | None = None
    owns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    declarations: list[Declaration] = field(default_factory=list)
    misdeclared: list[FaultyDeclaration] = field(default_factory=list)
    unread: frozenset[str] = frozenset()
    doubtful: set[str] = field(default_factory=set)

    def own_settings(self) -> Iterator[Node]:
        """Give the trees of the section's own settings, such as `vhost`."""
        for name in self.definition.settings.model_fields:
            if name in self.node.entries:
                yield self.node.entries[name].value
