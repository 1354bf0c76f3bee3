"""What must never be shown, known by its position and by its value.

By position: passwords, URL user info, and whatever stands under a name that says so. By value: every secret that
reached a field. The shown line of a faulty file needs the first, because what is wrong there may be the name itself.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bizops.redaction import Redaction
from bizops.sensitive import HIDDEN, OPEN, credentials, is_telltale, tells, without_user_info
from bizops.topology.tree.nodes import Listing, Mapping, Node, Scalar, Span, scalars

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bizops.resource import Path

_MISSPELT = ("password", "passwd", "passphrase", "secret", "token", "credential", "credentials")
_LISTED = re.compile(r"sensitive[\"']?\s*:\s*(\[[^\]]*|(?:[ \t]*\n\s*-[^\n]*)+|[^\n]*)")
_BELOW_A_NAME = ("", "", "")
"""Stands for a section, a kind and a name."""
_OF_MAPS = frozenset({"secrets", "credential_spec"})
_OF_SECRETS = ("swarm", "secrets")
_KNOWN = frozenset({"name", "file", "environment", "external", "lifecycle", "needs"})
_WORD = re.compile(r"[A-Za-z]+")


@functools.lru_cache(maxsize=4096)
def resembles_sensitive(name: str) -> bool:
    """True for a sensitive name and for one that looks like a slip of the hand: `pasword`."""
    if is_telltale(name):
        return True
    import difflib  # noqa: PLC0415 - only for showing faults

    return name not in OPEN and any(
        difflib.get_close_matches(word.lower(), _MISSPELT, n=1, cutoff=0.7)
        for word in _WORD.findall(name)
    )


class Secrets:
    """The secret values that are known so far; `named` are those that stand in a name, such as a binding's address."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._named: set[str] = set()
        self._filters: list[Redaction] = []

    @property
    def values(self) -> frozenset[str]:
        """All of them, for the filter that everything printed passes."""
        return frozenset(self._values)

    @property
    def named(self) -> frozenset[str]:
        """Those that stand in names, which no name keeps."""
        return frozenset(self._named)

    def add(self, value: str) -> None:
        """Note a secret value, and as a URL would carry it."""
        if value and value not in self._values:
            self._values |= {value, unquote(value)}
            self._filters.clear()

    def add_named(self, value: str) -> None:
        """Note a secret value that the topology puts into a name."""
        self.add(value)
        self._named |= {value} - {""}
        self._filters.clear()

    def add_user_info(self, text: str) -> None:
        """Note the password in a URL, or the user where that is all there is (a token)."""
        for found in credentials(text):
            user, _, password = found.partition(":")
            self.add(password or user)
            if password:
                self.add(found)

    def conceal(self, text: str) -> str:
        """Replace every secret value and all URL user info in a text."""
        return self._filter()[0].text(text)

    def conceal_name(self, text: str) -> str:
        """Replace in a name only what the topology should not have put there."""
        return self._filter()[1].text(text)

    def _filter(self) -> Sequence[Redaction]:
        if not self._filters:
            self._filters = [Redaction(self._values), Redaction(self._named)]
        return self._filters


def hidden_spans(trees: Sequence[Mapping]) -> Iterator[Span]:
    """Give the places that hold secrets by their position, or by a name that one of the trees lists as `sensitive`."""
    lists = [names for tree in trees for names in _under(tree, "sensitive")]
    listed = {item.text for names in lists for item in scalars(names)}
    for tree in trees:
        yield from (scalar.span for scalar in _hidden(tree, listed, ()))


def guessed(text: str) -> frozenset[str]:
    """Give what may be the names that a file lists as `sensitive`, where its syntax is broken."""
    return frozenset(name for found in _LISTED.findall(text) for name in re.findall(r"\w+", found))


def hidden_within(node: Node) -> Iterator[Scalar]:
    """Give the values below a place that are secret by their position there."""
    yield from _hidden(node, (), _BELOW_A_NAME)


def _under(node: Node, name: str) -> Iterator[Node]:
    if isinstance(node, Mapping):
        for key, entry in node.entries.items():
            if key == name:
                yield entry.value
            yield from _under(entry.value, name)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _under(item, name)


def _hidden(node: Node, listed: Collection[str], path: Path) -> Iterator[Scalar]:
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            below = (*path, name)
            is_map = isinstance(entry.value, Mapping)
            is_said = name in listed or resembles_sensitive(name) or _is_of_a_secret(below)
            if is_said and not (is_map and _may_hold_a_map(below)):
                yield from scalars(entry.value)
            else:
                yield from _hidden(entry.value, listed, below)
    elif isinstance(node, Listing):
        for item in node.items:
            yield from _hidden(item, listed, path)
    elif _is_assignment(node, listed) or tells(without_user_info(node.text)):
        yield node


def _may_hold_a_map(path: Path) -> bool:
    """True where a map is no mistake, and holds settings: below the name of an object, and below keys of ours."""
    is_name = len(path) == len(_BELOW_A_NAME) and path[0] != "connections"
    return is_name or path[-1] in _OF_MAPS


def _is_of_a_secret(path: Path) -> bool:
    """True where a Swarm secret is given something that we do not know: it may be the secret itself."""
    return len(path) == len(_OF_SECRETS) + 2 and path[:2] == _OF_SECRETS and path[-1] not in _KNOWN


def _is_assignment(scalar: Scalar, listed: Collection[str]) -> bool:
    """True for an item such as `API_KEY=value`, as Compose writes an environment as a list."""
    name, equals, _ = scalar.text.partition("=")
    return bool(equals) and (name in listed or is_telltale(name))


def blank(line: str, listed: Collection[str], *, cautious: bool) -> str:
    """Hide what may be secret in a line of a file that could not be parsed.

    Without a tree there are no positions, so all that follows a sensitive or listed name goes; where `cautious`, all
    that follows the first colon, or the whole line.
    """
    if cautious:
        name, colon, rest = line.partition(":")
        if not colon:
            return HIDDEN
        return f"{name}: {HIDDEN}" if rest.strip() else line
    for word in re.finditer(r"\w+", line):
        is_secret = word[0] in listed or any(map(resembles_sensitive, _WORD.findall(word[0])))
        if is_secret and line[word.end() :].strip(" :"):
            return f"{line[: word.end()]}: {HIDDEN}"
    return line
