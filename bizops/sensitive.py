"""Which values must not be shown, decided by where they stand; pure.

A value is hidden under a telltale name, after a telltale flag, and where a URL has user info. A guess hides a value at
its place alone; what is known to be secret, by its variable, is taken out of every text (`bizops.redaction`).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from bizops.resource import Path

HIDDEN = "(hidden)"
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
"""`X-Api-Key`, `apiKey` and `API_KEY` are the same two words."""
_TELLTALE = frozenset(
    {
        *("auth", "authorization", "conn", "connstr", "cookie", "credential", "credentials", "dsn"),
        *("jaas", "connectionstring"),
        *("key", "keys", "pw", "pwd", "secret", "secrets", "token", "tokens"),
    }
)
_ENDINGS = (
    *("accesskey", "apikey", "authkey", "credential", "credentials", "passphrase", "passwd"),
    *("password", "passwords", "privatekey", "secret", "secretkey", "token"),
)
_PASS = re.compile(r"(?<!by)(?<!com)(?<!sur)(?<!over)(?<!tres)pass\Z")
OPEN = frozenset({"secret", "secrets", "secret_defaults", "PWD", "OLDPWD"})
"""These list the names of secrets, or are the shell's for the working directory."""
_ROUTING_KEY = re.compile(r"routing[-_.]?key\Z", re.IGNORECASE)
"""It is no key to anything."""
_ONE_OR_TWO_WORDS = re.compile(r"[A-Za-z]+(?:[-_.:/ ][A-Za-z]+)?\Z")
_USER_INFO = re.compile(
    r"(?<=://)(?:[^\s/@\"'\[:]*:(?!\d+/)(?:(?!://)[^\s\"'])*|(?<!ssh://)[^\s/@\"'\[:]+)(?=@)"
)
"""A password may have a raw `/` or `@` in it; a port and a path with `@` are none, and a name alone is none for ssh."""
_WITHOUT_SCHEME = re.compile(
    r"(?:^|(?<=[\s\"'=,;(]))(?!(?:mailto|sips?|xmpp|acct):)[^\s:/@\"'=,;()\[\]{}]{1,200}:(?!\d+/|//)[^\s\"']{1,500}"
    r"(?=@(?!sha\d)[\w\[])",
    re.IGNORECASE,
)
"""`user:password@host`; the digest of an image is none."""
_ASSIGNED = re.compile(r"(?<![\w.])([A-Za-z_][\w.-]{0,200})=[\"']?([^\s\"'=$/,;&][^\s\"',;&]*)")
_FLAG = re.compile(r"--?([A-Za-z][\w-]*)\Z")
_FLAGGED = re.compile(r"(?<![\w-])--?([A-Za-z][\w-]*)\s+[\"']?([^\s\"'$/-][^\s\"']*)")
_REDIS = re.compile(r"\bredis")


@functools.lru_cache(maxsize=4096)
def is_telltale(name: str) -> bool:
    """True where what stands under a name must not be shown: a whole word of it says so, or its end does.

    `MYSQL_PWD`, `sasl.jaas.config` and `requirepass` do; `author`, `monkey` and `max-connections` do not.
    """
    if name in OPEN:
        return False
    words = [word.lower() for word in _WORD.findall(_ROUTING_KEY.sub("", name))]
    return any(
        word in _TELLTALE or word.endswith(_ENDINGS) or _PASS.search(word) is not None
        for word in words
    )


def is_distinct(value: str) -> bool:
    """True where a value that is hidden by a guess may be taken out of other text, too.

    One or two plain words may not: with `SORT_KEY: orders` every `orders` would vanish.
    """
    return not _ONE_OR_TWO_WORDS.match(value)


def hide(path: Path, value: Any) -> Any:  # noqa: ANN401 - any setting
    """Give a value with a Secret in the place of whatever must not be shown."""
    if path and is_telltale(path[-1]) and isinstance(value, str) and value:
        return Secret(value)
    return _hidden(value)


def at_its_place(path: Path, value: Any, hidden: Collection[Path]) -> Any:  # noqa: ANN401 - any setting
    """Give a value with a Secret wherever it comes from one, as `hidden` says: see `Resource`."""
    if path in hidden:
        return _secret(value)
    if not isinstance(value, tuple):
        return value
    places = {each[-1] for each in hidden if each[:-1] == path}
    is_leaf = (isinstance(each, (str, int, float)) for each in value)
    return tuple(
        _secret(each) if leaf and str(number) in places else each
        for number, (each, leaf) in enumerate(zip(value, is_leaf, strict=True))
    )


def pair(
    path: Path,
    before: Any,  # noqa: ANN401 - any setting
    after: Any,  # noqa: ANN401 - any setting
    is_known: Callable[[str], bool],
) -> tuple[Any, Any]:
    """Hide both sides of a difference: where one side is hidden, so is the other, element by element.

    `is_known` tells whether a text holds a secret value that is known. Of a list in which such a secret may stand at
    another place on the other side, the other side keeps what this side shows, too.
    """
    mine, theirs = _moved(_without(before, is_known), _without(after, is_known))
    return _alike(hide(path, mine), hide(path, theirs))


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


def credentials(value: str) -> list[str]:
    """Give the user infos of the URLs in a value, `user:password`, also of one without a scheme."""
    return [*_USER_INFO.findall(value), *_WITHOUT_SCHEME.findall(value)] if "@" in value else []


def without_user_info(text: str) -> str:
    """Hide user and password in every URL of a text."""
    return _USER_INFO.sub(HIDDEN, text)


def tells(text: str) -> bool:
    """True where a value has user info of a URL, or a value after a telltale name or flag within it."""
    return bool(parts(text))


def parts(text: str) -> list[str]:
    """Give what must not be shown within a value: passwords of URLs, and what follows a telltale name or flag."""
    found = [each.partition(":")[2] for each in credentials(text) if ":" in each]
    found += [value for name, value in _ASSIGNED.findall(text) if is_telltale(name)]
    is_of_redis = _REDIS.search(text)
    return found + [
        value
        for flag, value in _FLAGGED.findall(text)
        if is_telltale(flag) or (flag == "a" and is_of_redis)
    ]


def _without(value: Any, is_known: Callable[[str], bool]) -> Any:  # noqa: ANN401 - any setting
    if isinstance(value, str):
        return Secret(value) if is_known(value) else value
    if isinstance(value, tuple):
        return tuple(_without(each, is_known) for each in value)
    return value


def _moved(before: Any, after: Any) -> tuple[Any, Any]:  # noqa: ANN401 - any settings
    """Hide in lists of other lengths, and in sorted ones, whatever may be a hidden element of the other side."""
    if not (isinstance(before, tuple) and isinstance(after, tuple)):
        return before, after
    if len(before) == len(after) and not (_is_sorted(before) and _is_sorted(after)):
        return before, after
    return _beside(before, after), _beside(after, before)


def _is_sorted(elements: tuple[Any, ...]) -> bool:
    texts = [each.reveal() if isinstance(each, Secret) else str(each) for each in elements]
    return texts == sorted(texts)


def _beside(mine: tuple[Any, ...], theirs: tuple[Any, ...]) -> tuple[Any, ...]:
    if not any(isinstance(each, Secret) for each in theirs):
        return mine
    return tuple(each if each in theirs else _secret(each) for each in mine)


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
