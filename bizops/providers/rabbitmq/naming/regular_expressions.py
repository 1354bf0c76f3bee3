"""Regular expressions for sets of names: written short, and read back exactly; pure.

An expression matches the whole of each name and nothing else, on the bytes of a name's UTF-8: a character of several
bytes is never cut, and never stands in a class. Three rules make it shorter, and none changes what it matches:
`ab|ac` is `a(?:b|c)`, `bx|cx` is `(?:b|c)x`, and `a|b|c` is `[a-c]`. PCRE (up to Erlang 27), PCRE2 (since 28) and
Python's `re` read all of it alike.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_NAMES = 20_000
"""An expression for more names is not read as a list of names; none of ours has as many."""

_RANGE_FROM = 3
_LITERAL = r"(?:[^\\^$.|?*+()\[\]{}]|\\[^A-Za-z0-9])"
_TOKEN = re.compile(
    rf"(?P<text>(?:{_LITERAL}(?![?*+{{]))+)|(?P<maybe>{_LITERAL})\?"
    r"|\[(?P<chars>(?:\w|\\[^A-Za-z0-9]|-)+)\](?P<maybe_chars>\??)"
    r"|(?P<begin>\(\?:)|(?P<end>\))(?P<maybe_group>\??)|(?P<or>\|)",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CLASS = re.compile(r"(?:(?P<first>[A-Za-z0-9])-(?P<last>[A-Za-z0-9])|(?P<one>\w|\\[^A-Za-z0-9]))")

_ESCAPES = {
    code: f"\\{chr(code)}" for code in range(128) if not chr(code).isalnum() and chr(code) != "_"
}

_Atoms = tuple[str, ...]


def escaped(text: str) -> str:
    """Put a backslash before every ASCII character that is neither letter nor digit nor underscore."""
    return text.translate(_ESCAPES)


def factored(names: Iterable[str]) -> str:
    """Give an expression in which what names have in common at their beginning or end stands once."""
    return "".join(_atoms(sorted(set(names))))


def _atoms(suffixes: Sequence[str]) -> _Atoms:
    """Give what follows a common prefix, as literals, classes and groups; `suffixes` are sorted and distinct."""
    rest = suffixes if suffixes[0] else suffixes[1:]
    if not rest:
        return ()
    prefix = _common_prefix(rest[0], rest[-1])
    if prefix:
        inner = _atoms([suffix[len(prefix) :] for suffix in rest])
        atoms = (*(_ESCAPES.get(ord(char), char) for char in prefix), *inner)
    else:
        atoms = _choice(
            [
                (escaped(first), *_atoms([suffix[1:] for suffix in same]))
                for first, same in groupby(rest, key=lambda suffix: suffix[0])
            ]
        )
    return atoms if suffixes[0] else (_maybe(atoms),)


def _common_prefix(first: str, last: str) -> str:
    """Give what the first and the last of sorted texts begin with, and so all between them."""
    pairs = zip(first, last, strict=False)
    return first[: next((n for n, (one, other) in enumerate(pairs) if one != other), len(first))]


def _choice(branches: Sequence[_Atoms]) -> _Atoms:
    """Join branches that begin with different literals; what all of them end with follows once."""
    shared = 0
    while len({branch[-shared - 1 : len(branch) - shared] for branch in branches}) == 1:
        shared += 1
    ending = branches[0][len(branches[0]) - shared :]
    heads: defaultdict[_Atoms, list[str]] = defaultdict(list)
    for branch in branches:
        if len(branch) > shared:
            heads[branch[1 : len(branch) - shared]].append(branch[0])
    ways: list[_Atoms] = []
    for rest, found in heads.items():
        ascii_heads = [head for head in found if head.isascii()]
        ways += [(_class(ascii_heads), *rest)] if ascii_heads else []
        ways += [(head, *rest) for head in found if not head.isascii()]
    atoms = ways[0] if len(ways) == 1 else (f"(?:{'|'.join(map(''.join, ways))})",)
    if any(len(branch) == shared for branch in branches):
        atoms = (_maybe(atoms),)
    return (*atoms, *ending)


def _maybe(atoms: _Atoms) -> str:
    """Make atoms optional that match no empty text."""
    is_one = len(atoms) == 1 and (atoms[0].isascii() or atoms[0][0] == "(")
    return f"{atoms[0]}?" if is_one else f"(?:{''.join(atoms)})?"


def _class(literals: Sequence[str]) -> str:
    """Give a class of ASCII characters, given as literals in the order of their characters."""
    if len(literals) == 1:
        return literals[0]
    runs: list[list[str]] = []
    for literal in literals:
        is_next = runs and literal.isalnum() and ord(literal) - ord(runs[-1][-1][-1]) == 1
        if is_next and runs[-1][-1].isalnum():
            runs[-1].append(literal)
        else:
            runs.append([literal])
    texts = [f"{r[0]}-{r[-1]}" if len(r) >= _RANGE_FROM else "".join(r) for r in runs]
    return f"[{''.join(texts)}]"


def names(expression: str) -> frozenset[str] | None:
    """Give what an expression matches as a whole; None where it is none of the form that is written here."""
    stack: list[tuple[list[str], list[str]]] = [([], [""])]
    position = 0
    while position < len(expression):
        token = _TOKEN.match(expression, position)
        if token is None or not _take(token, stack):
            return None
        position = token.end()
    return frozenset(stack[0][1]) if len(stack) == 1 else None


def _take(token: re.Match[str], stack: list[tuple[list[str], list[str]]]) -> bool:
    """Follow one token; False where it cannot stand there.

    A level of the stack is a group that is open: the names of its branches so far, and those of the present one.
    """
    ways, now = stack[-1]
    kind = token.lastgroup
    if kind == "begin":
        stack.append(([], [""]))
        return True
    if kind == "or":
        stack[-1] = ([*ways, *now], [""])
        return len(stack) > 1
    if kind == "maybe_group":
        stack.pop()
        if not stack:
            return False
        more, (ways, now) = [*ways, *now], stack[-1]
    elif kind == "maybe_chars":
        more = _chars(token["chars"])
    else:
        more = [_ESCAPED.sub(r"\1", token[kind or ""])]
    if not more or (kind == "maybe" and not token["maybe"].isascii()):
        return False
    if kind == "maybe" or token[kind or ""] == "?":
        more.append("")
    if len(now) * len(more) > MAX_NAMES:
        return False
    stack[-1] = (ways, [begun + text for begun in now for text in more])
    return True


def _chars(text: str) -> list[str]:
    """Give the characters of a class, all of them ASCII; none for another form."""
    found: list[str] = []
    position = 0
    while position < len(text):
        part = _CLASS.match(text, position)
        if part is None or not part[0].isascii():
            return []
        if part["one"]:
            found.append(part["one"][-1])
        else:
            found += map(chr, range(ord(part["first"]), ord(part["last"]) + 1))
        position = part.end()
    return found
