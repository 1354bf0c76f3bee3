"""Hides secrets in what leaves a worker: logs, events, dead letters."""

from __future__ import annotations

import base64
import functools
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HIDDEN = "(hidden)"
MIN_SECRET = 4
"""A shorter secret would hide ordinary words, and hides nothing that could not be guessed."""
PLACEHOLDERS = frozenset({"none", "null", "test", "unused", "dummy", "guest", "true", "false"})
"""What stands where a secret must be set and there is none: hidden, such a word would vanish from every text."""
LONGEST_SECRET = 8192
"""Characters, in whatever form."""
_MIN_ENCODED = 8
"""Characters of a base64 form: a shorter piece turns up in ordinary text."""
MAX_SEARCHED = 64 << 10
"""Characters of an error that are searched: its events and headers have fewer."""
_LOOKS_SECRET = re.compile(
    r"""
    \b(?:sk|pk|rk)[-_][A-Za-z0-9_*.-]{6,}                          # OpenAI, Anthropic, Stripe, masked ones too
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                                # AWS
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,}          # GitHub
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                             # Slack
    | \bAIza[A-Za-z0-9_-]{30,}                                     # Google
    | (?<![A-Za-z0-9_-])(?=[A-Za-z0-9_-]++\.[A-Za-z0-9_-]{8,}+\.)  # a JSON Web Token: three words with dots between
      [A-Za-z0-9_-]*?\beyJ[A-Za-z0-9_-]{8,}+\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]*+
    | -----BEGIN[ ][A-Z ]{0,40}PRIVATE[ ]KEY-----.*?(?:-----END[ ][A-Z ]{0,40}PRIVATE[ ]KEY-----|\Z)
    | (?<=://)[^\s/@:]*:[^\s/@]+(?=@)                              # user information of a URL
    | (?i:(?<=\bbearer[ ])|(?<=\bbasic[ ]))[A-Za-z0-9._~+/-]{8,}=*
    """,
    re.VERBOSE | re.DOTALL,
)
_NAMED = re.compile(
    r"""(?ix)
    (?<![a-z])(pass(?:word|wd|phrase)|pwd|secret(?:[-_]?(?:access[-_]?)?key)?|(?:access[-_]?|auth[-_]?)?token
              |(?:api|private|access)[-_]?key|credentials?)
    (?![a-z]) (["']?\s*[=:]\s*) (?: "([^"]{4,})" | '([^']{4,})' | ([^\s"',;&)}\]]{4,}) )
    """
)
"""Each pattern takes time in proportion to the text, whatever it holds: the search keeps all other threads waiting."""


class Redactor:
    """Hides the texts that it is given, in the forms in which they travel, and what looks like a credential."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {s for s in secrets if len(s) >= MIN_SECRET and s.lower() not in PLACEHOLDERS}
        forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, forms))) if forms else None

    def redact(self, text: str) -> str:
        """Give the text with `(hidden)` in the place of each secret.

        Known ones are found as they are, JSON-escaped, percent-encoded and in base64, also within a longer text.
        """
        text = self.redact_known(text)
        text = _LOOKS_SECRET.sub(HIDDEN, text)
        return _NAMED.sub(lambda found: f"{found[1]}{found[2]}{HIDDEN}", text)

    def redact_known(self, text: str) -> str:
        """Give the text without the secrets themselves, where what merely looks like one may be somebody's answer."""
        return text if self._known is None else self._known.sub(HIDDEN, text)

    def redact_all(self, value: Any) -> Any:  # noqa: ANN401 - what JSON takes
        """Give a value with every text in it redacted, keys too; what is no JSON becomes text."""
        match value:
            case str():
                return self.redact(value)
            case dict():
                return {self.redact(str(key)): self.redact_all(each) for key, each in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self.redact_all(each) for each in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self.redact(str(value))


def shorten(text: str, most: int, hide: Callable[[str], str]) -> str:
    """Give the first characters of a text, cut after `hide` took the secrets out of them: half of one is one too.

    What is far behind them is not looked through: in a text of 50 MB that would hold all threads for 2 s.
    """
    size = most + LONGEST_SECRET
    while True:
        hidden = hide(text[:size])
        # A secret that ends behind `size` is still there, at the very end.
        if size >= len(text) or len(hidden) >= most + LONGEST_SECRET:
            return hidden[:most]
        size *= 2


def beginning(text: str) -> str:
    """Give as much of a text as is searched where only its beginning is told, such as that of an error.

    The last word of a longer one goes: it may be a part of a secret.
    """
    if len(text) <= MAX_SEARCHED:
        return text
    return text[:MAX_SEARCHED].rpartition(" ")[0] or text[:MAX_SEARCHED]


@functools.lru_cache(maxsize=4)
def redactor(secrets: tuple[str, ...]) -> Redactor:
    """Give the redactor for these secrets: a run asks for one, and building it costs 0.1 ms."""
    return Redactor(secrets)


def _forms(secret: str) -> Iterator[str]:
    """Give the forms of a secret; in base64 each of the three places that it may begin at (RFC 4648, section 4)."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    content = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        # What comes before and after the secret shares the first and the last characters.
        encoded = base64.b64encode(b"\0" * before + content).decode().rstrip("=")
        skipped = (before * 8 + 5) // 6
        whole = (before + len(content)) * 8 // 6
        piece = encoded[skipped:whole]
        if len(piece) >= _MIN_ENCODED:
            yield piece
            yield piece.replace("+", "-").replace("/", "_")
