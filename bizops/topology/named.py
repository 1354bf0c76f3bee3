"""Which secrets the topology puts into names: addresses, and keys of settings. Such a name does not keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.topology.nodes import keys_within, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bizops.topology.declarations import Declaration
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
