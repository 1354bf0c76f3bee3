from __future__ import annotations

import contextlib
import gzip
import json
import re
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.errors import InvalidTaskError
from workers.protocol.message_body import load, show

MOST = 2000
BODY = json.dumps({"id": "t1"}).encode()


def gzipped(body: bytes) -> bytes:
    """Compress without the time of now, which would give a test another name in each process."""
    return gzip.compress(body, mtime=0)


@pytest.mark.parametrize("encoding", [None, "", "identity", "utf-8", "UTF8", "binary"])
def test_a_body_is_read_as_it_is(encoding: str | None) -> None:
    assert load(BODY, encoding, MOST) == {"id": "t1"}


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzipped(BODY)),
        ("x-gzip", gzipped(BODY)),
        ("deflate", zlib.compress(BODY)),
        (" GZIP ", gzipped(BODY)),
    ],
)
def test_w9_a_compressed_body_is_decompressed(encoding: str, body: bytes) -> None:
    assert load(body, encoding, MOST) == {"id": "t1"}
    assert show(body, encoding, MOST) == BODY.decode()


@pytest.mark.parametrize(
    ("encoding", "body", "said"),
    [
        ("br", BODY, "content_encoding is 'br', and gzip and deflate are read"),
        ("\udcff", BODY, "content_encoding is '\\udcff', and gzip and deflate are read"),
        ("gzip", BODY, "content_encoding is gzip, and the body is not"),
        ("gzip", gzipped(BODY)[:-4], "the body breaks off"),
        ("gzip", gzipped(b"[" + b" " * MOST + b"]"), "more than 2000 bytes when it is decom"),
        ("gzip", b"x" * (MOST + 1), "has 2001 bytes, and 2000 are allowed"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_told(encoding: str, body: bytes, said: str) -> None:
    with pytest.raises(InvalidTaskError, match=re.escape(said)):
        load(body, encoding, MOST)


@given(body=st.binary(max_size=200), encoding=st.none() | st.sampled_from(["gzip", "deflate", "x"]))
def test_any_body_is_read_or_refused(body: bytes, encoding: str | None) -> None:
    found: Any = None
    with contextlib.suppress(InvalidTaskError):
        found = load(body, encoding, MOST)
    assert isinstance(show(body, encoding, MOST), str)
    json.dumps(found, allow_nan=False, ensure_ascii=False).encode()
