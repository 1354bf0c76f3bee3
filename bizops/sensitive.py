"""Which values must not be shown, decided by where they stand; pure.

A value is hidden under a telltale name, after a telltale flag, and where a URL has user info. A guess hides a value at
its place alone; what is known to be secret, by its variable, is taken out of every text (`render.redaction`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.resource import Path

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""`X-Api-Key`, `apiKey` and `API_KEY` are the same two words."""
_TELLTALE = frozenset(
    {
        *("auth", "authorization", "conn", "cookie", "credential", "credentials", "dsn", "jaas"),
        *("key", "keys", "pw", "pwd", "secret", "secrets", "token", "tokens"),
    }
)
_ENDINGS = (
    *("accesskey", "apikey", "authkey", "credential", "credentials", "passphrase", "passwd"),
    *("password", "passwords", "privatekey", "secret", "secretkey", "token"),
)
_PASS = re.compile(r"(?<!by)(?<!com)(?<!sur)(?<!over)(?<!tres)pass\Z")
OPEN = frozenset(
    {
        "routing_key",
        "x-dead-letter-routing-key",
        "dead-letter-routing-key",
        "secret",
        "secrets",
        "secret_defaults",
    }
)
"""A routing key is no key to anything, and these list the names of secrets."""
_USER_INFO = re.compile(r"://[^/@\s]*:(?!\d+/)[^@\s]*@")
"""A password may have a raw `/` in it; a port and a path with `@` are none."""
_ASSIGNED = re.compile(r"([A-Za-z_][\w.-]*)=[\"']?([^\s\"'=$/,;&][^\s\"',;&]*)")
_FLAG = re.compile(r"--?([A-Za-z][\w-]*)\Z")
_FLAGGED = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]*)\s+[\"']?([^\s\"'$/-][^\s\"']*)")
_REDIS = re.compile(r"\bredis")


def is_telltale(name: str) -> bool:
    """True where what stands under a name must not be shown: a whole word of it says so, or its end does.

    `MYSQL_PWD`, `sasl.jaas.config` and `requirepass` do; `author`, `monkey` and `max-connections` do not.
    """
    if name in OPEN:
        return False
    words = [word.lower() for word in _WORD.findall(name)]
    return any(
        word in _TELLTALE or word.endswith(_ENDINGS) or _PASS.search(word) is not None
        for word in words
    )


def hide(path: Path, value: Any) -> Any:  # noqa: ANN401 - any setting
    """Give a value with a Secret in the place of whatever must not be shown."""
    if path and is_telltale(path[-1]) and isinstance(value, str) and value:
        return Secret(value)
    return _hidden(value)


def pair(
    path: Path,
    before: Any,  # noqa: ANN401 - any setting
    after: Any,  # noqa: ANN401 - any setting
    is_known: Callable[[str], bool],
) -> tuple[Any, Any]:
    """Hide both sides of a difference: where one side is hidden, so is the other, element by element.

    `is_known` tells whether a text holds a secret value that is known.
    """
    return _alike(_without(hide(path, before), is_known), _without(hide(path, after), is_known))


def _hidden(value: Any) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, str):
        return Secret(value) if tells(value) else value
    if isinstance(value, tuple):
        return tuple(_elements(value) if not _is_table(value) else map(_entry, value))
    if isinstance(value, dict):
        return {key: hide((str(key),), held) for key, held in value.items()}
    return value


def _is_table(value: tuple[Any, ...]) -> bool:
    """True for a map, which is held as pairs."""
    return bool(value) and all(
        isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str)  # noqa: PLR2004 - name and value
        for each in value
    )


def _entry(pair: tuple[str, Any]) -> tuple[str, Any]:
    return pair[0], hide((pair[0],), pair[1])


def _elements(value: tuple[Any, ...]) -> Iterator[Any]:
    is_of_redis = any(isinstance(each, str) and _REDIS.search(each) for each in value)
    flag = ""
    for each in value:
        is_told = is_telltale(flag) or (is_of_redis and flag == "a")
        yield Secret(each) if isinstance(each, str) and each and is_told else _hidden(each)
        found = _FLAG.match(each) if isinstance(each, str) else None
        flag = found[1] if found else ""


def tells(text: str) -> bool:
    """True where a text has user info of a URL, or a value after a telltale name or flag within it."""
    if _USER_INFO.search(text):
        return True
    named = any(is_telltale(name) for name, _ in _ASSIGNED.findall(text))
    return named or any(
        is_telltale(flag) or (flag == "a" and _REDIS.search(text))
        for flag, _ in _FLAGGED.findall(text)
    )


def _without(value: Any, is_known: Callable[[str], bool]) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, str):
        return Secret(value) if is_known(value) else value
    if isinstance(value, tuple):
        return tuple(_without(each, is_known) for each in value)
    return value


def _alike(before: Any, after: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any settings
    if isinstance(before, tuple) and isinstance(after, tuple):
        pairs = [_alike(mine, theirs) for mine, theirs in zip(before, after, strict=False)]
        number = len(pairs)
        return (
            (*(mine for mine, _ in pairs), *before[number:]),
            (*(theirs for _, theirs in pairs), *after[number:]),
        )
    if isinstance(before, Secret) or isinstance(after, Secret):
        return _secret(before), _secret(after)
    return before, after


def _secret(value: Any) -> Any:  # noqa: ANN401 - any setting
    if value is None or isinstance(value, Secret):
        return value
    return Secret(value if isinstance(value, str) else str(value))
