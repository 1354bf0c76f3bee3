"""The body of a message as JSON: decompressed where its publisher compressed it, and no more than JSON (RFC 8259)."""

from __future__ import annotations

import contextlib
import json
import math
import zlib
from typing import Any, NoReturn

from workers.errors import InvalidTaskError

_PLAIN = frozenset({"", "identity", "binary", "utf-8", "utf8", "us-ascii"})
"""Words for a body as it is. Celery and kombu name the charset here."""
_COMPRESSED = frozenset({"gzip", "x-gzip", "deflate", "zlib", "application/x-gzip"})
_ANY_HEADER = zlib.MAX_WBITS | 32
"""Lets zlib find out by itself whether a gzip or a zlib header stands at the beginning."""
DEEPEST = 100
"""Levels of lists and maps: what is written again for a model or a digest is written level by level."""


def load(body: bytes, encoding: str | None, max_bytes: int) -> Any:  # noqa: ANN401 - what JSON holds
    """Read a body; `encoding` is its content_encoding. Raises InvalidTaskError with what is wrong with it.

    Python's own reader takes NaN, Infinity and numbers beyond a float's, which no other reader takes back.
    """
    content = _decompressed(body, (encoding or "").strip().lower(), max_bytes)
    try:
        found = json.loads(content, parse_constant=_refuse, parse_float=_finite)
        if b"\\u" in content:
            json.dumps(found, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise InvalidTaskError([f"the body is not UTF-8: {error.reason}"]) from None
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.start + 1]
        message = f"the body holds {half!r}: half a character, and no text"
        raise InvalidTaskError([message]) from None
    except RecursionError:
        raise InvalidTaskError([_TOO_DEEP]) from None
    except ValueError as error:
        raise InvalidTaskError([f"the body is not JSON: {error}"]) from None
    if _is_too_deep(found):
        raise InvalidTaskError([_TOO_DEEP])
    return found


def show(body: bytes, encoding: str | None, max_bytes: int) -> str:
    """Give a body as text for people, decompressed where that can be done."""
    with contextlib.suppress(InvalidTaskError):
        body = _decompressed(body, (encoding or "").strip().lower(), max_bytes)
    return body.decode("utf-8", "replace")


_TOO_DEEP = f"the body is nested more than {DEEPEST} levels deep"


def _decompressed(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        message = f"the body has {len(body)} bytes, and {max_bytes} are allowed"
        raise InvalidTaskError([message])
    if encoding in _PLAIN:
        return body
    if encoding not in _COMPRESSED:
        message = f"content_encoding is {encoding!a}, and gzip and deflate are read"
        raise InvalidTaskError([message])
    reader = zlib.decompressobj(_ANY_HEADER)
    try:
        content = reader.decompress(body, max_bytes + 1)
    except zlib.error as error:
        message = f"content_encoding is {encoding}, and the body is not: {error}"
        raise InvalidTaskError([message]) from None
    if len(content) > max_bytes:
        message = (
            f"the body has more than {max_bytes} bytes when it is decompressed, which are allowed"
        )
        raise InvalidTaskError([message])
    if not reader.eof:
        message = f"content_encoding is {encoding}, and the body breaks off"
        raise InvalidTaskError([message])
    return content


def _refuse(word: str) -> NoReturn:
    message = f"{word} is no number of JSON"
    raise ValueError(message)


def _finite(digits: str) -> float:
    found = float(digits)
    if not math.isfinite(found):
        message = f"{digits[:20]} is larger than any number"
        raise ValueError(message)
    return found


def _is_too_deep(value: Any) -> bool:  # noqa: ANN401 - what JSON holds
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
