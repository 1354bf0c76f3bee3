from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException

from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import EventsAwayError, SettingsError
from workers.events.delivery_reports import Report, reported
from workers.events.envelopes import Event
from workers.events.producer import EventStream

if TYPE_CHECKING:
    from collections.abc import Callable

FATAL = KafkaError(KafkaError._FATAL, "out of order sequence number")  # noqa: SLF001 - its name in librdkafka


@pytest.fixture
def stream() -> EventStream:
    """Nothing listens where its brokers should be, so a record stays in the producer."""
    settings = load_settings(
        {"ENGINE": "stub", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1", "EVENT_TIMEOUT": "1h"}
    )
    return EventStream(settings, Connectivity(["kafka"]), lambda _: None)


def test_what_librdkafka_itself_has_not_is_a_fault_of_the_settings() -> None:
    """Here it was built without Kerberos."""
    kerberos = {"KAFKA_SECURITY_PROTOCOL": "sasl_ssl", "KAFKA_SASL_MECHANISM": "gssapi"}
    settings = load_settings({"ENGINE": "stub", **kerberos})

    with pytest.raises(SettingsError, match=r"^KAFKA_\.\.\.: .*GSSAPI"):
        EventStream(settings, Connectivity(["kafka"]), lambda _: None)


def test_the_longest_time_for_an_event_is_one_that_librdkafka_takes() -> None:
    settings = load_settings({"ENGINE": "stub", "EVENT_TIMEOUT": "1d"})

    EventStream(settings, Connectivity(["kafka"]), lambda _: None).close(0)


def test_a_producer_that_is_replaced_reports_what_it_held(
    stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody waits for each report: an event of the outbox that has none would be held for ever."""
    reports: list[Report] = []
    stream.send("ai.errors", "t", "{}", reports.append)
    assert not reports

    def refuse(*_: object, **__: object) -> None:
        raise KafkaException(FATAL)

    broken = stream._producer  # noqa: SLF001 - only librdkafka can make one break
    monkeypatch.setattr(stream, "_producer", type("Broken", (), {"produce": refuse})())
    stream.send("ai.errors", "t", "{}", reports.append)
    monkeypatch.setattr(stream, "_producer", broken)
    stream._look()  # noqa: SLF001 - what the thread does while Kafka is away

    assert [each.problem for each in reports] == [
        "ai.errors: out of order sequence number",
        "ai.errors: Local: Purged in queue",
    ]
    assert stream._producer is not broken  # noqa: SLF001 - as above
    stream.close(timeout=0.1)


def test_a_record_without_a_report_holds_up_the_next_batch_for_a_moment_only(
    stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow partition holds up none of the others."""

    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        if key != "slow":
            on_report(Report())

    monkeypatch.setattr(stream, "send", send)
    (slow,) = stream._batches.hand_over([Event("ai.errors", "slow", "{}")])  # noqa: SLF001 - `deliver` would wait for it
    stream._batches.start()  # noqa: SLF001 - and nothing else of `start`

    assert stream.deliver([Event("ai.errors", "quick", "{}")]) == []
    assert not slow.done()
    stream.close(timeout=0.1)


def test_a_record_that_cannot_be_sent_is_one_that_failed_and_the_others_go(
    stream: EventStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def send(_topic: str, key: str, _value: str, on_report: Callable[[Report], None]) -> None:
        if key == "bad":
            raise RuntimeError
        on_report(Report())

    monkeypatch.setattr(stream, "send", send)
    stream._batches.start()  # noqa: SLF001 - as above
    good, bad = Event("ai.errors", "good", "{}"), Event("ai.errors", "bad", "{}")

    assert stream.deliver([good]) == []
    with pytest.raises(EventsAwayError, match=r"ai\.errors: RuntimeError"):
        stream.deliver([bad, good])
    stream.close(timeout=0.1)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, "too_large"),
        (KafkaError.INVALID_RECORD, "invalid_record"),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "not_authorized"),
        (KafkaError._MSG_TIMED_OUT, ""),  # noqa: SLF001 - its name in librdkafka
        (KafkaError.NOT_ENOUGH_REPLICAS, ""),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, ""),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, ""),
    ],
)
def test_what_a_record_alone_is_refused_for_is_told_from_what_may_pass(
    code: int, refusal: str
) -> None:
    found = reported("ai.errors", KafkaError(code, "words"), is_ours=True)

    assert found == Report("ai.errors: words", refusal)
    assert found.is_passing is not bool(refusal)
    assert not reported("ai.errors", None, is_ours=True).is_passing


def test_a_missing_topic_is_waited_for_where_it_is_ours_alone() -> None:
    error = KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, "words")

    assert reported("ai.errors", error, is_ours=True).is_passing
    assert reported("nobody.knows", error, is_ours=False).refusal == "unknown_topic"
