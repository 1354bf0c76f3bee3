"""Variables in scalar values: `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:?message}`, `${NAME?message}`.

`$${` is a literal `${`; any other `$` is literal, so that `^auto_.*$` works. A default may hold templates itself.
An unset variable without a default is a fault; Compose only warns, and goes on with an empty text.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bizops.sensitive import is_telltale
from bizops.topology.nodes import Entry, Listing, Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Variables

    from bizops.topology.faults import Faults
    from bizops.topology.files import Seen

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-|:\?|-|\?|\})")
_DEPTH = 20
_LENGTH = 65_536
"""Longest text that a template may give: no setting is longer, and templates must not multiply."""


class TemplateError(Exception):
    """A template cannot be filled in; the message says why, the hint what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UnsetError(TemplateError):
    """A variable has neither a value nor a default."""


class _Filled(NamedTuple):
    text: str
    variables: tuple[str, ...]
    defaults: tuple[str, ...]


class Interpolation:
    """Fills in the templates of a tree; a node without templates is given back as it is."""

    def __init__(self, seen: Seen, faults: Faults) -> None:
        self._variables, self._is_whole = seen
        self._faults = faults
        self._filled: dict[int, Node] = {}

    def fill(self, node: Node) -> Node:
        """Give the tree with every template filled in; notes what cannot be."""
        if isinstance(node, Scalar):
            return self._scalar(node) if "${" in node.text else node
        # An anchor and its aliases are one node and stay one.
        known = self._filled.get(id(node))
        if known is None:
            known = self._listing(node) if isinstance(node, Listing) else self.mapping(node)
            self._filled[id(node)] = known
        return known

    def mapping(self, node: Mapping) -> Mapping:
        """Fill in a map; keys are names, and are never touched."""
        entries = node.entries
        filled = {
            name: entry
            if (value := self.fill(entry.value)) is entry.value
            else Entry(entry.key, value)
            for name, entry in entries.items()
        }
        is_same = all(filled[name] is entry for name, entry in entries.items())
        return node if is_same else Mapping(node.span, filled)

    def _listing(self, node: Listing) -> Listing:
        items = tuple(self.fill(item) for item in node.items)
        is_same = all(one is other for one, other in zip(items, node.items, strict=True))
        return node if is_same else Listing(node.span, items)

    def _scalar(self, node: Scalar) -> Scalar:
        try:
            filled = fill(node.text, self._variables)
        except TemplateError as error:
            if self._is_whole or not isinstance(error, UnsetError):
                self._faults.add(node.span, str(error), hint=error.hint)
            self._faults.excuse(node.span)
            return node
        for name in filled.variables:
            if is_telltale(name):
                self._faults.secrets.add(self._variables[name])
        self._faults.secrets.add_user_info(filled.text)
        is_template = bool(filled.variables or filled.defaults)
        return Scalar(
            node.span, filled.text, node.is_plain, is_template, filled.variables, filled.defaults
        )


def fill(text: str, variables: Variables[str, str], depth: int = 0) -> _Filled:
    """Fill in one text, which may be the default of another; raises TemplateError."""
    if depth > _DEPTH:
        message = f"defaults in defaults, more than {_DEPTH} deep"
        raise TemplateError(message)
    out: list[str] = []
    used: list[str] = []
    defaults: list[str] = []
    position = 0
    while (start := text.find("${", position)) >= 0:
        if start and text[start - 1] == "$" and start > position:
            out.append(text[position : start - 1] + "${")
            position = start + 2
            continue
        out.append(text[position:start])
        name, operator, argument, position = _template(text, start)
        value = variables.get(name)
        is_set = value is not None and (value != "" or not operator.startswith(":"))
        if value is not None and is_set:
            out.append(value)
            used.append(name)
        else:
            inner = _default(
                name, operator, argument, partial(fill, variables=variables, depth=depth + 1)
            )
            out.append(inner.text)
            used.extend(inner.variables)
            defaults.extend((name, *inner.defaults))
        if sum(map(len, out)) > _LENGTH:
            message = f"gives more than {_LENGTH:,} characters"
            raise TemplateError(message)
    out.append(text[position:])
    return _Filled("".join(out), tuple(used), tuple(defaults))


def _template(text: str, start: int) -> tuple[str, str, str, int]:
    """Take a template apart: name, operator, what follows it, and where the text goes on."""
    found = _NAME.match(text, start + 2)
    if not found:
        message = "not a template: write ${NAME}, ${NAME:-default} or ${NAME:?message}"
        raise TemplateError(message, "a literal ${ is written $${")
    name, operator = found[1], found[2]
    if operator == "}":
        return name, "", "", found.end()
    depth, position = 1, found.end()
    while depth:
        if position >= len(text):
            message = f"${{{name} is never closed with }}"
            raise TemplateError(message)
        if text.startswith("${", position):
            depth += 1
        elif text[position] == "}":
            depth -= 1
        position += 1
    return name, operator, text[found.end() : position - 1], position


def _default(name: str, operator: str, argument: str, filled: Callable[[str], _Filled]) -> _Filled:
    """Give what stands in for an unset variable."""
    if operator.endswith("-"):
        return filled(argument)
    if operator.endswith("?"):
        message = f"{name}: {argument}" if argument else f"{name} is not set"
        raise UnsetError(message, f"set {name} in the shell or in .env")
    message = f"{name} is not set and has no default"
    raise UnsetError(message, f"set it in the shell or in .env, or write ${{{name}:-default}}")
