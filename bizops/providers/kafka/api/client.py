"""librdkafka's admin client for one cluster: connections, metadata, and which of the brokers answer.

librdkafka chooses by itself which broker it asks. A broker that is frozen keeps its connections open, so a reading
begins with new ones: these come about only with brokers that answer.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from bizops.providers.kafka import error_messages
from bizops.providers.kafka.api import admin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka.admin import AdminClient, ClusterMetadata

    from bizops import errors
    from bizops.providers.kafka.api.admin import Complaints
    from bizops.providers.kafka.api.deadline import Deadline

_K = TypeVar("_K")

NO_TOPIC = "."
"""A name that no topic can have: asking about it reads nothing and needs no right, and every answer is one."""

_PATIENCE = 2.0
_ROUNDS = (0.5, 1.5)
_LOOKS = 20


class Client:
    """One connection to a cluster, made at the first request and anew by `renew`.

    `settings` are librdkafka's; `timeout` is in seconds, for one reading or one write; a broker that has not answered
    for `patience`, half of it, is no longer waited for. Every method raises ProviderError where the request fails.
    """

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self.timeout = timeout
        self.patience = timeout / 2
        self.servers = tuple(map(_with_port, settings["bootstrap.servers"].split(",")))
        self._settings = settings
        self._bootstrap = settings["bootstrap.servers"]
        self._complaints = admin.Complaints()
        self._admin: AdminClient | None = None
        self._scout: AdminClient | None = None
        self._serving: frozenset[int] = frozenset()
        self._is_choosy = False

    def renew(self, servers: Sequence[str] = ()) -> None:
        """Let go of all connections, so that the next request makes new ones, to these servers where some are given."""
        self.close()
        self._bootstrap = ",".join(servers) or self._settings["bootstrap.servers"]
        self._complaints = admin.Complaints()

    def metadata(self, seconds: float) -> ClusterMetadata:
        """Read brokers and all topics that this user may describe.

        `list_topics` blocks without telling why a connection fails, so it runs beside a loop that listens.
        """
        client = self.admin()
        found: Future[ClusterMetadata] = Future()
        reader = threading.Thread(target=_settle, args=(found, client, seconds), daemon=True)
        started = time.monotonic()
        reader.start()
        while not _is_done(found, 0.05):
            client.poll(0)
            if self._is_hopeless(time.monotonic() - started):
                raise error_messages.unreachable(
                    self.servers, tuple(self._complaints), round(seconds, 1)
                )
        error = found.exception()
        if isinstance(error, KafkaException):
            client.poll(0)
            raise error_messages.unreachable(
                self.servers, tuple(self._complaints), round(seconds, 1)
            ) from None
        return found.result()

    def answering(self, metadata: ClusterMetadata, deadline: Deadline) -> frozenset[int]:
        """Ask every broker something small, all at once, and give the ids of those that answer.

        Once one has answered, the others have `patience` seconds, and those that refuse connections half a second:
        until a request to one of these ends, librdkafka spins, 0.6 s of CPU a second, so the first requests are short.
        Raises ProviderError where none answers at all. They are asked over connections of their own: losing one makes
        librdkafka choose anew whom it asks.
        """
        complaints = admin.Complaints()
        scout = self._scout = self._make(complaints)
        waiting, found = set(metadata.brokers), frozenset[int]()
        rounds = iter(_ROUNDS)
        started = time.monotonic()
        while waiting and not deadline.is_over:
            over = self.patience + started - time.monotonic()
            if found and over <= 0:
                break
            seconds = min(next(rounds, over if over > 0 else self.patience), deadline.left)
            futures = {
                number: admin.describe_configs(scout, [NO_TOPIC], number, seconds)[NO_TOPIC]
                for number in waiting
            }
            wait_for(futures.values(), seconds)
            scout.poll(0)
            found |= answered(futures)
            waiting -= found
            waiting -= {n for n in waiting if complaints.refuses(_address(metadata, n))}
        if not found:
            raise error_messages.unreachable(self.servers, tuple(complaints), deadline.seconds)
        self.prefer(found, metadata)
        return found

    def prefer(self, serving: frozenset[int], metadata: ClusterMetadata) -> None:
        """Send what is for the controller through these brokers alone."""
        self._serving = serving
        self._is_choosy = len(serving) < len(metadata.brokers)

    def admin(self) -> AdminClient:
        """Give librdkafka's client; raises RejectedError where it refuses a setting, or a file cannot be read."""
        if self._admin is None:
            self._admin = self._make(self._complaints)
        return self._admin

    def controller(self) -> AdminClient:
        """Give the client for requests that go to the controller, none of which waits for a broker that is silent.

        On KRaft the "controller" in the metadata is any broker that is not fenced yet (KIP-500), which passes such
        requests on; a silent one is among them. So metadata is read until it names one that answers.
        """
        if self._is_choosy:
            for _ in range(_LOOKS):
                if self.metadata(self.patience).controller_id in self._serving:
                    break
        return self.admin()

    def scout(self) -> AdminClient:
        """Give the client that asks brokers one by one; `answering` made it."""
        assert self._scout is not None  # noqa: S101 - a reading begins with `answering`
        return self._scout

    def lost(self, error: KafkaError, doing: str) -> errors.ProviderError:
        """Give the error for a request that nobody answered, with the reason that librdkafka told."""
        self.admin().poll(0)
        if len(self._complaints):
            cause = error_messages.unreachable(self.servers, tuple(self._complaints), self.timeout)
            return type(cause)(f"{doing}: {cause}", remedy=cause.remedy)
        return error_messages.failure(error, doing)

    def close(self) -> None:
        """Let go of the connections."""
        self._admin = self._scout = None

    def _make(self, complaints: Complaints) -> AdminClient:
        settings = {**self._settings, "bootstrap.servers": self._bootstrap}
        return admin.make(settings, self.timeout, complaints)

    def _is_hopeless(self, seconds: float) -> bool:
        """True where every server has said no for good, or all of them have said no for a while."""
        servers = set(self.servers)
        is_patient = seconds <= _PATIENCE
        return self._complaints.is_final(servers) or (
            not is_patient and self._complaints.is_unanimous(servers)
        )


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
    return isinstance(result, KafkaError) and result.code() in error_messages.TRANSIENT


def is_silence(result: object) -> bool:
    """True where no broker answered: librdkafka's own codes lie below -1, those of brokers do not."""
    return isinstance(result, KafkaError) and result.code() < KafkaError.UNKNOWN


def answered(futures: Mapping[int, Future[Any]]) -> frozenset[int]:
    """Give the ids of the brokers that have answered, be it with a refusal."""
    done = {number: future for number, future in futures.items() if future.done()}
    return frozenset(number for number, found in settled(done).items() if not is_silence(found))


def _address(metadata: ClusterMetadata, number: int) -> str:
    broker = metadata.brokers[number]
    return f"{broker.host}:{broker.port}"


def _settle(found: Future[ClusterMetadata], client: AdminClient, timeout: float) -> None:
    try:
        found.set_result(client.list_topics(timeout=timeout))
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
