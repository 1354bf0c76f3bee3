"""The filter that all output passes: known secret values out, in each form that a server may echo; names stay."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from bizops.resource import Secret
from bizops.sensitive import HIDDEN, without_user_info

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SHORTEST_ANYWHERE = 4
_SHORTEST_INSIDE_BASE64 = 5
"""Bytes; fewer have base64 of so few letters that it stands in other text by chance."""
_LONGEST_ENCODED = 4096
_TOO_COMMON = re.compile(
    r"(?:\d{1,5}|true|false|null|nil|none|yes|no|on|off|test|unused|default|example|dummy)\Z",
    re.IGNORECASE,
)
_OUR_WORDS = (
    "bizops rabbitmq kafka swarm queue exchange binding policy topic network secret service hidden "
    "message consumer partition replica task image environment add change destroy refused unmanaged "
    "create update delete replace managed applied failed skipped running missing changed"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})
_SPACE = re.compile(r"\\?\s+")
_ESCAPE = re.compile(r"%[0-9A-F]{2}")


class Redaction:
    """Replaces known secret values by `(hidden)`, and leaves names alone.

    `names` are what the topology and the live systems call things: addresses, hosts, users, files. A name is shown
    wherever it stands, also where a password happens to be a part of it (`guest` in `auto_guests`): a spoilt address
    is of no use to anyone, and says by its gap what the password is. The exception are the `named` values: secrets
    that the topology itself puts into a name, `routing_key: "${API_TOKEN}"`. No name keeps those.
    A value shorter than four characters is replaced only where it is a word of its own. One that says nothing
    (`true`, `4096`, `test`) is not replaced at all: a name such as MAX_TOKENS makes it hidden, and without it
    `1 to add` would become unreadable. Nor is a word that every output holds.
    A longer one is replaced in its percent-encoded, JSON-escaped and HTML-escaped forms and in base64 as well, there
    also as a part of more: the header of a request holds base64 of `user:password`.
    User and password of a URL are replaced whatever they are.
    """

    def __init__(
        self,
        secrets: Iterable[str | Secret] = (),
        names: Iterable[str] = (),
        named: Iterable[str] = (),
    ) -> None:
        revealed = {item.reveal() if isinstance(item, Secret) else item for item in secrets}
        values = {value for value in revealed if _is_telling(value)}
        spoilt = [value for value in named if value in values]
        self._kept = {
            name
            for name in names
            if any(value in name for value in values) and not any(each in name for each in spoilt)
        }
        self._keys = Redaction(spoilt) if spoilt else None
        self._plain = _pattern(values, self._kept) if values else None
        cores = sorted({core for value in values for core in _base64(value)}, key=len, reverse=True)
        self._inside = re.compile("|".join(map(re.escape, cores))) if cores else None

    def text(self, text: str) -> str:
        """Give a text without the secrets in it."""
        if "://" in text:
            text = without_user_info(text)
        if self._inside is not None:
            text = self._without_base64(text)
        if self._plain is None:
            return text
        return self._plain.sub(lambda found: found[0] if found[0] in self._kept else HIDDEN, text)

    def _without_base64(self, text: str) -> str:
        """Hide every word of base64 that holds a secret."""
        assert self._inside is not None  # noqa: S101 - the caller looked
        parts: list[str] = []
        position = 0
        while found := self._inside.search(text, position):
            start = found.start()
            while start > position and _BASE64.fullmatch(text[start - 1]):
                start -= 1
            end = _BASE64.match(text, found.end())
            parts += [text[position:start], HIDDEN]
            position = end.end() if end else found.end()
        return "".join([*parts, text[position:]])

    def document(self, document: Any) -> Any:  # noqa: ANN401 - whatever JSON has
        """Redact every text inside a document; numbers and most keys stay, so that it remains valid."""
        if isinstance(document, dict):
            keys = self._keys
            return {
                keys.text(key) if keys and isinstance(key, str) else key: self.document(held)
                for key, held in document.items()
            }
        if isinstance(document, (list, tuple)):
            return [self.document(item) for item in document]
        return self.text(document) if isinstance(document, str) else document


def _is_telling(value: str) -> bool:
    return bool(value) and not _TOO_COMMON.match(value) and value.lower() not in _OUR_WORDS


def _pattern(values: set[str], names: set[str]) -> re.Pattern[str]:
    """Match the longest first, so that no value survives as a part of another, and none is cut by a name in it."""
    shapes = {name: re.escape(name) for name in names}
    for value in sorted(values):
        for form in _forms(value):
            escaped = _SPACE.sub(r"\\s+", re.escape(form))  # text is wrapped at its spaces
            is_word = len(value) < _SHORTEST_ANYWHERE
            shapes.setdefault(form, rf"(?<![\w.]){escaped}(?![\w.])" if is_word else escaped)
    longest_first = sorted(shapes, key=lambda text: (-len(text), text))
    return re.compile("|".join(shapes[text] for text in longest_first))


def _forms(value: str) -> Iterator[str]:
    """Give a value as it is and as texts escape it."""
    yield value
    if len(value) > _LONGEST_ENCODED:
        return
    yield from (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (repr(value)[1:-1], ascii(value)[1:-1], value.translate(_HTML))
    with_bytes = value.encode(errors="surrogatepass")
    for encoded in (quote(with_bytes, safe=""), quote(with_bytes), quote_plus(with_bytes)):
        yield encoded
        yield _ESCAPE.sub(lambda found: found[0].lower(), encoded)
    if len(value) >= _SHORTEST_ANYWHERE:
        yield base64.b64encode(with_bytes).decode()


def _base64(value: str) -> Iterator[str]:
    """Give what base64 of any text with this value in it holds, at each of the three places that it may begin at."""
    content = value.encode(errors="surrogatepass")
    if not _SHORTEST_INSIDE_BASE64 <= len(content) <= _LONGEST_ENCODED:
        return
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + content + b"\0\0").decode()
        first = -(-before * 8 // 6)
        core = encoded[first : (before + len(content)) * 8 // 6]
        yield from (core, core.replace("+", "-").replace("/", "_"))
