"""Asks over AMQP what is at stake: the messages and consumers of queues, by passive declaration.

It is the only question that the management API does not answer for every type: its cheap listing counts no consumers
and no messages of quorum queues (3.10.8 and 4.0.5). A passive declaration needs no permission on the queue.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bizops import errors
from bizops.provider.background import started

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pika

    from bizops.providers.rabbitmq.declared.connection import Connection

_PORTS = {"amqp": 5672, "amqps": 5671}
_NOT_FOUND = 404
_LOCKED = 405


@dataclass(frozen=True, slots=True)
class Count:
    """What a queue holds: messages that are ready, and consumers."""

    messages: int
    consumers: int


def count(
    connection: Connection, timeout: float, vhost: str, queues: Sequence[str]
) -> dict[str, Count | None]:
    """Give the counts of these queues; None for one that is not there. Raises ProviderError.

    A queue that is exclusive to another connection is left out: nobody can say what it holds. The addresses are tried
    in order and share the timeout: each gets an equal part of what is left.
    """
    import pika  # noqa: F401, PLC0415 - 54 ms that a plan with nothing at stake saves

    logging.getLogger("pika").addHandler(logging.NullHandler())  # it tells all on stderr otherwise
    from pika import exceptions  # noqa: PLC0415 - as above
    from pika.adapters.utils.connection_workflow import (  # noqa: PLC0415 - as above
        AMQPConnectorException,  # no AMQPError, though the blocking connection lets it through
    )

    ends = time.monotonic() + timeout
    said: list[str] = []
    for position, url in enumerate(connection.amqp_urls):
        left = max(0.1, ends - time.monotonic()) / (len(connection.amqp_urls) - position)
        parameters = _parameters(connection, url, left, vhost)
        try:
            # Only from outside: pika has no time-out for an answer, and none for its goodbye.
            return started(lambda: _counted(parameters, queues)).result(left)  # noqa: B023 - used at once
        except (exceptions.AMQPError, AMQPConnectorException, OSError) as error:
            said.append(f"AMQP at {_shown(url)}: {_words(error)}")
    raise errors.UnreachableError("; ".join(said))


def _counted(
    parameters: pika.ConnectionParameters, queues: Sequence[str]
) -> dict[str, Count | None]:
    import pika  # noqa: PLC0415 - imported by the caller already
    from pika import exceptions  # noqa: PLC0415 - as above

    found: dict[str, Count | None] = {}
    with contextlib.closing(pika.BlockingConnection(parameters)) as link:
        channel = link.channel()
        for queue in queues:
            try:
                said = channel.queue_declare(queue, passive=True).method
                found[queue] = Count(said.message_count, said.consumer_count)
            except exceptions.ChannelClosedByBroker as error:
                if error.reply_code == _NOT_FOUND:
                    found[queue] = None
                elif error.reply_code != _LOCKED:
                    raise
                channel = link.channel()
    return found


def _parameters(
    connection: Connection, url: str, timeout: float, vhost: str
) -> pika.ConnectionParameters:
    import pika  # noqa: PLC0415 - imported by the caller already

    parameters: Any = pika.URLParameters(url)
    if "@" not in url:
        parameters.credentials = _credentials(connection)
    parameters.virtual_host = vhost
    parameters.socket_timeout = parameters.stack_timeout = timeout
    parameters.blocked_connection_timeout = timeout
    parameters.connection_attempts = 1
    if url.startswith("amqps"):
        parameters.ssl_options = pika.SSLOptions(_context(connection), parameters.host)
    return parameters


def _credentials(connection: Connection) -> Any:  # noqa: ANN401 - pika's own
    import pika  # noqa: PLC0415 - imported by the caller already

    return pika.PlainCredentials(connection.username, connection.password.reveal())


def _context(connection: Connection) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=connection.ca_file)
    if not connection.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if connection.cert_file:
        context.load_cert_chain(connection.cert_file, connection.key_file)
    return context


def _words(error: Exception) -> str:
    """Say what went wrong; pika wraps the cause, or gives the name of a class of its own."""
    cause = getattr(error.args[0] if error.args else None, "exception", error)
    if "Timeout" in type(cause).__name__:
        return "no answer in time"
    if "IncompatibleProtocol" in type(cause).__name__:
        return "it does not speak AMQP here; a port with TLS takes amqps://"
    if isinstance(cause, ssl.SSLError):
        return f"TLS failed: {cause.reason or cause}"
    if isinstance(cause, OSError):
        return cause.strerror or str(cause)
    return str(cause) or type(cause).__name__


def _shown(url: str) -> str:
    """Give the address without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
