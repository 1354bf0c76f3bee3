"""Where a topology puts the secrets of variables: into names, which do not keep them then, and into settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.resource import texts_within
from bizops.topology.nodes import keys_within, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bizops.resource import Path, Resource
    from bizops.topology.declarations import Declaration
    from bizops.topology.hiding import Secrets
    from bizops.topology.nodes import Node, Span


def secrets_in_names(
    declared: Iterable[Declaration], variables: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    """Give the secret values of variables that stand in an address or in a key of a setting.

    Only a list may put them there: keys of maps are taken to the letter. What an entry implies is named by its values.
    """
    names: dict[Span, set[str]] = {}
    for declaration in declared:
        names.setdefault(declaration.span, set()).update(_named_by_values(declaration))
    for declaration in declared:
        for value in secrets_within(declaration.node, variables, known):
            if any(value in name for name in names[declaration.span]):
                yield value


def secrets_within(
    node: Node, variables: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    """Give the secret values of variables in a tree."""
    for scalar in scalars(node):
        yield from {variables.get(name, "") for name in scalar.variables}.intersection(known)


def _named_by_values(declaration: Declaration) -> Iterator[str]:
    yield declaration.resource.address.scope
    if declaration.kind.is_list:
        yield from declaration.resource.address.parts
    if any(scalar.variables for scalar in scalars(declaration.node)):
        keys = keys_within(declaration.node)
        for path in declaration.resource.spec.fields():
            yield from (segment for segment in path if segment not in keys)


def with_hidden(
    resource: Resource,
    declaration: Declaration | None,
    variables: Mapping[str, str],
    secrets: Secrets,
) -> Resource:
    """Give a resource with the paths of its settings that hold secret values of variables."""
    if not (declaration and any(secrets_within(declaration.node, variables, secrets.values))):
        return resource
    hidden = {
        path
        for field, value in resource.spec.fields().items()
        for path, part in _parts(field, value)
        if any(secrets.conceal(text) != text for text in texts_within(part))
    }
    return replace(resource, hidden=frozenset(hidden))


def _parts(path: Path, value: object) -> Iterator[tuple[Path, object]]:
    """Give the elements of a list, each with its number behind the path; what is none is its own part."""
    if isinstance(value, tuple):
        yield from (((*path, str(number)), each) for number, each in enumerate(value))
    else:
        yield path, value
