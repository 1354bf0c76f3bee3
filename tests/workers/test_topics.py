"""What a worker makes of topics that nobody declared, or that somebody deleted, on a real Kafka."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from stack.addresses import read_addresses
from stack.names import own_name
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity
from workers.errors import REMEDY, EventsAwayError
from workers.events import producer
from workers.events.delivery_reports import UNKNOWN_TOPIC, Report
from workers.events.envelopes import Event
from workers.events.producer import PROBE_PAUSE, EventStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BROKERS = read_addresses(os.environ).bootstrap


@pytest.fixture
def admin() -> AdminClient:
    return AdminClient({"bootstrap.servers": BROKERS})


@pytest.fixture
def topic(admin: AdminClient, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Give the name of the one topic that the worker of a test writes to; nobody has made it."""
    name = own_name()
    monkeypatch.setattr(producer, "TOPICS", (name,))
    yield name
    if name in admin.list_topics(timeout=30).topics:
        admin.delete_topics([name])[name].result()


def make(admin: AdminClient, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result()


def deliver_on_and_on(stream: EventStream, topic: str) -> None:
    """A broker may take a few more records for a topic that it was told to delete."""
    for _ in range(100):
        stream.deliver([Event(topic, "t", "{}")])
        time.sleep(0.1)


class Watched:
    """A stream, and what it said of whether Kafka is away."""

    def __init__(self) -> None:
        settings = load_settings(
            {"ENGINE": "stub", "KAFKA_BOOTSTRAP_SERVERS": BROKERS, "EVENT_TIMEOUT": "3s"}
        )
        self.changes: list[str] = []
        self.reach = Connectivity(["kafka"])
        self.stream = EventStream(settings, self.reach, self._note)
        self.stream.start()

    def _note(self, is_away: bool) -> None:
        self.changes.append("away" if is_away else "there")

    def wait_for(self, *changes: str) -> None:
        deadline = time.monotonic() + 30
        while self.changes != list(changes) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert self.changes == list(changes)


@pytest.fixture
def watch() -> Iterator[Callable[[], Watched]]:
    """Give what makes a stream; it is closed at the end."""
    with ExitStack() as stack:

        def make_one() -> Watched:
            made = Watched()
            stack.callback(made.stream.close, timeout=5)
            return made

        yield make_one


def test_a_topic_that_nobody_declared_is_named_until_it_is_there(
    admin: AdminClient, topic: str, watch: Callable[[], Watched]
) -> None:
    watched = watch()
    watched.wait_for("away")
    assert watched.reach.why("kafka") == (f"{BROKERS}: missing: topic {topic}; {REMEDY}")
    with pytest.raises(EventsAwayError, match=f"topic {topic}"):
        watched.stream.deliver([Event(topic, "t", "{}")])

    make(admin, topic)

    watched.wait_for("away", "there")
    watched.stream.deliver([Event(topic, "t", "{}")])


def test_an_event_for_a_topic_that_is_nobodys_is_refused_at_once_and_nothing_waits_for_it(
    admin: AdminClient, topic: str, watch: Callable[[], Watched]
) -> None:
    """One of the outbox: while it has no report, none behind it is relayed, and a time-out looks like an outage."""
    make(admin, topic)
    watched = watch()
    watched.wait_for("there")
    reports: list[Report] = []

    watched.stream.send(own_name(), "t", "{}", reports.append)

    deadline = time.monotonic() + 10
    while not reports and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [report.refusal for report in reports] == [UNKNOWN_TOPIC]


def test_a_topic_that_is_deleted_under_a_worker_is_one_change_of_state(
    admin: AdminClient, topic: str, watch: Callable[[], Watched]
) -> None:
    """The brokers themselves answer all the time."""
    make(admin, topic)
    watched = watch()
    watched.wait_for("there")
    watched.stream.deliver([Event(topic, "t", "{}")])

    admin.delete_topics([topic])[topic].result()
    with pytest.raises(EventsAwayError):
        deliver_on_and_on(watched.stream, topic)
    time.sleep(3 * PROBE_PAUSE)

    watched.wait_for("there", "away")
    make(admin, topic)
    watched.wait_for("there", "away", "there")
    watched.stream.deliver([Event(topic, "t", "{}")])
