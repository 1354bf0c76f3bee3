"""`python -m workers submit` and TaskClient on a real RabbitMQ, with real workers and real events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from docs.pages import Block, all_blocks
from workers import TaskClient
from workers.errors import InvalidTaskError, PublishError, UnroutableError
from workers.protocol.task import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.workers.conftest import Said, Site

pytestmark = pytest.mark.integration
GOOD = ("--description", "Validate order 17")
IMPATIENT = {"STUB_SECONDS": "5s", "LLM_TIMEOUT": "1s", "SOFT_TIME_LIMIT": "1500ms"}
"""An agent that needs longer than it may take."""


@pytest.fixture
def task_id() -> str:
    return f"task-{uuid.uuid4()}"


def one_line(said: Said) -> str:
    """Give the only line that a failed command said, all of it on standard error."""
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    return line


def test_a_task_is_published_as_its_message_should_be_and_its_id_is_the_result(site: Site) -> None:
    before = int(time.time())

    said = site.run("submit", "seo", *GOOD, "--expected-output", "A score", "--priority", "4")

    assert (said.code, said.err) == (0, "")
    ((properties, body),) = site.drain("auto_seo")
    name = said.out.strip()
    assert json.loads(body) == {
        "id": name,
        "description": "Validate order 17",
        "expected_output": "A score",
    }
    assert name.startswith("seo-2")
    assert (properties.message_id, properties.content_type) == (name, "application/json")
    assert (properties.delivery_mode, properties.priority) == (2, 4)
    assert before <= properties.timestamp <= time.time()
    assert len(properties.headers["trace_id"]) == 32


def test_for_programs_it_is_one_document(site: Site, task_id: str) -> None:
    said = site.run("submit", "seo", *GOOD, "--id", task_id, "--format", "json")

    assert said.json() == {"id": task_id, "queue": "auto_seo"}


@pytest.mark.parametrize("way", ["text", "file"])
def test_the_context_is_a_json_object_or_a_file_with_one(site: Site, way: str) -> None:
    context = '{"order": {"total": 12.5}}'
    (site.folder / "order.json").write_text(context)

    said = site.run("submit", "seo", *GOOD, "--context", context if way == "text" else "order.json")

    assert said.code == 0
    ((_, body),) = site.drain("auto_seo")
    assert json.loads(body)["context"] == json.loads(context)


def test_everything_that_is_wrong_is_said_at_once_and_nothing_is_published(site: Site) -> None:
    said = site.run(
        "submit", "sao", "--id", "a\nb", "--context", "nowhere.json", "--expected-output", ""
    )

    assert (said.code, said.out) == (1, "")
    places = [line.removeprefix("error: ").split(":")[0] for line in said.err.splitlines()]
    assert places == ["--context", "AGENT", "--description", "--expected-output", "--id"]
    assert "did you mean seo?" in said.err
    assert site.drain("auto_seo") == []


def test_waiting_gives_what_the_agent_answered(
    site: Site, worker: Callable[..., Any], task_id: str
) -> None:
    worker("order")

    said = site.run("submit", "order", *GOOD, "--id", task_id, "--wait", "--timeout", "60s")

    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [task_id, f"order worked on {task_id}"]

    again = site.run("submit", "order", *GOOD, "--id", task_id, "--wait", "--format", "json")
    event = again.json()
    jsonschema.validate(event, json.loads((SCHEMAS / "event.json").read_text()))
    assert (again.code, event["task_id"], event["type"]) == (0, task_id, "task.completed")
    assert "was finished before" in again.err


def test_waiting_tells_failed_attempts_and_ends_with_1_where_the_task_is_dead_lettered(
    site: Site, worker: Callable[..., Any], task_id: str
) -> None:
    worker("order", **IMPATIENT, MAX_ATTEMPTS="2")

    said = site.run("submit", "order", *GOOD, "--id", task_id, "--wait", "--format", "json")

    assert said.code == 1
    event = said.json()
    assert (event["type"], event["attempt"]) == ("task.failed", 2)
    assert event["data"]["reason"] == "exhausted"
    first, last = said.err.splitlines()
    assert first.startswith("attempt 1 failed (")
    assert first.endswith("it is tried again")
    assert f"{task_id} was dead-lettered (exhausted, " in last
    assert f"tasks dlq show order {task_id}" in last


def test_without_an_outcome_in_time_it_says_that_the_task_goes_on(site: Site, task_id: str) -> None:
    said = site.run("submit", "order", *GOOD, "--id", task_id, "--wait", "--timeout", "1s")

    assert (said.code, said.out) == (3, f"{task_id}\n")
    assert f"no outcome of {task_id} in 1s: the task goes on" in said.err
    assert len(site.drain("auto_orders")) == 1


def waiting(site: Site, *words: str) -> subprocess.Popen[str]:
    """Start a command that submits a task and waits for its end."""
    return subprocess.Popen(
        [sys.executable, "-m", "workers", "submit", "order", *GOOD, *words, "--wait"],
        env=site.environment(),
        cwd=site.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_an_interrupt_ends_the_waiting_and_not_the_task(site: Site, task_id: str) -> None:
    process = waiting(site, "--id", task_id)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{task_id}\n"
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=30)

    assert process.returncode == 130
    assert words.splitlines() == [f"no longer waiting: {task_id} goes on", "interrupted"]
    assert len(site.drain("auto_orders")) == 1


def test_a3_an_interrupt_at_any_moment_ends_the_waiting(site: Site) -> None:
    """Also where its exception is raised amid a callback or a destructor, which swallow it."""
    for number in range(12):
        process = waiting(site)
        maps = Path(f"/proc/{process.pid}/maps")
        while process.poll() is None and "confluent_kafka" not in maps.read_text():
            time.sleep(0.01)
        time.sleep(0.1 * number)
        process.send_signal(signal.SIGINT)
        _, words = process.communicate(timeout=60)

        assert process.returncode == 130, (number, words)
        assert words.splitlines()[-1] == "interrupted"
        assert "Traceback" not in words
    site.drain("auto_orders")


def test_what_is_away_is_said_in_one_line(site: Site) -> None:
    said = site.run("submit", "order", *GOOD, RABBITMQ_PORT="1")
    assert "RabbitMQ cannot be reached: 127.0.0.1:1: " in one_line(said)
    assert said.code == 1

    said = site.run("submit", "order", *GOOD, "--wait", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    assert "Kafka cannot be reached: 127.0.0.1:1: " in one_line(said)
    assert "nothing was published" in said.err
    assert site.drain("auto_orders") == []


def test_a_refused_login_is_said_without_the_password(site: Site) -> None:
    said = site.run("submit", "order", *GOOD, RABBITMQ_PASS="not-the-password")

    assert "ACCESS_REFUSED" in one_line(said)
    assert "not-the-password" not in said.err


def test_a_queue_that_is_missing_is_said(site: Site, empty_vhost: str) -> None:
    said = site.run("submit", "order", *GOOD, RABBITMQ_VHOST=empty_vhost)

    assert "there is no queue auto_orders; bizops apply makes " in one_line(said)


def test_many_threads_share_a_client(site: Site) -> None:
    with TaskClient(site.settings()) as client, ThreadPoolExecutor(8) as threads:
        submit = lambda number: client.submit("seo", description=f"task {number}")  # noqa: E731
        ids = list(threads.map(submit, range(200)))

    bodies = [json.loads(body) for _, body in site.drain("auto_seo")]
    assert len(set(ids)) == 200
    assert {body["id"] for body in bodies} == set(ids)
    assert len(bodies) == 200


def publishers(site: Site) -> set[str]:
    """Name the clients' connections that RabbitMQ lists; a new one is listed seconds later."""
    found = site.manage("GET", f"vhosts/{site.vhost}/connections")
    ours = {"connection_name": "rabbitmq_publisher"}
    return {
        each["name"]
        for each in found
        if each.get("client_properties", {}) | ours == each.get("client_properties")
    }


@pytest.mark.slow
def test_a_client_comes_back_after_its_connection_is_lost_and_what_it_confirmed_is_there(
    site: Site,
) -> None:
    ids: list[str] = []
    done = threading.Event()
    with TaskClient(site.settings(), timeout=60) as client:

        def publish() -> None:
            while not done.is_set():
                ids.append(client.submit("seo", description="again and again"))

        threads = [threading.Thread(target=publish) for _ in range(4)]
        for thread in threads:
            thread.start()
        killed: set[str] = set()
        deadline = time.monotonic() + 60
        while len(killed) < 3 and time.monotonic() < deadline:
            for name in publishers(site) - killed:
                site.manage("DELETE", f"connections/{name}")
                killed.add(name)
            time.sleep(0.2)
        done.set()
        for thread in threads:
            thread.join(90)

    assert len(killed) == 3
    found = {json.loads(body)["id"] for _, body in site.drain("auto_seo")}
    assert set(ids) - found == set()


def test_the_errors_of_a_client_are_ours(site: Site, empty_vhost: str) -> None:
    with TaskClient(site.settings()) as client:
        with pytest.raises(InvalidTaskError) as caught:
            client.submit("nobody", description="", context={"x": object()})
        assert len(caught.value.faults) == 2
        with pytest.raises(InvalidTaskError):
            client.submit("seo", description="x" * 2_000_000)
    with (
        TaskClient(site.settings(RABBITMQ_VHOST=empty_vhost)) as client,
        pytest.raises(UnroutableError),
    ):
        client.submit("seo", description="do")
    begun = time.monotonic()
    with (
        TaskClient(site.settings(RABBITMQ_PORT="1"), timeout=1) as client,
        pytest.raises(PublishError, match=r"127\.0\.0\.1:1"),
    ):
        client.submit("seo", description="do")
    assert time.monotonic() - begun < 8


@pytest.mark.parametrize(
    "block", [each for each in all_blocks() if each.mark == "client"], ids=lambda block: block.place
)
def test_what_the_pages_show_publishes_a_task(
    site: Site, block: Block, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in site.environment().items():
        monkeypatch.setenv(name, value)

    exec(compile(block.text, block.place, "exec"), {})  # noqa: S102 - our own page

    ((_, body),) = site.drain("auto_orders")
    assert json.loads(body)["description"] == "Validate order 17"
