"""librdkafka's admin client, made quiet: what it would print is kept as complaints."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource

from bizops import errors
from bizops.providers.kafka import error_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

_PROPERTY = re.compile(r'configuration property:? "([^"]+)"')


class Complaints:
    """The reasons of broken connections, the last fifty, each once."""

    def __init__(self) -> None:
        self._kept: deque[error_messages.Complaint] = deque(maxlen=50)

    def __iter__(self) -> Iterator[error_messages.Complaint]:
        return iter(tuple(self._kept))

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, error: KafkaError) -> None:
        """Keep an error that librdkafka reports with its code."""
        found = error_messages.complaint(error.str(), error.code())
        if found:
            self._kept.append(found)

    def hear(self, text: str) -> None:
        """Keep a line that librdkafka would print."""
        found = error_messages.complaint(text, KafkaError._TRANSPORT)  # noqa: SLF001 - librdkafka's public code
        if found and not any(known.words == found.words for known in self):
            self._kept.append(found)

    def refuses(self, server: str) -> bool:
        """True where this server has said no; one that is slow has not."""
        return any(each.server == server and "timed out" not in each.words for each in self)

    def is_final(self, servers: set[str]) -> bool:
        """True where every server has said no for good."""
        return servers <= {each.server for each in self if each.is_final}

    def is_unanimous(self, servers: set[str]) -> bool:
        """True where every server has said no, and none accepted a connection: what is slow may still answer."""
        is_slow = any("timed out" in each.words for each in self)
        return not is_slow and servers <= {each.server for each in self}


def make(settings: Mapping[str, str], timeout: float, complaints: Complaints) -> AdminClient:
    """Make a client that connects at its first request; `timeout` is in seconds, for one request.

    Raises RejectedError where librdkafka refuses a setting, or a file cannot be read.
    """
    _check_readable(settings)
    try:
        return AdminClient(
            {**_quiet(timeout), **settings, "error_cb": complaints.note},
            logger=_listener(complaints.hear),
        )
    except (KafkaException, TypeError, ValueError) as error:
        raise _refused_setting(error) from None


def describe_configs(
    client: AdminClient, names: Sequence[str], broker: int, seconds: float
) -> dict[str, Future[Any]]:
    """Ask one broker for every config of the topics named; an unheard one fails after so many seconds."""
    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    options: dict[str, Any] = {
        "request_timeout": seconds,
        "broker": broker,
    }  # the types lack broker
    found = client.describe_configs(resources, **options)
    return {resource.name: future for resource, future in found.items()}


def describe_broker(client: AdminClient, broker: int, seconds: float) -> dict[int, Future[Any]]:
    """Ask a broker for every config of its own."""
    resource = ConfigResource(ConfigResource.Type.BROKER, str(broker))
    found = client.describe_configs([resource], request_timeout=seconds)
    return {broker: found[resource]}


def _quiet(timeout: float) -> dict[str, Any]:
    setup = max(1000, min(10_000, int(timeout * 1000 / 3)))
    return {
        "client.id": "bizops",
        "socket.timeout.ms": max(1000, int(timeout * 1000)),
        "socket.connection.setup.timeout.ms": setup,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 1000,
        "log.connection.close": True,
        "enable.metrics.push": False,
    }


def _listener(hear: Callable[[str], None]) -> logging.Logger:
    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            hear(record.getMessage())

    logger = logging.Logger("librdkafka")  # noqa: LOG001 - not in the tree of loggers: nobody shall print it
    logger.addHandler(Handler())
    return logger


def _check_readable(settings: Mapping[str, str]) -> None:
    """Say which file or folder cannot be read: librdkafka does not. `probe` makes it look for the CA by itself."""
    for key, value in settings.items():
        if key.endswith(".location") and value != "probe" and not os.access(value, os.R_OK):
            message = f"connections.kafka.{key}: {value} cannot be read"
            raise errors.RejectedError(message, setting=f"connections.kafka.{key}")


def _refused_setting(error: Exception) -> errors.RejectedError:
    cause = error.args[0] if error.args else error
    text = cause.str() if isinstance(cause, KafkaError) else str(cause)
    named = _PROPERTY.search(text)
    return errors.RejectedError(
        f"the client refuses its settings: {text}",
        setting=f"connections.kafka.{named[1]}" if named else "",
    )
