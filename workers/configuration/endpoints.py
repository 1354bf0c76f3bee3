"""How the text of a setting becomes a host, a URL, a name of AMQP's, or a file that a client can take.

A client meets what is wrong with one of these only when it connects, and says so without the variable's name. All
readers raise ValueError, and no message repeats the text: it may be a secret in the wrong place.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from workers.configuration.values import Secret, port

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SHORT = 255
"""Bytes of a short string in AMQP 0-9-1, as names and message ids are."""
_NO_HOST = re.compile(r"[\s\x00-\x1f/@?#\[\]]")
_DATABASE = re.compile(r"/?[0-9]{0,9}")


def vhost(value: str) -> str:
    """Read the name of a vhost."""
    return _short(value, MAX_SHORT)


def queue_name(value: str) -> str:
    """Read the name of a queue that has a dead-letter queue, `<queue>.dlq`."""
    if not value:
        message = "must have a name"
        raise ValueError(message)
    return _short(value, MAX_SHORT - len(".dlq"))


def host(value: str) -> str:
    """Read a host's name or address, without a port, a scheme or brackets."""
    message = "must be a host's name or address, without a port"
    if _NO_HOST.search(value):
        raise ValueError(message)
    try:
        if ":" in value:
            ipaddress.IPv6Address(value)
        else:
            value.encode("idna")
    except ValueError:
        raise ValueError(message) from None
    return value


def brokers(value: str) -> str:
    """Read a list of HOST:PORT, each with a protocol before it where librdkafka is to use another one."""
    try:
        for entry in value.split(","):
            place, _, digits = entry.strip().rpartition(":")
            name = place.rpartition("://")[2]
            host(name[1:-1] if name.startswith("[") and name.endswith("]") else name or "/")
            port(digits)
    except ValueError:
        message = "must be HOST:PORT, or several with commas between them"
        raise ValueError(message) from None
    return value


def http_url(value: str) -> str:
    """Read the address of an HTTP API."""
    message = "must be http://HOST[:PORT][/PATH] or https://..., with an IPv6 address in brackets"
    _split(value, ("http", "https"), message)
    return value


def api_key(value: str) -> Secret:
    """Read a key that travels in a header of HTTP."""
    if not (value.isascii() and value.isprintable()):
        message = "must be printable ASCII, as a header of HTTP is"
        raise ValueError(message)
    return Secret(value)


def redis_url(value: str) -> Secret:
    """Read the address of Redis, or of its socket (`unix://PATH`), with what redis-py takes after a `?`."""
    message = (
        "must be redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or rediss://..., with an IPv6 address in brackets, "
        "and / # ? @ of a password percent-encoded"
    )
    if not value.startswith("unix:///"):
        found = _split(value, ("redis", "rediss"), message)
        # redis-py uses database 0 where it cannot read the number (8.0).
        if not _DATABASE.fullmatch(found.path) or found.fragment:
            raise ValueError(message)
    if "?" in value:
        _try_options(value)
    return Secret(value)


def authorities(value: str) -> str:
    """Read the path of a file of certificates."""
    import ssl  # noqa: PLC0415 - 10 ms that nothing needs where no such file is named

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(value)
    except ssl.SSLError:
        message = "the file that it names holds no certificates in PEM"
        raise ValueError(message) from None
    except OSError as error:
        message = f"the file that it names cannot be read: {error.strerror}"
        raise ValueError(message) from None
    return value


def kafka_authorities(value: str) -> str:
    """Read what librdkafka takes besides a file of certificates: a folder of them, or the word `probe`."""
    return value if value == "probe" or Path(value).is_dir() else authorities(value)


def passwords(url: str) -> Iterator[str]:
    """Give the password in a URL, as it stands there and as a client sends it; nothing where there is none."""
    try:
        found = urlsplit(url).password
    except ValueError:
        return
    if found:
        yield found
        yield unquote(found)


def _short(value: str, most: int) -> str:
    """Take a name that is no longer than this, and that is text."""
    message = f"must be at most {most} bytes of UTF-8"
    try:
        is_good = len(value.encode()) <= most
    except UnicodeEncodeError:
        is_good = False
    if not is_good:
        raise ValueError(message)
    return value


def _split(value: str, schemes: tuple[str, ...], message: str) -> SplitResult:
    """Split a URL that has one of these schemes, a host, and a port where it has one."""
    try:
        found = urlsplit(value)
        host(unquote(found.hostname or "/"))
        is_good = found.scheme in schemes and found.port != 0 and value.isprintable()
    except ValueError:
        is_good = False
    if not is_good:
        raise ValueError(message)
    return found


def _try_options(url: str) -> None:
    """Let redis-py make a connection, which it does not open: only it knows which options it has."""
    import redis  # noqa: PLC0415 - 30 ms that a URL without options need not pay

    try:
        redis.ConnectionPool.from_url(url).make_connection()
    except Exception:  # noqa: BLE001 - each option has its own way to be wrong
        message = "has options after the ? that redis-py does not take"
        raise ValueError(message) from None
