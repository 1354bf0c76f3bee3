"""A service's environment: which values are hidden, files of variables, and the engine's list of `NAME=VALUE`.

A variable that stands twice in the engine's list has its last value, as in a container.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bizops.resource import Secret
from bizops.sensitive import is_telltale, tells

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path as FilePath

_LOOPBACK = re.compile(
    r"(?:^|[/@,;=|\s\[(\"'])"
    r"((?:[a-z0-9-]+\.)*localhost(?:\.localdomain)?\.?|ip6-(?:localhost|loopback)"
    r"|(?:::ffff:)?127(?:\.\d{1,3}){3}|(?:(?:0{1,4}:){7}|(?:(?:0{1,4}:)+|:):)0{0,3}1)"
    r"(?=$|[\]:/,;|\s?)\"'}])",
    re.IGNORECASE,
)
"""RFC 6761 (localhost and all below it), 127/8, ::1 however it is written; as a word of its own."""
_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)\Z")
_NOT_AN_ADDRESS = frozenset({"NO_PROXY", "no_proxy"})

UNSET = ()
"""The value of a name that stands in the engine's list without `=`: it removes the variable of the image."""


def is_hidden(name: str, value: str, sensitive: Collection[str]) -> bool:
    """True where a value must not be shown: by its name, because it was listed, or for what stands in it."""
    return name in sensitive or is_telltale(name) or tells(value)


def is_exposed(name: str, value: str, sensitive: Collection[str]) -> bool:
    """True where a hidden value stands in plain sight of `docker service inspect`, and is no file's name."""
    names_a_file = name.upper().endswith("_FILE") and value.startswith("/")
    return bool(value) and not names_a_file and is_hidden(name, value, sensitive)


def shown(name: str, value: str, sensitive: Collection[str]) -> str | Secret:
    """Give a value, wrapped where it must not be shown."""
    return Secret(value) if is_hidden(name, value, sensitive) else value


def loopback(name: str, value: str) -> str:
    """Give the loopback address inside a value, or "": inside a container it is the container itself."""
    if name in _NOT_AN_ADDRESS:
        return ""
    found = _LOOPBACK.search(value)
    return found[1] if found else ""


def observed(lines: Sequence[str], sensitive: Collection[str]) -> Iterator[tuple[str, Any]]:
    """Read the engine's list: each name once, with its last value."""
    for name, value in _by_name(lines).items():
        yield name, UNSET if value is None else shown(name, value, sensitive)


def written(lines: Sequence[str], changes: Mapping[str, Any]) -> list[str]:
    """Give the engine's list with some names changed; a name whose value is None goes. Sorted by name."""
    values = _by_name(lines)
    for name, value in changes.items():
        if value is None:
            values.pop(name, None)
        else:
            values[name] = value.reveal() if isinstance(value, Secret) else value
    return [name if value is None else f"{name}={value}" for name, value in sorted(values.items())]


def _by_name(lines: Sequence[str]) -> dict[str, str | None]:
    values: dict[str, str | None] = {}
    for line in lines:
        name, equals, value = line.partition("=")
        values[name] = value if equals else None
    return values


def file_pairs(path: FilePath) -> dict[str, str]:
    """Read a file of `NAME=VALUE` lines as Compose does: comments, `export`, quotes; no interpolation.

    Raises ValueError that names the file and the line, never the value.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"cannot read {path}: {why}"
        raise ValueError(message) from None
    pairs: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        found = _LINE.match(stripped)
        if not found:
            message = f"{path}:{number} is not NAME=VALUE"
            raise ValueError(message)
        pairs[found[1]] = _unquoted(found[2])
    return pairs


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in {'"', "'"} and (end := value.find(quote, 1)) > 0:
        return value[1:end]
    return re.split(r"\s+#", value, maxsplit=1)[0].rstrip()
