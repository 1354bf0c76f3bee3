"""Whatever AMQP 0-9-1 message a queue holds ends as a result or as a dead letter, and costs nobody else (W2)."""

from __future__ import annotations

import json
import re
import struct
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pika
import pytest
from confluent_kafka import Consumer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pika.exceptions import AMQPError

from stack.names import own_name
from workers.amqp.properties import Properties
from workers.events.follower import find_ends

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.workers.conftest import Site

pytestmark = pytest.mark.integration
QUEUE, DLQ = "auto_orders", "auto_orders.dlq"
EACH = 10
"""Messages of any kind between two good tasks."""

SHORT = st.binary(max_size=255) | st.sampled_from([b"\xff\xfe", b"", b"text/plain"])
TEXTS = SHORT.map(lambda content: content.decode("utf-8", "surrogateescape"))


def sized(kind: bytes, content: bytes) -> bytes:
    return kind + struct.pack(">I", len(content)) + content


def _table(fields: dict[bytes, bytes]) -> bytes:
    content = b"".join(bytes([len(name)]) + name + value for name, value in fields.items())
    return sized(b"F", content)


def fixed(kinds: bytes, size: int) -> st.SearchStrategy[bytes]:
    content = st.binary(min_size=size, max_size=size)
    return st.builds(lambda kind, value: bytes([kind]) + value, st.sampled_from(kinds), content)


SCALARS = st.one_of(
    fixed(b"bB", 1),
    fixed(b"su", 2),
    fixed(b"Iif", 4),
    fixed(b"ldT", 8),
    fixed(b"D", 5),
    st.just(b"T" + struct.pack(">Q", 1_764_000_000_000)),
    st.sampled_from([b"t\x00", b"t\x01", b"V"]),
    st.builds(sized, st.sampled_from([b"S", b"x"]), st.binary(max_size=40)),
    st.builds(sized, st.just(b"S"), st.text(max_size=20).map(str.encode)),
)
NAMES = st.binary(min_size=1, max_size=20) | st.sampled_from(
    [b"attempt", b"replays", b"first_seen", b"trace_id", b"is_parked", b"is_unguarded", b"is_outboxed", b"reason",
     b"error", b"attempts", b"queue", b"dead_lettered_at", b"headers_cut", b"\xff\xfe", b"x-own", b"X-Own"]
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: sized(b"A", b"".join(items)))
        | st.dictionaries(NAMES, inner, max_size=3).map(_table)
    ),
    max_leaves=8,
)
LARGE = st.integers(90_000, 130_000).map(lambda size: {b"large": sized(b"S", b"x" * size)})
DEEP = st.integers(100, 4000).map(
    lambda depth: {b"deep": sized(b"A", b"A\0\0\0\0")} | _nested(depth)
)


def _nested(depth: int) -> dict[bytes, bytes]:
    value = b"t\x01"
    for _ in range(depth):
        value = sized(b"A", value)
    return {b"deeper": value}


HEADERS = st.dictionaries(NAMES, VALUES, max_size=6) | LARGE | DEEP
BODIES = st.one_of(
    st.binary(max_size=300),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).map(lambda value: json.dumps(value).encode()),
    st.integers(1, 5000).map(lambda depth: b"[" * depth + b"]" * depth),
    st.just(b""),
)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Properties, bytes | None]:
    """Give properties, and a body; None stands for that of a good task."""
    given: dict[str, Any] = {
        name: draw(st.none() | TEXTS)
        for name in ("content_type", "correlation_id", "reply_to", "message_id", "type", "app_id")
    }
    given["content_encoding"] = draw(st.none() | st.sampled_from(["gzip", "br", "utf-8"]) | TEXTS)
    for name in ("delivery_mode", "priority"):
        given[name] = draw(st.none() | st.integers(0, 255))
    given["timestamp"] = draw(st.none() | st.integers(0, 2**64 - 1))
    return Properties(draw(HEADERS), **given), draw(st.none() | BODIES)


@dataclass
class Sender:
    """Publishes with confirms; what the broker refuses closes a connection, and is counted."""

    parameters: pika.ConnectionParameters
    sent: int = 0
    refused: int = 0

    def __post_init__(self) -> None:
        self._connect()

    def send(self, body: bytes, properties: pika.BasicProperties) -> bool:
        try:
            self.channel.basic_publish("", QUEUE, body, properties, mandatory=True)
        except AMQPError:
            self.refused += 1
            self.close()
            self._connect()
            return False
        self.sent += 1
        return True

    def close(self) -> None:
        if self.connection.is_open:
            self.connection.close()

    def _connect(self) -> None:
        self.connection = pika.BlockingConnection(self.parameters)
        self.channel = self.connection.channel()
        self.channel.confirm_delivery()


@contextmanager
def completions(site: Site) -> Iterator[Callable[[set[str]], None]]:
    """Give what waits until each of these tasks has its completion."""
    consumer = Consumer({"bootstrap.servers": site.addresses.bootstrap, "group.id": own_name()})
    consumer.assign(find_ends(consumer, ("ai.completions",)))
    seen: set[str] = set()

    def wait(tasks: set[str]) -> None:
        end = time.monotonic() + 120
        while not tasks <= seen:
            assert time.monotonic() < end, tasks - seen
            seen.update(
                (message.key() or b"").decode()
                for message in consumer.consume(500, 1)
                if not message.error()
            )

    yield wait
    consumer.close()


def wait_until_settled(site: Site, process: subprocess.Popen[str], seconds: float) -> None:
    """Wait until nothing waits, is tried again, or is being worked on."""
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 2:
        assert process.poll() is None, "the worker has ended"
        assert time.monotonic() < end, site.manage("GET", f"queues/{site.vhost}")
        listed = site.manage(
            "GET", f"queues/{site.vhost}?disable_stats=true&enable_queue_totals=true"
        )
        open_ones = [q["messages"] for q in listed if not q["name"].endswith(".dlq")]
        quiet = quiet + 1 if sum(open_ones) == 0 else 0
        site.channel.connection.sleep(0.5)


MANY = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.mark.parametrize("count", [pytest.param(120), pytest.param(10_000, marks=MANY)])
def test_w2_any_message_is_a_result_or_a_dead_letter(
    site: Site,
    worker: Callable[..., subprocess.Popen[str]],
    unused_port: Callable[[], int],
    count: int,
) -> None:
    # Given a worker, and any messages with good tasks between them
    port = unused_port()
    process = worker(
        "order", CONCURRENCY="8", MAX_ATTEMPTS="2", STUB_SECONDS="0s", HEALTH_PORT=str(port)
    )
    prefix = own_name()
    sender = Sender(site.channel.connection._impl.params)  # noqa: SLF001 - the same broker
    good: set[str] = set()

    def task(kind: str) -> bytes:
        name = f"{prefix}-{kind}-{sender.sent + sender.refused}"
        if kind == "good":
            good.add(name)
        return json.dumps({"id": name, "description": "x", "expected_output": "y"}).encode()

    with completions(site) as wait:
        warm = {f"{prefix}-good-{number}" for number in range(20)}
        for name in warm:
            sender.send(
                json.dumps({"id": name, "description": "x", "expected_output": "y"}).encode(),
                pika.BasicProperties(),
            )
        wait(warm)
        before = weigh(process, port)

        # When they are worked off
        @settings(
            max_examples=count,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(message=messages())
        def publish(message: tuple[Properties, bytes | None]) -> None:
            properties, body = message
            sender.send(task("odd") if body is None else body, properties)
            if sender.sent % EACH == 0:
                sender.send(task("good"), pika.BasicProperties())

        publish()
        wait(good)
        wait_until_settled(site, process, 60 + count / 50)

    # Then each is a result or a dead letter, and the worker is as it was
    after = weigh(process, port)
    counts = outcomes(port)
    assert sender.refused < sender.sent / 10
    assert counts["completed"] + counts["dead_lettered"] == sender.sent
    assert (
        counts["dead_lettered"]
        == site.channel.queue_declare(DLQ, passive=True).method.message_count
    )
    assert after.connections == before.connections
    assert after.kib - before.kib < 24 * 1024
    # And people can read each of them, and put them back
    check_letters(site, counts["dead_lettered"])
    sender.close()


def test_w2_a_message_whose_headers_leave_no_room_for_a_workers_own_costs_no_slot(
    site: Site, worker: Callable[..., subprocess.Popen[str]]
) -> None:
    # Given a worker of one slot, and headers that fill a frame, so that what a dead letter adds does not fit
    worker("order", STUB_SECONDS="0s")
    face = "\U0001f600".encode()
    fields = {
        **{name: sized(b"S", face * 1001) for name in (b"trace_id", b"first_seen")},
        **{b"\xff" * 253 + b"%02d" % n: sized(b"S", b"v" * 905) for n in range(18)},
        **{b"k%03d" % n: sized(b"S", b"w" * 706) for n in range(139)},
    }
    texts = dict.fromkeys(
        ("content_type", "correlation_id", "reply_to", "message_id", "type", "app_id"), "z" * 255
    )
    said = "\U0001f600" * 400
    task = {"id": said, "description": 5, "expected_output": [said], "context": [said], said: 1}
    body = json.dumps({**task, f"{said}1": 2}, ensure_ascii=False)
    site.channel.basic_publish(
        "",
        QUEUE,
        body.encode(),
        Properties(fields, priority=9, timestamp=int(time.time()), **texts),
    )

    # When a task comes behind it
    done = site.run("submit", "order", "--description", "good", "--wait", "--timeout", "60s")

    # Then it is done, and the message is a dead letter that says which headers it lacks
    assert done.code == 0, done.err
    ((properties, found),) = site.drain(DLQ)
    assert found == body.encode()
    headers = properties.headers or {}
    assert headers["reason"] == "invalid"
    assert "$.description: 5 is not of type" in headers["error"]
    assert len(headers["headers_cut"]) == 21


def check_letters(site: Site, count: int) -> None:
    """List, show and replay all dead letters by the command line."""
    listed = site.dlq("list", "order", "--limit", str(count), "--format", "json")
    assert listed.code == 0, listed.err
    letters = listed.json()["dead_letters"]
    assert len(letters) == count
    assert {letter["reason"] for letter in letters} <= {"invalid", "conflict"}
    assert [letter for letter in letters if not letter["error"]] == []
    for letter in letters[:: max(1, count // 5)]:
        shown = site.dlq("show", "order", letter["id"])
        assert shown.code == 0, shown.err
        assert f"reason: {letter['reason']}" in shown.out
    # One after the other: each waits for RabbitMQ to have it on its disk.
    replayed = site.dlq("replay", "order", "--all", patience=120 + count / 20)
    assert replayed.code == 0, replayed.err
    assert f"{count} replayed" in replayed.err


@dataclass
class Weight:
    kib: int
    connections: int


def weigh(process: subprocess.Popen[str], port: int) -> Weight:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    text = _metrics(port)
    made = re.findall(r"^agent_worker_rabbitmq_connections_total\{.*\} (\S+)", text, re.MULTILINE)
    assert len(made) == 2
    return Weight(pages * 4, int(sum(map(float, made))))


def outcomes(port: int) -> dict[str, int]:
    found = re.findall(
        r'^agent_worker_tasks_total{.*outcome="(\w+)".*} (\S+)', _metrics(port), re.MULTILINE
    )
    return {"completed": 0, "dead_lettered": 0} | {name: int(float(value)) for name, value in found}


def _metrics(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())
