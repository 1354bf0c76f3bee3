"""Properties and headers of any message, against pika's own encoder as a witness."""

from __future__ import annotations

import decimal
import struct
from datetime import UTC, datetime
from typing import Any

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import frame

from workers.amqp import tables
from workers.amqp.properties import MOST_HEADERS, Properties, fields_of, fitting

SHORT = st.text(max_size=60).filter(lambda text: len(text.encode()) <= 255)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.integers(0, 250_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
    | st.decimals(-20000, 20000, places=2).map(decimal.Decimal),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SHORT, inner, max_size=3),
    max_leaves=10,
)
HEADERS = st.dictionaries(SHORT, VALUES, max_size=6)


def through_pika(properties: pika.BasicProperties) -> Properties:
    """Send properties through pika's own frames, as a connection does."""
    content = frame.Header(1, 0, properties).marshal()
    _, found = frame.decode_frame(content)
    assert isinstance(found.properties, Properties)
    return found.properties


@given(
    headers=HEADERS,
    texts=st.lists(st.none() | SHORT, min_size=6, max_size=6),
    number=st.none() | st.integers(0, 255),
)
def test_what_pika_writes_is_read(
    headers: dict[str, Any], texts: list[str | None], number: int | None
) -> None:
    names = (
        "content_type",
        "content_encoding",
        "correlation_id",
        "reply_to",
        "message_id",
        "app_id",
    )
    given = dict(zip(names, texts, strict=True))
    sent = pika.BasicProperties(headers=headers, priority=number, timestamp=number, **given)

    found = through_pika(sent)

    assert found.headers == headers
    assert {name: getattr(found, name) for name in names} == given
    assert (found.priority, found.timestamp, found.fault) == (number, number, "")
    assert b"".join(found.encode()) == b"".join(sent.encode()) or not headers


@given(content=st.binary(max_size=300))
def test_any_bytes_are_read_without_a_word_of_python(content: bytes) -> None:
    properties = Properties().decode(content)

    assert isinstance(properties.headers, dict)
    assert isinstance(properties.fault, str)


ENCODED = st.one_of(
    st.builds(
        lambda content: b"S" + struct.pack(">I", len(content)) + content, st.binary(max_size=9)
    ),
    st.builds(
        lambda content: b"A" + struct.pack(">I", len(content)) + content, st.binary(max_size=9)
    ),
    st.builds(
        lambda content: b"F" + struct.pack(">I", len(content)) + content, st.binary(max_size=9)
    ),
    st.builds(lambda content: b"T" + content, st.binary(min_size=8, max_size=8)),
    st.builds(lambda content: b"d" + content, st.binary(min_size=8, max_size=8)),
    st.builds(lambda content: b"D" + content, st.binary(min_size=5, max_size=5)),
)


@given(fields=st.dictionaries(st.binary(max_size=9), ENCODED, max_size=5))
def test_what_can_be_cut_is_written_again_as_it_was(fields: dict[bytes, bytes]) -> None:
    """Also what is no text, no time and no table inside."""
    again = through_pika(Properties(fields))

    assert again.fields == fields
    assert again.fault == ""
    assert len(again.headers) == len(fields)


@pytest.mark.parametrize(
    ("encoded", "value"),
    [
        (b"T" + struct.pack(">Q", 1_764_000_000_000), 1_764_000_000_000),
        (b"T" + struct.pack(">Q", 2**64 - 1), 2**64 - 1),
        (b"f" + struct.pack(">f", 0.5), 0.5),
        (b"d" + struct.pack(">d", 1.25), 1.25),
        (b"d" + struct.pack(">d", float("inf")), float("inf")),
        (b"D" + struct.pack(">Bi", 255, 1), decimal.Decimal(1).scaleb(-255)),
        (b"s" + struct.pack(">h", -2), -2),
        (b"S" + struct.pack(">I", 2) + b"\xff\xfe", "\udcff\udcfe"),
        (b"x" + struct.pack(">I", 2) + b"\xff\xfe", b"\xff\xfe"),
        (b"A" + struct.pack(">I", 3) + b"t\x01?", [True, b"?"]),
        (b"F" + struct.pack(">I", 4) + b"\x01at\x01", {"a": True}),
    ],
)
def test_each_type_has_its_value_and_goes_back_as_it_came(encoded: bytes, value: object) -> None:
    properties = Properties({b"h": encoded})

    assert properties.headers == {"h": value}
    again = through_pika(properties)
    assert again.fields == {b"h": encoded}
    assert again.fault == ""


def test_a_table_that_is_nested_without_end_is_read_to_a_depth() -> None:
    encoded = b"t\x01"
    for _ in range(5000):
        content = b"\x01a" + encoded
        encoded = b"F" + struct.pack(">I", len(content)) + content

    again = through_pika(Properties({b"h": encoded}))

    assert again.fields == {b"h": encoded}
    inner = again.headers
    depth = 0
    while isinstance(inner, dict):
        inner = next(iter(inner.values()))
        depth += 1
    assert isinstance(inner, bytes)
    assert 10 < depth < 100


def test_a_type_that_nobody_knows_is_said_and_what_is_before_it_is_read() -> None:
    table = b"\x01at\x01" + b"\x01b?" + b"\x01ct\x01"
    encoded = struct.pack(">HI", 1 << 13, len(table)) + table

    found = Properties().decode(encoded)

    assert found.headers == {"a": True}
    assert found.fault == "a field of the type b'?', which nobody knows"


def test_a_changed_header_is_written_and_the_others_stay_as_they_came() -> None:
    encoded = b"f" + struct.pack(">f", 0.5)
    properties = Properties({b"rate": encoded, b"n": b"s\x00\x01"})
    properties.headers["n"] = 7

    assert fields_of(through_pika(properties)) == {b"rate": encoded, b"n": b"I\x00\x00\x00\x07"}


def test_a_copy_has_room_for_all_but_the_largest_headers() -> None:
    large = b"S" + struct.pack(">I", 60_000) + b"x" * 60_000
    fields = {b"small": b"t\x01", b"one": large, b"two\xff": large, b"three": large[:-1]}

    kept, gone = fitting(fields, MOST_HEADERS)

    assert gone == ["two\\xff", "three"]
    assert set(kept) == {b"small", b"one"}
    assert len(tables.join(kept)) <= MOST_HEADERS
    assert fitting({b"a": b"t\x01"}, 4) == ({b"a": b"t\x01"}, [])
