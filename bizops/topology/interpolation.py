"""Variables in scalar values: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+other}`, and without colons.

Outside `swarm` a `$` stands for itself where no `{` follows, so that `^auto_.*$` works, and `$${` is a literal `${`.
Below `swarm` Compose's syntax holds whole, as values are copied from Compose files: `$NAME` is a variable too, `$$` is
one dollar, and any other `$` is a fault (compose-go `template`, the specification's chapter 12).

A default may hold templates itself. An unset variable without a default is a fault; Compose only warns, and goes on
with an empty text.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bizops.sensitive import is_telltale
from bizops.topology.tree.nodes import Entry, Listing, Mapping, Node, Scalar

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Mapping as Variables

    from bizops.topology.files import Seen
    from bizops.topology.tree.faults import Faults

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(:-|:\?|:\+|-|\?|\+|\})")
_SHORT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LIKE_COMPOSE = re.compile(r"\$\$(?!\{)|(?<!\$)\$[A-Za-z_]")
"""What is a variable or a dollar below `swarm`, and stands for itself elsewhere."""
_COMPOSE = "swarm"
"""The section whose values have Compose's syntax."""
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
        self._filled: dict[tuple[int, bool], Node] = {}
        self._is_compose = self._is_told = False

    def sections(self, tree: Mapping) -> Mapping:
        """Fill in a topology: each section with its own syntax."""
        filled = {}
        for name, entry in tree.entries.items():
            self._is_compose = name == _COMPOSE
            self._is_told = not name.startswith("x-")
            filled[name] = self._entry(entry)
        return Mapping(tree.span, filled)

    def _fill(self, node: Node) -> Node:
        """Give the tree with every template filled in; notes what cannot be."""
        if isinstance(node, Scalar):
            return self._scalar(node) if "$" in node.text else node
        # An anchor and its aliases are one node and stay one.
        key = (id(node), self._is_compose)
        known = self._filled.get(key)
        if known is None:
            known = self._listing(node) if isinstance(node, Listing) else self._mapping(node)
            self._filled[key] = known
        return known

    def _mapping(self, node: Mapping) -> Mapping:
        """Fill in a map; keys are names, and are never touched."""
        entries = node.entries
        filled = {name: self._entry(entry) for name, entry in entries.items()}
        is_same = all(filled[name] is entry for name, entry in entries.items())
        return node if is_same else Mapping(node.span, filled)

    def _entry(self, entry: Entry) -> Entry:
        value = self._fill(entry.value)
        return entry if value is entry.value else Entry(entry.key, value)

    def _listing(self, node: Listing) -> Listing:
        items = tuple(self._fill(item) for item in node.items)
        is_same = all(one is other for one, other in zip(items, node.items, strict=True))
        return node if is_same else Listing(node.span, items)

    def _scalar(self, node: Scalar) -> Scalar:
        if not self._is_compose:
            self._warn(node)
            if "${" not in node.text:
                return node
        try:
            filled = fill(node.text, self._variables, is_compose=self._is_compose)
        except TemplateError as error:
            if self._is_whole or not isinstance(error, UnsetError):
                self._faults.add(node.span, str(error), hint=error.hint)
            self._faults.excuse(node.span)
            return node
        for name in filled.variables:
            if is_telltale(name):
                self._faults.secrets.add(self._variables[name])
        self._faults.secrets.add_user_info(filled.text)
        template = node.text if filled.variables or filled.defaults else ""
        return Scalar(
            node.span, filled.text, node.is_plain, template, filled.variables, filled.defaults
        )

    def _warn(self, node: Scalar) -> None:
        found = _LIKE_COMPOSE.search(node.text) if self._is_told else None
        if found:
            problem = f"{found[0]}: a variable is written ${{NAME}} here, and any other $ stands for itself"
            self._faults.warn(node.span, problem)


def fill(
    text: str, variables: Variables[str, str], depth: int = 0, *, is_compose: bool = False
) -> _Filled:
    """Fill in one text, which may be the default of another; raises TemplateError."""
    if depth > _DEPTH:
        message = f"defaults in defaults, more than {_DEPTH} deep"
        raise TemplateError(message)
    inner = partial(fill, variables=variables, depth=depth + 1, is_compose=is_compose)
    out: list[str] = []
    used: list[str] = []
    defaults: list[str] = []
    position = 0
    while (start := text.find("$" if is_compose else "${", position)) >= 0:
        literal = _literal(text, start, position, is_compose=is_compose)
        if literal is not None:
            out.append(literal[0])
            position = literal[1]
            continue
        out.append(text[position:start])
        name, operator, argument, position = _template(text, start)
        found = _value(name, operator, argument, variables, inner)
        out.append(found.text)
        used.extend(found.variables)
        defaults.extend(found.defaults)
        if sum(map(len, out)) > _LENGTH:
            message = f"gives more than {_LENGTH:,} characters"
            raise TemplateError(message)
    out.append(text[position:])
    return _Filled("".join(out), tuple(used), tuple(defaults))


def _literal(text: str, start: int, position: int, *, is_compose: bool) -> tuple[str, int] | None:
    """Give the text up to an escaped dollar, with it, and where it goes on; None where a template begins."""
    if is_compose and text.startswith("$$", start):
        return f"{text[position:start]}$", start + 2
    if not is_compose and start > position and text[start - 1] == "$":
        return text[position : start - 1] + "${", start + 2
    return None


def _value(
    name: str,
    operator: str,
    argument: str,
    variables: Variables[str, str],
    inner: Callable[[str], _Filled],
) -> _Filled:
    value = variables.get(name)
    is_set = value is not None and (value != "" or not operator.startswith(":"))
    if operator.endswith("+"):
        found = inner(argument) if is_set else _Filled("", (), ())
        return _Filled(found.text, found.variables, (name, *found.defaults))
    if value is not None and is_set:
        return _Filled(value, (name,), ())
    found = _default(name, operator, argument, inner)
    return _Filled(found.text, found.variables, (name, *found.defaults))


def _template(text: str, start: int) -> tuple[str, str, str, int]:
    """Take a template apart: name, operator, what follows it, and where the text goes on."""
    if not text.startswith("${", start):
        return _short(text, start)
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


def _short(text: str, start: int) -> tuple[str, str, str, int]:
    found = _SHORT.match(text, start + 1)
    if not found:
        message = "a lone $: below swarm it begins a variable, as in a Compose file"
        raise TemplateError(message, "a literal $ is written $$")
    return found[0], "$", "", found.end()


def _default(name: str, operator: str, argument: str, filled: Callable[[str], _Filled]) -> _Filled:
    """Give what stands in for an unset variable."""
    if operator.endswith("-"):
        return filled(argument)
    if operator.endswith("?"):
        message = f"{name}: {argument}" if argument else f"{name} is not set"
        raise UnsetError(message, f"set {name} in the shell or in .env")
    message = f"{name} is not set and has no default"
    if operator == "$":
        hint = f"set it in the shell or in .env; for a variable of the container, write $${name}"
        raise UnsetError(message, hint)
    raise UnsetError(message, f"set it in the shell or in .env, or write ${{{name}:-default}}")
