"""Field tables of AMQP 0-9-1, whatever a client put into them: cut apart without being understood, and read with care.

pika's own decoder (1.4.4) raises where a timestamp is out of range, a number is no number, or a table is nested too
deeply, and its connection ends with that. Types: RabbitMQ's table of field values and errata, which it follows.
"""

from __future__ import annotations

import decimal
import struct
from datetime import UTC, datetime
from typing import Any

_SCALARS = {
    b"t": ">?", b"b": ">b", b"B": ">B", b"s": ">h", b"U": ">h", b"u": ">H", b"I": ">i", b"i": ">I", b"l": ">q",
    b"L": ">q", b"f": ">f", b"d": ">d", b"T": ">Q", b"D": ">Bi", b"V": ">",
}  # fmt: skip
_SIZES = {kind: struct.calcsize(form) for kind, form in _SCALARS.items()}
_SIZED = b"SxAF"
"""Types that begin with their length in four octets."""
_DEEPEST = 32
"""Levels of tables and arrays that are read: who nests deeper does not mean anything by it."""


class TableError(ValueError):
    """A table that breaks off, or holds a type that nobody knows; what comes behind it cannot be found."""


def cut(table: bytes) -> tuple[dict[bytes, bytes], str]:
    """Cut the content of a table, without its length, into encoded values by their names, each with its type octet.

    Gives what is wrong with the rest where it cannot be cut, "" where all of it can.
    """
    found: dict[bytes, bytes] = {}
    offset = 0
    while offset < len(table):
        try:
            name, offset = _name(table, offset)
            end = _end(table, offset)
        except TableError as error:
            return found, str(error)
        found[name] = table[offset:end]
        offset = end
    return found, ""


def read(encoded: bytes, depth: int = 0) -> Any:  # noqa: ANN401 - a field may hold anything
    """Give the value of a field as `cut` gives it; raises nothing. What is nested too deeply stays as it came.

    Texts that are no UTF-8 keep their bytes as lone surrogates (PEP 383), and a time that Python has no date for is
    its number.
    """
    kind, content = encoded[:1], encoded[1:]
    if kind in _SCALARS:
        return _scalar(kind, struct.unpack(_SCALARS[kind], content))
    if depth < _DEEPEST and kind == b"A":
        return _items(content[4:], depth + 1)
    if depth < _DEEPEST and kind == b"F":
        return read_all(cut(content[4:])[0], depth + 1)
    if kind == b"S":
        return text(content[4:])
    return content[4:] if kind == b"x" else encoded


def read_all(fields: dict[bytes, bytes], depth: int = 0) -> dict[str, Any]:
    """Give the values of fields by their names."""
    return {text(name): read(encoded, depth) for name, encoded in fields.items()}


def text(content: bytes) -> str:
    """Give a text; bytes that are no UTF-8 become lone surrogates, so that none is lost."""
    return content.decode("utf-8", "surrogateescape")


def join(fields: dict[bytes, bytes]) -> bytes:
    """Give a table, with its length, of encoded values."""
    content = b"".join(bytes([len(name)]) + name + encoded for name, encoded in fields.items())
    return struct.pack(">I", len(content)) + content


def _scalar(kind: bytes, parts: tuple[Any, ...]) -> Any:  # noqa: ANN401 - as above
    if kind == b"V":
        return None
    if kind == b"D":
        places, digits = parts
        return decimal.Decimal(digits).scaleb(-places)
    if kind == b"T":
        try:
            return datetime.fromtimestamp(parts[0], UTC)
        except (ValueError, OverflowError, OSError):
            return parts[0]
    return parts[0]


def _items(array: bytes, depth: int) -> list[Any]:
    found: list[Any] = []
    offset = 0
    while offset < len(array):
        try:
            end = _end(array, offset)
        except TableError:
            return [*found, array[offset:]]
        found.append(read(array[offset:end], depth))
        offset = end
    return found


def _name(table: bytes, offset: int) -> tuple[bytes, int]:
    end = offset + 1 + table[offset]
    if end > len(table):
        message = "a name breaks off"
        raise TableError(message)
    return table[offset + 1 : end], end


def _end(table: bytes, offset: int) -> int:
    """Give where a field ends; raises TableError."""
    kind = table[offset : offset + 1]
    if kind in _SIZES:
        end = offset + 1 + _SIZES[kind]
    elif kind and kind in _SIZED:
        length = table[offset + 1 : offset + 5]
        end = offset + 5 + (struct.unpack(">I", length)[0] if len(length) == 4 else 0)  # noqa: PLR2004 - octets
    else:
        message = (
            f"a field of the type {kind!r}, which nobody knows" if kind else "a field is missing"
        )
        raise TableError(message)
    if end > len(table):
        message = f"a field of the type {kind.decode()} breaks off"
        raise TableError(message)
    return end
