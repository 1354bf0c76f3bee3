"""Where a topology puts the secrets of variables: into names, which do not keep them then, and into settings."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.redaction import Redaction
from bizops.resource import texts_within
from bizops.topology.tree.nodes import Scalar, find, keys_within, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bizops.resource import Path, Resource
    from bizops.topology.declarations import Declaration
    from bizops.topology.tree.nodes import Node, Span
    from bizops.topology.tree.sensitive_values import Secrets


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
        yield from _keys_of_templates(declaration.node, known).intersection(names[declaration.span])


def secrets_within(
    node: Node, variables: Mapping[str, str], known: Collection[str]
) -> Iterator[str]:
    """Give the secret values of variables in a tree."""
    for scalar in scalars(node):
        yield from {variables.get(name, "") for name in scalar.variables}.intersection(known)


def _keys_of_templates(node: Node, known: Collection[str]) -> set[str]:
    """Give the names before `=` that a secret gave, as in `- "${TOKEN}"`: a `=` in it may have cut it there."""
    return {
        scalar.text.partition("=")[0]
        for scalar in scalars(node)
        if "$" in scalar.template.partition("=")[0] and any(each in scalar.text for each in known)
    }


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
    if declaration is None:
        return resource
    origin = _Origin(declaration.node, variables, secrets)
    if not origin.secrets_in(declaration.node):
        return resource
    hidden = {
        place
        for path, value in resource.spec.fields().items()
        for place in origin.places(path, value)
    }
    return replace(resource, hidden=frozenset(hidden))


class _Origin:
    """Tells which settings come from secrets: a value may be split, sorted or spelt in another way by then."""

    def __init__(self, node: Node, variables: Mapping[str, str], secrets: Secrets) -> None:
        self._node = node
        self._variables = variables
        self._secrets = secrets

    def secrets_in(self, node: Node) -> set[str]:
        """Give the secrets in a tree that say something."""
        found = secrets_within(node, self._variables, self._secrets.values)
        return {value for value in found if self._secrets.conceal(value) != value}

    def places(self, path: Path, value: object) -> Iterator[Path]:
        """Give a path where its value comes from a secret, or it with the number of each such element of a list."""
        found = find(self._node, path)
        values = self.secrets_in(found.node)
        if not values:
            return
        is_own = len(found.path) == len(path)
        if isinstance(value, tuple):
            is_text = isinstance(found.node, Scalar)
            for number in _elements(value, values, is_own=is_own, is_split=is_own and is_text):
                yield (*path, str(number))
        elif is_own or _holding((value,), values):
            yield path


def _elements(
    elements: tuple[object, ...], values: set[str], *, is_own: bool, is_split: bool
) -> Collection[int]:
    """Give the numbers of the elements with a secret in them.

    `is_own`: the list is made of a tree with nothing else in it, so one of them has it. `is_split`: it was one text.
    """
    holding = () if is_split else _holding(elements, values)
    if holding or not is_own:
        return holding
    parts = {part for value in values for part in re.findall(r"\w+", value.casefold())}
    texts = [" ".join(texts_within(each)).casefold() for each in elements]
    cut = [number for number, text in enumerate(texts) if any(part in text for part in parts)]
    return cut or range(len(elements))


def _holding(elements: tuple[object, ...], values: set[str]) -> Collection[int]:
    """Give the numbers of the elements that have a whole secret in them, in capital letters or in small ones."""
    hide = Redaction(value.casefold() for value in values).text
    texts = [[text.casefold() for text in texts_within(each)] for each in elements]
    return [number for number, each in enumerate(texts) if any(hide(text) != text for text in each)]
