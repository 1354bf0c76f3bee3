"""A quiet librdkafka admin client: bulk requests in, plain results or one clear error out.

Everything that librdkafka would print is kept as a complaint and told only where a request fails. Requests that name
many topics are cut into pieces: a broker works off the pieces of one connection one after the other, and a piece has
to fit into its time.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource

from bizops import errors
from bizops.providers.kafka import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from confluent_kafka.admin import ClusterMetadata, ConfigEntry

_T = TypeVar("_T")
_K = TypeVar("_K")

_PATIENCE = 2.0
_TOPICS_IN_A_REQUEST = 100
_TRIES = 3
_PROPERTY = re.compile(r'configuration property:? "([^"]+)"')


class Client:
    """One connection to a cluster, made at the first request.

    `settings` are librdkafka's; `timeout` is in seconds, for one request; a read is given up after `patience`, half of
    it, to ask another broker. Every method raises ProviderError where the
    request as a whole fails; what fails for one topic is given as a KafkaError in its place.
    """

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self.timeout = timeout
        self.patience = timeout / 2
        self.servers = tuple(map(_with_port, settings["bootstrap.servers"].split(",")))
        self._settings = settings
        self._complaints: deque[words.Complaint] = deque(maxlen=50)
        self._admin: AdminClient | None = None

    def metadata(self, timeout: float | None = None) -> ClusterMetadata:
        """Read brokers and all topics that this user may describe.

        `list_topics` blocks without telling why a connection fails, so it runs beside a loop that listens.
        """
        admin, limit = self.admin(), timeout or self.timeout
        found: Future[ClusterMetadata] = Future()
        reader = threading.Thread(target=_settle, args=(found, admin, limit), daemon=True)
        started = time.monotonic()
        reader.start()
        while not _is_done(found, 0.05):
            admin.poll(0)
            if self._is_hopeless(time.monotonic() - started):
                raise words.unreachable(self.servers, self._complaints, limit)
        error = found.exception()
        if isinstance(error, KafkaException):
            admin.poll(0)
            raise words.unreachable(self.servers, self._complaints, limit) from None
        return found.result()

    def existing(self, names: Sequence[str]) -> dict[str, KafkaError | None]:
        """Ask about topics by name, which also tells those that this user may not describe from absent ones."""
        return {
            name: result if isinstance(result, KafkaError) else None
            for name, result in self.each(
                names,
                lambda admin, piece: admin.describe_topics(
                    TopicCollection(piece), request_timeout=self.patience
                ),
                "describing topics",
            ).items()
        }

    def configs(self, names: Sequence[str]) -> dict[str, dict[str, ConfigEntry] | KafkaError]:
        """Read every config of every topic named."""

        def ask(admin: AdminClient, piece: list[str]) -> dict[str, Future[Any]]:
            resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in piece]
            found = admin.describe_configs(resources, request_timeout=self.patience)
            return {resource.name: future for resource, future in found.items()}

        return self.each(names, ask, "describing configs")

    def each(
        self,
        names: Sequence[str],
        ask: Callable[[AdminClient, list[str]], Mapping[str, Future[Any]]],
        doing: str,
    ) -> dict[str, Any]:
        """Send one kind of read in pieces, all at once, and give the result or the KafkaError of each name.

        librdkafka sends it to the broker that the last metadata called the controller. On KRaft that is any live one
        (KIP-500), a frozen one too until its session ends: so what times out is asked again after new metadata.
        """
        results: dict[str, Any] = {}
        left = list(names)
        for _ in range(_TRIES):
            asked: dict[str, Future[Any]] = {}
            for piece in _pieces(left, _TOPICS_IN_A_REQUEST):
                asked.update(ask(self.admin(), piece))
            results.update(settled(asked))
            left = [name for name in left if is_transient(results[name])]
            if not left:
                return results
            self.metadata()
        raise self._lost(results[left[0]], doing)

    def admin(self) -> AdminClient:
        """Give librdkafka's client; raises RejectedError where it refuses a setting, or a file cannot be read."""
        if self._admin is None:
            _check_readable(self._settings)
            try:
                self._admin = AdminClient(
                    {**self._quiet(), **self._settings, "error_cb": self._note},
                    logger=_listener(self._hear),
                )
            except (KafkaException, TypeError, ValueError) as error:
                raise _refused_setting(error) from None
        return self._admin

    def close(self) -> None:
        """Let go of the connection."""
        self._admin = None

    def _quiet(self) -> dict[str, Any]:
        setup = max(1000, min(10_000, int(self.timeout * 1000 / 3)))
        return {
            "client.id": "bizops",
            "socket.timeout.ms": max(1000, int(self.timeout * 1000)),
            "socket.connection.setup.timeout.ms": setup,
            "reconnect.backoff.ms": 100,
            "reconnect.backoff.max.ms": 1000,
            "log.connection.close": True,
            "enable.metrics.push": False,
        }

    def _note(self, error: KafkaError) -> None:
        found = words.complaint(error.str(), error.code())
        if found:
            self._complaints.append(found)

    def _hear(self, text: str) -> None:
        found = words.complaint(text, KafkaError._TRANSPORT)  # noqa: SLF001 - librdkafka's public code
        if found and not any(known.words == found.words for known in self._complaints):
            self._complaints.append(found)

    def _is_hopeless(self, seconds: float) -> bool:
        """True where every server has said no for good, or all of them have said no for a while."""
        servers = set(self.servers)
        final = {each.server for each in self._complaints if each.is_final}
        heard = {each.server for each in self._complaints}
        return servers <= final or (seconds > _PATIENCE and servers <= heard and not self._silent())

    def _silent(self) -> bool:
        """True where a connection was accepted: what is slow may still answer."""
        return any("timed out" in each.words for each in self._complaints)

    def _lost(self, error: KafkaError, doing: str) -> errors.ProviderError:
        self.admin().poll(0)
        if self._complaints:
            cause = words.unreachable(self.servers, self._complaints, self.timeout)
            return type(cause)(f"{doing}: {cause}", remedy=cause.remedy)
        return words.failure(error, doing)


def settled(futures: Mapping[_K, Future[Any]]) -> dict[_K, Any]:
    """Wait for all, and give the result or the KafkaError of each."""
    results: dict[_K, Any] = {}
    for key, future in futures.items():
        try:
            results[key] = future.result()
        except KafkaException as error:
            results[key] = error.args[0]
    return results


def is_transient(result: object) -> bool:
    """True for a failure that may pass by itself."""
    return isinstance(result, KafkaError) and result.code() in words.TRANSIENT


def _pieces(items: Sequence[_T], size: int) -> Iterator[list[_T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _settle(found: Future[ClusterMetadata], admin: AdminClient, timeout: float) -> None:
    try:
        found.set_result(admin.list_topics(timeout=timeout))
    except Exception as error:  # noqa: BLE001 - it belongs to whoever waits
        found.set_exception(error)


def _is_done(future: Future[Any], seconds: float) -> bool:
    try:
        future.exception(timeout=seconds)
    except TimeoutError:
        return False
    return True


def _with_port(server: str) -> str:
    """Give a server as librdkafka names it: without the scheme, with the default port."""
    bare = server.rpartition("://")[2]
    return bare if ":" in bare.rpartition("]")[2] else f"{bare}:9092"


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
