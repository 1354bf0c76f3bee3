"""Events on Kafka: delivered means that every in-sync replica reported it, within a time that ends."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import TimeoutError as FutureTimeoutError
from concurrent.futures import wait
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, Producer

from workers.batches import Batches
from workers.errors import REMEDY, EventsAwayError, SettingsError
from workers.events.delivery_reports import UNKNOWN_TOPIC, Report, reported
from workers.events.envelopes import TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future

    from workers.configuration.settings import Settings
    from workers.connectivity import Connectivity
    from workers.events.envelopes import Event

Client = TypeVar("Client")
LOG = logging.getLogger(__name__)
POLL = 0.1
PROBE_PAUSE = 3.0
PROBE_TIMEOUT = 3.0
"""Seconds: between two looks for brokers that are away, and how long one look may take."""
LONGEST = 0.05
"""Seconds after which the next batch goes although the last one has no report yet: a slow partition holds up none."""
MISSING_SECONDS = 60.0
"""How long all events wait for a topic that is missing: as long as somebody may take to make it."""


class EventStream:
    """A producer, and the thread that polls it.

    Away, it fails at once instead of after a time-out for each event, and looks for the brokers by itself;
    `on_change` hears whether they are away, first and whenever that changes. A cluster that lacks one of
    the topics counts as away for a minute: what is missing is said once, and all events wait in the outbox. After that
    the events of this topic are refused, and the others flow. A record that was reported as failed may still have
    arrived: an event's id tells.
    """

    def __init__(
        self, settings: Settings, reach: Connectivity, on_change: Callable[[bool], None]
    ) -> None:
        self._settings = settings
        self._reach = reach
        self._on_change = on_change
        self._producer = _producer(settings)
        self._is_broken = False
        self._batches: Batches[Event, Report] = Batches("kafka-batches", self._carry)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka", daemon=True)
        self.is_away = False
        self._reason: str | None = None
        self._missing: dict[str, float] = {}
        self._given_up: frozenset[str] = frozenset()

    def start(self) -> None:
        """Look for the brokers, and serve delivery reports, in the background."""
        self._thread.start()
        self._batches.start()

    def deliver(self, events: Sequence[Event]) -> list[tuple[Event, Report]]:
        """Put events on Kafka and wait for all reports; gives those that it refuses for good.

        Raises EventsAwayError where one of the others is not delivered.
        """
        if self.is_away:
            raise EventsAwayError(self._reason or "")
        reports = self._batches.hand_over(events)
        try:
            found = [report.result(self._settings.event_timeout + 5) for report in reports]
        except FutureTimeoutError:
            found = [Report("no delivery report")]
        except ConnectionError as error:  # this process is ending
            raise EventsAwayError(str(error)) from None
        if problem := next((each.problem for each in found if each.is_passing), ""):
            self._change(problem)
            raise EventsAwayError(problem)
        return [pair for pair in zip(events, found, strict=True) if pair[1].refusal]

    def send(self, topic: str, key: str, value: str, on_report: Callable[[Report], None]) -> None:
        """Put one record on its way; `on_report` hears what became of it, from another thread."""

        def report(error: Any, _: object) -> None:  # noqa: ANN401 - a KafkaError or None, as librdkafka gives it
            self._is_broken |= _is_fatal(error)
            on_report(reported(topic, error, is_ours=topic in TOPICS))

        if topic in self._given_up:
            on_report(Report(f"{topic}: there is no such topic", UNKNOWN_TOPIC))
            return
        try:
            self._producer.produce(topic, value, key, on_delivery=report)
        except BufferError as error:
            on_report(Report(f"{topic}: {say(error)}"))
        except KafkaException as error:
            report(error.args[0], None)

    def _carry(self, batch: Sequence[tuple[Event, Future[Report]]]) -> None:
        for event, report in batch:
            try:
                self.send(event.topic, event.key, event.value, report.set_result)
            except Exception as error:
                LOG.exception("internal_error")
                report.set_result(Report(f"{event.topic}: {type(error).__name__}"))
        wait([report for _, report in batch], LONGEST)

    @property
    def outstanding(self) -> int:
        """How many records have no report yet."""
        return len(self._producer)

    def report_away(self, reason: str) -> None:
        """Take the brokers as away, because a record that `send` took failed."""
        self._change(reason)

    def close(self, timeout: float) -> int:
        """Wait for what is on its way; gives how many records were not delivered."""
        self._batches.close()
        self._stop.set()
        left = self._producer.flush(timeout)
        if self._thread.is_alive():
            self._thread.join(timeout=1)
        return int(left)

    def _poll(self) -> None:
        self._look()
        probed = time.monotonic()
        while not self._stop.is_set():
            self._producer.poll(POLL)
            if (self.is_away or self._missing) and time.monotonic() - probed > PROBE_PAUSE:
                self._look()
                probed = time.monotonic()

    def _look(self) -> None:
        if self._is_broken:
            # An idempotent producer refuses everything after a fatal error, such as a lost sequence number. What it
            # still holds is reported as failed first: somebody waits for each report.
            self._producer.purge()
            self._producer.flush(PROBE_TIMEOUT)
            self._producer, self._is_broken = _producer(self._settings), False
        try:
            missing = _find_missing(self._producer)
        except KafkaException as error:
            self._change(say(error))
        else:
            self._note_missing(missing)

    def _note_missing(self, topics: Sequence[str]) -> None:
        """Wait for topics that are missing: a moment later they may be there. After that others need not wait."""
        now = time.monotonic()
        self._missing = {topic: self._missing.get(topic, now) for topic in topics}
        given_up = {t for t, since in self._missing.items() if now - since > MISSING_SECONDS}
        if news := given_up - self._given_up:
            LOG.error("topic_given_up", extra={"topics": sorted(news), "remedy": REMEDY})
        self._given_up = frozenset(given_up)
        waited_for = [f"topic {topic}" for topic in topics if topic not in given_up]
        self._change(f"missing: {', '.join(waited_for)}; {REMEDY}" if waited_for else "")

    def _change(self, reason: str) -> None:
        is_change = self._reason is None or bool(reason) != self.is_away
        self._reason, self.is_away = reason, bool(reason)
        if is_change:
            place = self._settings.kafka_bootstrap_servers
            self._reach.report("kafka", f"{place}: {reason}" if reason else "")
            self._on_change(self.is_away)


def _find_missing(producer: Producer) -> list[str]:
    """Ask for the topics of all events; raises KafkaException where no broker answers.

    A broker that makes topics by itself (auto.create.topics.enable) does so when a producer asks for one by its name.
    """
    known = producer.list_topics(timeout=PROBE_TIMEOUT).topics
    return [
        topic
        for topic in TOPICS
        if topic not in known
        and producer.list_topics(topic, timeout=PROBE_TIMEOUT).topics[topic].error is not None
    ]


def say(error: Exception) -> str:
    """Give librdkafka's words without the wrapping."""
    inner = error.args[0] if error.args else error
    return inner.str() if isinstance(inner, KafkaError) else str(inner)


def _is_fatal(error: object) -> bool:
    """Whether a producer is of no use any more: the first such error says so itself, the later ones by their code."""
    if not isinstance(error, KafkaError):
        return False
    return bool(error.fatal()) or error.code() == KafkaError._FATAL  # noqa: SLF001 - its name in librdkafka


def _producer(settings: Settings) -> Producer:
    return make_client(Producer, _configuration(settings))


def make_client(kind: Callable[..., Client], configuration: Mapping[str, Any]) -> Client:
    """Make a producer or a consumer; raises SettingsError with librdkafka's words where it has no such setting."""
    try:
        return kind(configuration, logger=_silent())
    except KafkaException as error:
        raise SettingsError([f"KAFKA_...: {say(error)}"]) from None


def _configuration(settings: Settings) -> dict[str, Any]:
    """Give librdkafka's settings: idempotent, and a time-out that ends before a Swarm stop does."""
    return {
        **connection(settings),
        "acks": "all",
        "enable.idempotence": True,
        "message.timeout.ms": int(settings.event_timeout * 1000),
        # An event for a topic that is nobody's must not time out, as in an outage: the outbox waits behind it.
        "topic.metadata.propagation.max.ms": int(min(3.0, settings.event_timeout / 2) * 1000),
        # A batch is handed over in less. Five requests may be on their way to a broker, each for one partition; while
        # more wait, librdkafka's threads poll without a pause (2.16), so `Batches` lets one batch follow the other.
        "linger.ms": 2,
        # As Java's clients do it, so that others find a key in the same partition.
        "partitioner": "murmur2_random",
    }


def connection(settings: Settings) -> dict[str, Any]:
    """Give the part of librdkafka's settings that says how to reach the brokers."""
    optional = {
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_sasl_username,
        "sasl.password": settings.kafka_sasl_password.reveal(),
        "ssl.ca.location": settings.kafka_ssl_ca_location,
    }
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
        "client.id": "bizops-workers",
        "reconnect.backoff.ms": 500,
        "reconnect.backoff.max.ms": 10_000,
        "log_level": 0,
        **{name: value for name, value in optional.items() if value},
    }


def _silent() -> logging.Logger:
    """Give a logger that says nothing: librdkafka repeats itself 20 times a second while a broker is away."""
    logger = logging.getLogger("workers.librdkafka")
    logger.setLevel(logging.CRITICAL + 1)
    return logger
