"""What librdkafka and the brokers say when something fails, turned into one error of ours.

librdkafka reports the reason of a broken connection to callbacks and gives the caller only a timeout. Codes and texts
are those of librdkafka 2.x and of the Kafka protocol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from confluent_kafka import KafkaError

from bizops import errors

if TYPE_CHECKING:
    from collections.abc import Collection

_PREFIX = re.compile(r"(?:[a-z_]+://)?([^/\s]+)/(?:bootstrap|\d+): (.*)", re.DOTALL)
_SUFFIX = re.compile(r" ?\(after \d+ms in state .*\)$|: increase receive\.message\.max\.bytes.*$")
_NOT_KAFKA = re.compile(r"Invalid response size (-?\d+)")
_TLS_RECORD = 0x15
_SILENT, _REFUSED, _UNKNOWN_NAME, _NO_TLS, _OTHER_PROTOCOL, _REFUSED_LOGIN = range(6)

TRANSIENT = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - these are librdkafka's public codes
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
        KafkaError._WAIT_COORD,  # noqa: SLF001
        KafkaError._DESTROY,  # noqa: SLF001
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_CONTROLLER,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.THROTTLING_QUOTA_EXCEEDED,
        KafkaError.REASSIGNMENT_IN_PROGRESS,
    }
)
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why one connection broke, in librdkafka's words, without the prefix and the timing."""

    server: str
    words: str
    code: int

    @property
    def is_final(self) -> bool:
        """True where waiting does not help: it will be the same next time."""
        return self.rank() > _REFUSED

    def error(self, servers: Collection[str], seconds: float) -> errors.ProviderError:
        """Give the error that says it, for a cluster that was first asked at `servers`."""
        about = f"{self.server}: {'it answered in TLS' if self._is_tls() else self.words}"
        rank = self.rank()
        if rank == _REFUSED_LOGIN:
            return errors.DeniedError(about, remedy=_SASL)
        if rank == _OTHER_PROTOCOL:
            return errors.WrongSystemError(
                f"{self.server} is not a Kafka broker: {self._answered()}"
            )
        if rank == _NO_TLS:
            return errors.UnreachableError(about, remedy=_TLS)
        if self.server not in servers:
            return errors.UnreachableError(f"a broker does not answer: {about}", remedy=_ADVERTISED)
        if rank == _SILENT:
            return errors.UnreachableError(
                f"{self.server} accepts connections and does not answer as Kafka does ({seconds:g} s)",
                remedy="check that the port is a broker's, and security.protocol",
            )
        remedy = _TLS if "Disconnected" in self.words else ""
        return errors.UnreachableError(
            f"no broker answered at {', '.join(servers)}: {self.words}", remedy=remedy
        )

    def rank(self) -> int:
        """Give how much it tells: silence least, a refused login most."""
        if self.code == KafkaError._AUTHENTICATION:  # noqa: SLF001
            return _REFUSED_LOGIN
        if _NOT_KAFKA.search(self.words) or "not supported by broker" in self.words:
            return _NO_TLS if self._is_tls() else _OTHER_PROTOCOL
        if "SSL" in self.words or "security.protocol" in self.words:
            return _NO_TLS
        if self.code == KafkaError._RESOLVE:  # noqa: SLF001
            return _UNKNOWN_NAME
        return _SILENT if "timed out" in self.words else _REFUSED

    def _is_tls(self) -> bool:
        found = _NOT_KAFKA.search(self.words)
        return found is not None and int(found[1]) >> 24 == _TLS_RECORD

    def _answered(self) -> str:
        """Show the first four bytes: librdkafka took them for a length."""
        found = _NOT_KAFKA.search(self.words)
        if not found:
            return "it knows no topics; is it a controller's port?"
        text = (int(found[1]) & 0xFFFFFFFF).to_bytes(4, "big").decode("ascii", "replace")
        return f"it answered {text!r}" if text.isprintable() else "it answered in another protocol"


_SASL = "check security.protocol (SASL_SSL or SASL_PLAINTEXT), sasl.mechanism, sasl.username and sasl.password"
_ADVERTISED = (
    "the cluster names this address itself (advertised.listeners): it must be reachable from here"
)
_TLS = "check security.protocol (PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL) and ssl.ca.location"


def complaint(text: str, code: int) -> Complaint | None:
    """Read one of librdkafka's messages; None where it is not about a connection to a server."""
    found = _PREFIX.search(text)
    if not found:
        return None
    return Complaint(found[1], _SUFFIX.sub("", found[2]).strip(), code)


def unreachable(
    servers: Collection[str], complaints: Collection[Complaint], seconds: float
) -> errors.ProviderError:
    """Give the one error for a cluster that does not answer: the complaint that tells most."""
    if not complaints:
        return errors.UnreachableError(
            f"no broker answered at {', '.join(servers)} in {seconds:g} s"
        )
    telling = max(complaints, key=lambda each: (each.rank(), len(each.words)))
    return telling.error(servers, seconds)


def said(error: KafkaError) -> str:
    """Give what a broker said, without the client's prefix and the full stop."""
    return error.str().removeprefix("Broker: ").rstrip(".")


def failure(error: KafkaError, doing: str) -> errors.ProviderError:
    """Give our error for a request that failed as a whole; `doing` says which: `reading configs`."""
    words = f"{doing}: {said(error)}"
    if error.code() in DENIED:
        return errors.DeniedError(words)
    if error.code() in TRANSIENT:
        return errors.UnreachableError(words)
    return errors.RejectedError(words)
