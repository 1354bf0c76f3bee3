"""`python -m workers tasks dlq` on a real RabbitMQ: nothing is lost, doubled or moved by looking at it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
import redis

from workers.amqp.publisher import NAME, Publisher
from workers.connectivity import Connectivity
from workers.events.follower import EventFollower
from workers.protocol.task import Task
from workers.tasks.dead_letters import DeadLetters

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.conftest import Site

pytestmark = pytest.mark.integration
QUEUE, DLQ = "auto_orders", "auto_orders.dlq"
NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}
OBITUARY = {
    "reason": "exhausted",
    "error_class": "rate_limited",
    "error": "429: slow down",
    "attempts": 5,
    "worker": "order@a:1",
    "queue": QUEUE,
    "dead_lettered_at": "2026-01-31T09:00:00.000+00:00",
}
HISTORY = {"attempt": 5, "replays": 0, "first_seen": "2026-01-31T08:00:00+00:00", "trace_id": "t1"}


@pytest.fixture
def tag() -> str:
    return uuid.uuid4().hex[:8]


def bury(site: Site, task_id: str, **headers: object) -> None:
    """Put a dead letter there as a worker does."""
    body = Task(task_id, "Validate order 17", "A score").to_json()
    site.put(
        DLQ, body, headers={**HISTORY, **OBITUARY, **headers}, priority=3, timestamp=1_700_000_000
    )


def ids(site: Site, queue: str = DLQ) -> list[str]:
    """Take all that waits, and give the ids in order."""
    return [json.loads(body)["id"] for _, body in site.drain(queue)]


def wait_for(site: Site, queue: str, count: int) -> None:
    deadline = time.monotonic() + 60
    while site.channel.queue_declare(queue, passive=True).method.message_count != count:
        assert time.monotonic() < deadline, f"{queue} never had {count} messages"
        site.channel.connection.sleep(0.1)


def test_looking_takes_nothing_and_leaves_the_order(site: Site, tag: str) -> None:
    names = [f"{tag}-{number}" for number in range(20)]
    for name in names:
        bury(site, name)

    first = site.dlq("list", "order", "--limit", "7", "--format", "json").json()
    site.dlq("show", "order", names[3])
    second = site.dlq("list", "order", "--format", "json").json()

    assert [each["id"] for each in first["dead_letters"]] == names[:7]
    assert first["queues"] == [{"queue": QUEUE, "dead_letters": 20}]
    assert [each["id"] for each in second["dead_letters"]] == names
    assert ids(site) == names


def test_a_list_says_what_a_worker_wrote(site: Site, tag: str) -> None:
    bury(site, tag)
    bury(site, f"{tag}-other", reason="permanent")

    document = site.dlq("list", "--reason", "exhausted", "--format", "json").json()
    (letter,) = document["dead_letters"]
    assert document["format_version"] == "1.0"
    assert len(document["queues"]) == 9
    assert letter.pop("age_seconds") > 86_400
    assert letter == {
        "queue": QUEUE,
        "id": tag,
        "replays": 0,
        "trace_id": "t1",
        **{key: value for key, value in OBITUARY.items() if key != "queue"},
    }

    said = site.dlq("list", "order", "support", "--reason", "exhausted")
    heading, header, row, support = said.out.splitlines()
    assert (heading, support) == (f"{DLQ}: 2, 1 shown", "auto_support_tickets.dlq: 0")
    assert header.split()[:3] == ["ID", "REASON", "ERROR"]
    assert row.split()[:4] == [tag, "exhausted", "rate_limited", "5"]
    assert row.endswith("order@a:1  429: slow down")
    assert (said.code, said.err) == (0, "")


def test_what_a_real_worker_buried_is_listed_and_shown(
    site: Site, worker: Callable[..., Any]
) -> None:
    worker("order")
    site.put(QUEUE, b'{"id": "bad\\u001b[31m", "description": 7}', headers={"tenant": "t7"})
    site.put(QUEUE, b"no json")
    wait_for(site, DLQ, 2)

    letters = site.dlq("list", "order", "--format", "json").json()["dead_letters"]
    nameless = next(each["id"] for each in letters if each["id"].startswith("unknown-"))
    assert [each["reason"] for each in letters] == ["invalid", "invalid"]
    text = site.dlq("list", "order").out + site.dlq("show", "order", "bad\x1b[31m").out
    assert "\x1b" not in text
    assert "tenant: t7" in text
    assert site.dlq("show", "order", nameless).out.endswith("\n\nno json\n")
    (shown,) = site.dlq("show", "order", nameless, "--format", "json").json()["dead_letters"]
    assert shown["body"] == "no json"
    assert shown["headers"]["reason"] == "invalid"


def test_any_body_is_shown_whatever_the_terminal_can_print(site: Site) -> None:
    site.put(
        DLQ, rb'{"id": "\ud83d", "description": "caf\u00e9 \ud83d"}', headers={"reason": "\xe9"}
    )
    site.put(DLQ, b"\xff\xfe")

    for form in ("text", "json"):
        said = site.dlq("list", "order", "--format", form, PYTHONIOENCODING="ascii")
        assert (said.code, said.err) == (0, "")
        for word in [word for word in said.out.split() if "unknown-" in word]:
            name = word.strip('",')
            shown = site.dlq("show", "order", name, "--format", form, PYTHONIOENCODING="ascii")
            assert (shown.code, shown.err) == (0, "")


def test_what_rabbitmq_itself_dead_lettered_has_its_word_for_it(site: Site, tag: str) -> None:
    # Also where its sender uses our words for something else
    old = Task(f"{tag}-old", "do", "that").to_json()
    site.put("auto_analytics", old, expiration="1", headers={"reason": "audit", "attempts": 9})
    wait_for(site, "auto_analytics.dlq", 1)
    name = f"policies/{site.vhost}/one-only"
    limits = {"max-length": 1, "dead-letter-exchange": "dlx"}
    limits["message-ttl"] = 600_000
    policy = {
        "pattern": "^auto_analytics$",
        "definition": limits,
        "priority": 200,
        "apply-to": "queues",
    }
    site.manage("PUT", name, policy)
    try:
        deadline = time.monotonic() + 30
        count = 0
        while (
            site.channel.queue_declare("auto_analytics.dlq", passive=True).method.message_count < 2
        ):
            assert time.monotonic() < deadline
            site.put("auto_analytics", Task(f"{tag}-{count}", "do", "that").to_json())
            count += 1
            site.channel.connection.sleep(0.2)
    finally:
        site.manage("DELETE", name)

    letters = site.dlq("list", "analytics", "--format", "json").json()["dead_letters"]

    assert [(each["id"], each["reason"]) for each in letters[:2]] == [
        (f"{tag}-old", "expired"),
        (f"{tag}-0", "maxlen"),
    ]
    assert all(0 <= each["age_seconds"] < 60 for each in letters)
    assert [each["attempts"] for each in letters[:2]] == [0, 0]


def test_a_sender_says_nothing_of_a_death(site: Site, worker: Callable[..., Any], tag: str) -> None:
    """A task that claims to be dead is run, and one that lies there for no reason has none."""
    site.put(QUEUE, Task(tag, "do", "that").to_json(), headers={"is_dead": True, "reason": "x"})
    with EventFollower(site.settings()) as follower:
        worker("order")
        (event,) = follower.follow(QUEUE, tag, 30)
    assert event["type"] == "task.completed"

    site.put(DLQ, Task(tag, "do", "that").to_json(), headers={"reason": "exhausted", "error": 7})
    (letter,) = site.dlq("list", "order", "--format", "json").json()["dead_letters"]
    assert (letter["reason"], letter["error"], letter["worker"]) == ("unknown", "", "")


def test_an_id_that_is_not_there_is_met_with_the_nearest(site: Site, tag: str) -> None:
    bury(site, f"order-{tag}")

    for verb in (["show"], ["replay"], ["drop", "--yes"]):
        said = site.dlq(*verb, "order", f"ordr-{tag}")
        assert said.code == 1
        assert f"has no ordr-{tag}; the nearest: order-{tag}" in said.err
    assert ids(site) == [f"order-{tag}"]


def test_a_replay_is_a_first_attempt_published_now(site: Site, tag: str) -> None:
    for number in range(4):
        bury(site, f"{tag}-{number}", is_unguarded=True)
    before = int(time.time())

    said = site.dlq("replay", "order", f"{tag}-2", f"{tag}-1")

    assert (said.code, said.out.split()) == (0, [f"{tag}-1", f"{tag}-2"])
    (properties, body), _ = site.drain(QUEUE)
    assert json.loads(body)["id"] == f"{tag}-1"
    assert properties.headers == {**HISTORY, "attempt": 1, "replays": 1}
    assert before <= properties.timestamp <= time.time()
    assert (properties.priority, properties.delivery_mode) == (3, 2)
    assert ids(site) == [f"{tag}-0", f"{tag}-3"]


def test_a_replay_of_all_may_be_narrowed_down_to_a_reason(site: Site, tag: str) -> None:
    bury(site, f"{tag}-0")
    bury(site, f"{tag}-1", reason="permanent")

    refused = site.dlq("replay", "order")
    assert (refused.code, refused.out) == (1, "")
    said = site.dlq("replay", "order", "--all", "--reason", "permanent", "--format", "json")

    assert said.json()["replayed"] == [f"{tag}-1"]
    assert ids(site, QUEUE) == [f"{tag}-1"]
    assert ids(site) == [f"{tag}-0"]


def test_a_replayed_task_runs_and_is_counted_anew(
    site: Site, worker: Callable[..., Any], tag: str
) -> None:
    worker("order", STUB_SECONDS="5s", LLM_TIMEOUT="1s", SOFT_TIME_LIMIT="1500ms", MAX_ATTEMPTS="1")
    said = site.run(
        "submit", "order", "--description", "x", "--id", tag, "--wait", "--timeout", "60s"
    )
    assert said.code == 1
    wait_for(site, DLQ, 1)

    assert site.dlq("replay", "order", "--all").out == f"{tag}\n"
    wait_for(site, DLQ, 1)
    (letter,) = site.dlq("list", "order", "--format", "json").json()["dead_letters"]

    assert (letter["replays"], letter["attempts"], letter["reason"]) == (1, 1, "exhausted")


def test_what_fails_again_at_once_is_not_replayed_in_circles(
    site: Site, worker: Callable[..., Any], tag: str
) -> None:
    worker("order")
    for number in range(20):
        site.put(DLQ, json.dumps({"id": f"{tag}-{number}"}).encode())

    said = site.dlq("replay", "order", "--all")

    assert said.out.split() == [f"{tag}-{number}" for number in range(20)]
    wait_for(site, DLQ, 20)


def test_a_crash_between_publishing_and_acknowledging_leaves_two_copies_of_one_run(
    site: Site, worker: Callable[..., Any], tag: str
) -> None:
    bury(site, tag)
    settings = site.settings()
    publisher = Publisher(settings, Connectivity([NAME]))
    publisher.start()
    publisher.wait(10)
    with DeadLetters(settings) as letters:
        letter = next(letters.scan(QUEUE))
        delivery = letter.message.delivery
        publisher.publish("", QUEUE, delivery.body, letter.message.revive())
    publisher.close(1)
    assert site.dlq("replay", "order", tag).code == 0
    wait_for(site, QUEUE, 2)

    with EventFollower(settings) as follower:
        worker("order")
        wait_for(site, QUEUE, 0)
        outcomes = [list(follower.follow(QUEUE, tag, seconds)) for seconds in (30, 8)]

    assert [len(events) for events in outcomes] == [1, 0]
    assert ids(site) == []


def test_a_dropped_task_is_forgotten_and_its_id_is_free_again(
    site: Site, worker: Callable[..., Any], tag: str
) -> None:
    """Without the record's removal, a worker takes the new task for an old copy, and nothing ever comes of it."""
    bury(site, tag, reason="expired", attempt=3)
    key = f"bizops:workers:task:{QUEUE}:{tag}"
    with redis.Redis(db=6) as server:
        server.hset(key, mapping={"digest": "another", "replays": 0, "attempt": 3})
        server.expire(key, 600)

    said = site.dlq("drop", "order", tag, "--yes")

    assert (said.code, said.out) == (0, f"{tag}\n")
    assert ids(site) == []
    worker("order")
    again = site.run(
        "submit", "order", "--description", "x", "--id", tag, "--wait", "--timeout", "30s"
    )
    assert again.out.splitlines() == [tag, f"order worked on {tag}"]


def test_a_drop_of_a_conflicting_copy_leaves_the_record_of_the_task_whose_id_it_is(
    site: Site, tag: str
) -> None:
    bury(site, tag, reason="conflict")
    key = f"bizops:workers:task:{QUEUE}:{tag}"
    with redis.Redis(db=6) as server:
        server.hset(key, mapping={"digest": "another", "replays": 0, "attempt": 2})
        server.expire(key, 600)

        assert site.dlq("drop", "order", "--all", "--yes").code == 0

        assert server.exists(key)
    assert ids(site) == []


def test_a_drop_needs_a_person_or_yes(site: Site, tag: str) -> None:
    bury(site, tag)

    said = site.dlq("drop", "order", tag)
    assert said.code == 1
    assert "--yes" in said.err
    assert type_at_terminal(site, "no\n", "tasks", "dlq", "drop", "order", tag) == 1
    assert site.dlq("list", "order").out.startswith(f"{DLQ}: 1\n")

    assert type_at_terminal(site, "yes\n", "tasks", "dlq", "drop", "order", tag) == 0
    assert ids(site) == []


def type_at_terminal(site: Site, answer: str, *arguments: str) -> int:
    """Run a command whose standard input is a terminal; gives its exit code."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", *arguments],
        env=site.environment(),
        cwd=site.folder,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.write(ours, answer.encode())
    try:
        return process.wait(60)
    finally:
        os.close(ours)
        os.close(theirs)


def test_without_redis_both_ways_out_work_and_a_drop_says_what_stays(site: Site, tag: str) -> None:
    bury(site, f"{tag}-0")
    bury(site, f"{tag}-1")

    replayed = site.dlq("replay", "order", f"{tag}-0", **NO_REDIS)
    dropped = site.dlq("drop", "order", f"{tag}-1", "--yes", **NO_REDIS)

    assert (replayed.code, dropped.code) == (0, 0)
    assert "warning: Redis is away" in dropped.err
    assert ids(site, QUEUE) == [f"{tag}-0"]
    assert ids(site) == []


@pytest.mark.parametrize(
    "verb",
    [
        ["list"],
        ["show", "order", "x"],
        ["replay", "order", "--all"],
        ["drop", "order", "x", "--yes"],
    ],
    ids=lambda verb: verb[0],
)
def test_without_rabbitmq_it_is_one_line(site: Site, verb: list[str]) -> None:
    said = site.dlq(*verb, RABBITMQ_PORT="1")

    assert (said.code, said.out) == (1, "")
    (line,) = said.err.splitlines()
    assert line.startswith("error: RabbitMQ cannot be reached: 127.0.0.1:1: ")


def test_a_missing_queue_is_named_and_the_others_are_shown(site: Site, empty_vhost: str) -> None:
    said = site.dlq("list", "order", "seo", "--format", "json", RABBITMQ_VHOST=empty_vhost)

    assert said.code == 1
    assert said.json()["queues"] == []
    lines = said.err.splitlines()
    assert len(lines) == 2
    assert all("bizops apply makes what the topology declares" in line for line in lines)
