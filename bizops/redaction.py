"""The filter that all output passes: known secret values out, in each form that a server may echo; names stay."""

from __future__ import annotations

import base64
import bisect
import re
from typing import TYPE_CHECKING, Any

from bizops import escapes
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


class Redaction:
    """Replaces known secret values by `(hidden)`, and leaves names alone.

    `names` are what the topology and the live systems call things: addresses, hosts, users, files. A name is shown
    wherever it stands, also where a password happens to be a part of it (`guest` in `auto_guests`): a spoilt address
    is of no use to anyone, and says by its gap what the password is. The exception are the `named` values: secrets
    that the topology itself puts into a name, `routing_key: "${API_TOKEN}"`. No name keeps those.
    A value shorter than four characters is replaced only where it is a word of its own. One that says nothing
    (`true`, `4096`, `test`) is not replaced at all: a name such as MAX_TOKENS makes it hidden, and without it
    `1 to add` would become unreadable. Nor is a word that every output holds.
    A longer one is replaced also where characters of it are escaped, any of them in any way (`bizops.escapes`), and in
    base64, there also as a part of more: the header of a request holds base64 of `user:password`.
    User and password of a URL are replaced whatever they are.
    """

    def __init__(
        self,
        secrets: Iterable[str | Secret] = (),
        names: Iterable[str] = (),
        named: Iterable[str] = (),
    ) -> None:
        revealed = {item.reveal() if isinstance(item, Secret) else item for item in secrets}
        values = {value for text in revealed if _is_telling(value := text.strip())}
        spoilt = {value for text in named if (value := text.strip()) in values}
        self._keys = Redaction(spoilt) if spoilt else None
        self._words = {value: escapes.longest_word(value) for value in values}
        self._cores = {core for value in values for core in _base64(value)}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._kept: re.Pattern[str] | None = None
        kept = sorted(filter(self._is_kept, names), key=lambda name: (-len(name), name))
        self._kept = re.compile("|".join(map(re.escape, kept))) if kept else None

    def text(self, text: str) -> str:
        """Give a text without the secrets in it."""
        if "://" in text:
            text = without_user_info(text)
        text = self._without_values(self._without_base64(text))
        undone = escapes.undone(text)
        hidden = text if undone == text else self._without_values(undone)
        return text if hidden == undone else hidden

    def _is_kept(self, name: str) -> bool:
        """True for a name that a value is part of, where the topology itself did not put it there."""
        is_spoilt = self._keys is not None and self._keys.text(name) != name
        return not is_spoilt and self._without_values(name) != name

    def _without_values(self, text: str) -> str:
        """Hide every value, escaped or not, but for those within a name that is kept."""
        spans = sorted(
            span for value in self._values_in(text) for span in self._places(value, text)
        )
        if not spans:
            return text
        names = [found.span() for found in self._kept.finditer(text)] if self._kept else []
        parts: list[str] = []
        position = 0
        for start, end in spans:
            before = bisect.bisect(names, start, key=lambda span: span[0])
            if before and end <= names[before - 1][1]:
                continue
            if start >= position:
                parts += [text[position:start], HIDDEN]
            position = max(position, end)
        return "".join([*parts, text[position:]])

    def _values_in(self, text: str) -> Iterator[str]:
        """Give the values that may stand in a text: their longest word does, and to look for it is much quicker."""
        return (value for value, word in self._words.items() if word in text)

    def _places(self, value: str, text: str) -> Iterator[tuple[int, int]]:
        if value not in self._patterns:
            self._patterns[value] = _pattern(value)
        return (found.span() for found in self._patterns[value].finditer(text))

    def _without_base64(self, text: str) -> str:
        """Hide every word of base64 that holds a secret."""
        present = sorted(
            (core for core in self._cores if core in text), key=lambda core: (-len(core), core)
        )
        if not present:
            return text
        inside = re.compile("|".join(map(re.escape, present)))
        parts: list[str] = []
        position = 0
        while found := inside.search(text, position):
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


def _pattern(value: str) -> re.Pattern[str]:
    is_short = len(value) <= _LONGEST_ENCODED
    found = escapes.pattern(value) if is_short else escapes.unescaped(value)
    is_word = len(value) < _SHORTEST_ANYWHERE
    return re.compile(rf"(?<![\w.]){found}(?![\w.])" if is_word else found)


def _base64(value: str) -> Iterator[str]:
    """Give what base64 of any text with this value in it holds, at each of the three places that it may begin at."""
    content = value.encode(errors="surrogatepass")
    if not _SHORTEST_INSIDE_BASE64 <= len(content) <= _LONGEST_ENCODED:
        if len(value) == _SHORTEST_ANYWHERE:
            yield base64.b64encode(content).decode()
        return
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + content + b"\0\0").decode()
        first = -(-before * 8 // 6)
        core = encoded[first : (before + len(content)) * 8 // 6]
        yield from (core, core.replace("+", "-").replace("/", "_"))
