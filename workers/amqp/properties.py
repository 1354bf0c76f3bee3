"""The properties of a message, also those that pika cannot read: importing this lets it read all of them.

Headers are kept as they came, so that a copy of a message has the same ones, of the same types. pika (1.4.4) makes
others of some: a float becomes a whole number, a short one a longer one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pika
from pika import data, spec

from workers.amqp import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAMES = (
    "content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id", "reply_to",
    "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip
"""In their order on the wire; the first one has the highest bit of the flags (AMQP 0-9-1, 1.8.3 and 4.2.6.1)."""
_OCTETS = frozenset({"delivery_mode", "priority"})
MOST_HEADERS = 100_000
"""Bytes of headers in a copy: all of them share one frame of 128 KiB with the other properties, and what names the
headers that are left out."""
CUT = "headers_cut"
"""The header of a copy that names those of its original that it does not have."""
_MOST_NAMED = 20
_LONGEST_NAMED = 100


class Properties(pika.BasicProperties):  # type: ignore[misc] # pika has no types of it
    """Properties with their headers in two forms: `headers` to read, `fields` as they are on the wire.

    `fault` says what of them could not be read; that part is in neither. What is written is `fields`, and those
    `headers` that say something else.
    """

    def __init__(
        self,
        fields: Mapping[bytes, bytes] | None = None,
        headers: Mapping[str, Any] | None = None,
        **given: Any,  # noqa: ANN401 - pika's
    ) -> None:
        self.fields = dict(fields or {})
        super().__init__(headers={**tables.read_all(self.fields), **(headers or {})}, **given)
        self.fault = ""

    def decode(self, encoded: bytes, offset: int = 0) -> Properties:
        """Read properties from a frame; raises nothing."""
        try:
            self._decode(encoded, offset)
        except (struct.error, IndexError):
            self.fault = self.fault or "the properties break off"
        return self

    def encode(self) -> list[bytes]:
        """Give the pieces of a frame. Raises what pika raises for a text above 255 bytes."""
        flags, pieces = 0, []
        for place, name in enumerate(_NAMES):
            value = getattr(self, name)
            if name == "headers":
                value = {**self.fields, **_encoded(self._changed())} or None
            if value is not None:
                flags |= 1 << (15 - place)
                pieces.append(_piece(name, value))
        return [struct.pack(">H", flags), *pieces]

    def _changed(self) -> dict[str, Any]:
        known = tables.read_all(self.fields)
        return {
            name: value
            for name, value in (self.headers or {}).items()
            if name not in known or repr(known[name]) != repr(value)  # as NaN is unlike itself
        }

    def _decode(self, encoded: bytes, offset: int) -> None:
        (flags,) = struct.unpack_from(">H", encoded, offset)
        offset += 2
        for place, name in enumerate(_NAMES):
            if not flags >> (15 - place) & 1:
                continue
            if name == "headers":
                (length,) = struct.unpack_from(">I", encoded, offset)
                offset += 4
                self.fields, self.fault = tables.cut(encoded[offset : offset + length])
                self.headers = tables.read_all(self.fields)
                offset += length
            elif name == "timestamp":
                (self.timestamp,) = struct.unpack_from(">Q", encoded, offset)
                offset += 8
            elif name in _OCTETS:
                setattr(self, name, encoded[offset])
                offset += 1
            else:
                end = offset + 1 + encoded[offset]
                setattr(self, name, tables.text(encoded[offset + 1 : end]))
                offset = end


def fields_of(properties: pika.BasicProperties) -> dict[bytes, bytes]:
    """Give the headers of a message as they are on the wire."""
    if isinstance(properties, Properties):
        return dict(properties.fields)
    return _encoded(properties.headers or {})


def size_of(headers: Mapping[str, Any]) -> int:
    """Give how many bytes headers take on the wire. Raises what pika raises for what has no encoding."""
    return sum(_sizes(_encoded(headers)).values())


def fitting(fields: Mapping[bytes, bytes], room: int) -> tuple[dict[bytes, bytes], list[str]]:
    """Give those headers for which there is room in so many bytes, and the names of the others: the largest ones go."""
    sizes = _sizes(fields)
    left = sum(sizes.values())
    gone: list[bytes] = []
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if left <= room:
            break
        gone.append(name)
        left -= sizes[name]
    kept = {name: encoded for name, encoded in fields.items() if name not in gone}
    return kept, _listed(gone)


def _sizes(fields: Mapping[bytes, bytes]) -> dict[bytes, int]:
    return {name: len(name) + len(encoded) + 1 for name, encoded in fields.items()}


def _listed(names: Iterable[bytes]) -> list[str]:
    said = [name.decode("utf-8", "backslashreplace") for name in names]
    more = [f"and {len(said) - _MOST_NAMED} more"] if len(said) > _MOST_NAMED else []
    return [each[:_LONGEST_NAMED] for each in said[:_MOST_NAMED]] + more


def _encoded(headers: Mapping[str, Any]) -> dict[bytes, bytes]:
    found = {}
    for name, value in headers.items():
        pieces: list[bytes] = []
        data.encode_value(pieces, value)
        found[name.encode("utf-8", "surrogateescape")] = b"".join(pieces)
    return found


def _piece(name: str, value: Any) -> bytes:  # noqa: ANN401 - of any type
    if name == "headers":
        return tables.join(value)
    if name == "timestamp":
        return struct.pack(">Q", value)
    if name in _OCTETS:
        return struct.pack("B", value)
    pieces: list[bytes] = []
    data.encode_short_string(pieces, value.encode("utf-8", "surrogateescape"))
    return b"".join(pieces)


spec.props[pika.BasicProperties.INDEX] = Properties
