"""The last filter before anything is printed: known secret values out, names as they are."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "(hidden)"
_SHORTEST_ANYWHERE = 4
_TOO_COMMON = re.compile(r"(?:\d{1,5}|true|false|null|none|yes|no|on|off)\Z", re.IGNORECASE)
_OUR_WORDS = (
    "bizops rabbitmq kafka swarm queue exchange binding policy topic network secret service hidden "
    "message consumer partition replica task image environment add change destroy refused unmanaged "
    "create update delete replace managed applied failed skipped running missing changed"
)


class Redaction:
    """Replaces known secret values by `(hidden)`, and leaves names alone.

    `names` are what the topology and the live systems call things: addresses, hosts, users, files. A name is shown
    wherever it stands, also where a password happens to be a part of it (`guest` in `auto_guests`): a spoilt address
    is of no use to anyone, and says by its gap what the password is.
    A value shorter than four characters is replaced only where it is a word of its own. One that says nothing
    (`true`, `4096`) is not replaced at all: a name such as MAX_TOKENS makes it hidden, and without it `1 to add`
    would become unreadable. Nor is a word that every output holds.
    """

    def __init__(self, secrets: Iterable[str | Secret] = (), names: Iterable[str] = ()) -> None:
        revealed = {item.reveal() if isinstance(item, Secret) else item for item in secrets}
        values = {value for value in revealed if _is_telling(value)}
        self._kept = {name for name in names if any(value in name for value in values)}
        self._pattern = _pattern(values, self._kept) if values else None

    def text(self, text: str) -> str:
        """Give a text without the secrets in it."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: found[0] if found[0] in self._kept else HIDDEN, text)

    def document(self, document: Any) -> Any:  # noqa: ANN401 - whatever JSON has
        """Redact every text inside a document; numbers and keys stay, so that it remains valid."""
        if isinstance(document, dict):
            return {key: self.document(held) for key, held in document.items()}
        if isinstance(document, list):
            return [self.document(item) for item in document]
        return self.text(document) if isinstance(document, str) else document


def _is_telling(value: str) -> bool:
    return bool(value) and not _TOO_COMMON.match(value) and value.lower() not in _OUR_WORDS


def _pattern(values: set[str], names: set[str]) -> re.Pattern[str]:
    """Match the longest first, so that no value survives as a part of another, and none is cut by a name in it."""
    shapes = dict.fromkeys(names, "{}")
    for value in sorted(values - names):
        shape = "{}" if len(value) >= _SHORTEST_ANYWHERE else r"(?<![\w.]){}(?![\w.])"
        shapes |= {value: shape, json.dumps(value)[1:-1]: shape}
    longest_first = sorted(shapes, key=lambda text: (-len(text), text))
    return re.compile("|".join(shapes[text].format(re.escape(text)) for text in longest_first))
