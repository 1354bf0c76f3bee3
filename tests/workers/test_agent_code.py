"""What an agent's own code raises costs its task, and never the worker (W1, W7)."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Consumer

from stack.names import own_name
from workers.events.follower import find_ends
from workers.protocol.task import MAX_SAID

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    import pika

    from tests.workers.conftest import Site

pytestmark = pytest.mark.integration
QUEUE, DLQ = "auto_orders", "auto_orders.dlq"
KEY = "sk-proj-made-up-4711"
SECRET = "open-sesame-4711"

AGENT = '''\
"""Raises what its task says."""

import os
import sys

from workers import logs
from workers.agents.order import OrderWorker
from workers.engine.interface import Answer
from workers.protocol.usage import Usage
from workers.errors import PermanentError, TransientError
from workers.configuration.settings import load_settings


class Mute(PermanentError):
    def __init__(self):
        pass


class Wordless(Exception):
    def __str__(self):
        raise ValueError("no words")


class Raising(OrderWorker):
    def process_task(self, task, deadline):
        match task.description:
            case "sys.exit":
                sys.exit(3)
            case "KeyboardInterrupt":
                raise KeyboardInterrupt
            case "GeneratorExit":
                raise GeneratorExit
            case "BaseException":
                raise BaseException("of its own")
            case "Wordless":
                raise Wordless
            case "NoneType":
                return None
            case "no text":
                return Answer(None, "m/x", Usage())
            case "no usage":
                return Answer("x", "m/x", None)
            case "no number":
                return Answer("x", "m/x", Usage(1, float("nan"), 2))
            case "no model":
                return Answer("x", object(), Usage())
            case "mute":
                raise Mute
            case "no class":
                raise PermanentError("x", error_class=object())
            case "large class":
                raise PermanentError("x", error_class="y" * 140_000)
            case "half a character":
                raise PermanentError("bad \\ud83d", error_class="y")
            case "slow to redact":
                raise SystemExit("-eyJ" * 30_000)
            case "secret":
                raise SystemExit(f"Incorrect API key provided: {os.environ['OPENAI_API_KEY']}")
            case "another's secret":
                raise SystemExit("refused: Bearer abcdefgh12345678, postgres://u:hunter2@db/x")
            case "provider away":
                raise TransientError("down", error_class="provider_error", is_provider=True)
            case "secret class":
                secret = os.environ["ANTHROPIC_API_KEY"]
                raise PermanentError("refused", error_class=f"key_{secret}")
            case "secret answer":
                secret = os.environ["ANTHROPIC_API_KEY"]
                return Answer(f'{{"decision": "use {secret}"}}', f"own/{secret}", Usage(1))
        return super().process_task(task, deadline)


settings = load_settings(os.environ)
logs.configure(settings.log_level, settings.redactor())
code = Raising(settings).start()
sys.stdout.flush()
os._exit(code)
'''


@pytest.fixture
def raising(
    site: Site, worker: Callable[..., subprocess.Popen[str]], unused_port: Callable[[], int]
) -> int:
    """Start a worker of two slots whose agent raises what its task says; gives the port of its health."""
    script = site.folder / "agent.py"
    script.write_text(AGENT)
    port = unused_port()
    settings = {"CONCURRENCY": "2", "HEALTH_PORT": str(port), "OPENAI_API_KEY": KEY}
    settings |= {"ANTHROPIC_API_KEY": SECRET, "BREAKER_FAILURES": "1", "BREAKER_PAUSE": "3s"}
    worker("order", (str(script),), MAX_ATTEMPTS="1", **settings)
    return port


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """Give the status and the body of an endpoint."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def buried(site: Site, count: int) -> dict[str, pika.BasicProperties]:
    """Wait for so many dead letters, and give their properties by their tasks' ids."""
    found: list[tuple[pika.BasicProperties, bytes]] = []
    end = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < end, found
        found += site.drain(DLQ)
        site.channel.connection.sleep(0.1)
    return {json.loads(body)["id"]: properties for properties, body in found}


@pytest.mark.parametrize("path", ["livez", "readyz"])
def test_w1_whatever_an_agent_raises_its_slot_returns(site: Site, raising: int, path: str) -> None:
    # Given more tasks that raise than the worker has slots, and good ones behind them
    kinds = [
        "sys.exit",
        "KeyboardInterrupt",
        "GeneratorExit",
        "BaseException",
        "Wordless",
        "NoneType",
    ]
    names = {f"{own_name()}-{kind}": kind for kind in kinds}
    for name, kind in names.items():
        site.put(QUEUE, task(name, kind))

    # When a task comes after them
    done = site.run("submit", "order", "--description", "good", "--wait", "--timeout", "60s")

    # Then it is done, and each of them is a dead letter that names the class
    assert done.code == 0, done.err
    letters = buried(site, len(names))
    for name, kind in names.items():
        headers: dict[str, Any] = letters[name].headers or {}
        is_exit = kind not in {"Wordless", "NoneType"}
        assert headers["error_class"] == ("agent_exit" if is_exit else "agent_error")
        assert headers["reason"] == ("exhausted" if kind == "Wordless" else "permanent")
        assert ("SystemExit: 3" if kind == "sys.exit" else kind) in headers["error"]
    assert ask(raising, path)[0] == 200


def test_a_worker_is_ready_while_it_takes_tasks_and_alive_also_while_it_takes_none(
    site: Site, raising: int
) -> None:
    assert ask(raising, "readyz")[0] == 200

    site.put(QUEUE, task(own_name(), "provider away"))

    def wait_for(status: int) -> dict[str, Any]:
        end = time.monotonic() + 30
        while (found := ask(raising, "readyz"))[0] != status:
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found[1]

    # No task is taken while the breaker is open, and one is after its pause
    down = wait_for(503)
    assert (down["ready"], down["provider"], down["consumer"]) == (False, False, True)
    assert ask(raising, "livez")[0] == 200
    assert wait_for(200)["provider"]


def test_w1_what_no_try_helps_is_paid_for_once(site: Site, raising: int) -> None:
    """Whatever is odd about an answer or an error: it is the agent's failure, and no defect in the worker."""
    # Given agents that give back and raise what cannot be read, told or published
    kinds = [
        *("no text", "no usage", "no number", "no model", "mute", "no class", "large class"),
        *("half a character", "slow to redact"),
    ]
    names = {f"{own_name()}-{kind}": kind for kind in kinds}
    for name, kind in names.items():
        site.put(QUEUE, task(name, kind))

    # When a task comes after them
    done = site.run("submit", "order", "--description", "good", "--wait", "--timeout", "60s")

    # Then it is done, each of them was run once, and is a dead letter
    assert done.code == 0, done.err
    letters = buried(site, len(names))
    found = {kind: letters[name].headers or {} for name, kind in names.items()}
    assert {headers["reason"] for headers in found.values()} == {"permanent"}
    assert found["half a character"]["error"] == "bad \\ud83d"
    assert found["large class"]["error_class"] == "agent_error"
    with urllib.request.urlopen(f"http://127.0.0.1:{raising}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert f'agent_worker_run_seconds_count{{agent="order"}} {len(kinds) + 1:.1f}' in text
    assert "} nan" not in text.lower()


def test_w7_a_secret_in_an_exception_is_in_no_event_dead_letter_or_log(
    site: Site, raising: int
) -> None:
    del raising
    consumer = Consumer({"bootstrap.servers": site.addresses.bootstrap, "group.id": own_name()})
    consumer.assign(find_ends(consumer, ("ai.errors",)))
    names = {f"{own_name()}-{kind}": kind for kind in ("secret", "another's secret")}
    for name, kind in names.items():
        site.put(QUEUE, task(name, kind))

    letters = buried(site, len(names))

    told = events(consumer, set(names), len(names))
    log = "".join(path.read_text() for path in Path(site.folder).glob("*.log"))
    everything = f"{[each.headers for each in letters.values()]} {told} {log}"
    assert "Incorrect API key provided: (hidden)" in everything
    assert "postgres://(hidden)@db/x" in everything
    assert [s for s in (KEY, "abcdefgh12345678", "hunter2") if s in everything] == []


def test_w7_a_secret_is_in_no_answer_model_class_or_fault_that_leaves_a_worker(
    site: Site, raising: int
) -> None:
    # Given an agent that answers one, names its model so and its error, and a body that a fault quotes the half of
    topics = ("ai.completions", "ai.decisions", "ai.errors", "audit.trail", "analytics.metrics")
    consumer = Consumer({"bootstrap.servers": site.addresses.bootstrap, "group.id": own_name()})
    consumer.assign(find_ends(consumer, topics))
    answering, failing, invalid = (f"{own_name()}-{kind}" for kind in ("a", "f", "i"))
    site.put(QUEUE, task(answering, "secret answer"))
    site.put(QUEUE, task(failing, "secret class"))
    # As a fault begins: `['xxx...secret'] is not of type 'string'`
    halved = ["x" * (MAX_SAID - 2 - len(SECRET) // 2) + SECRET]
    site.put(QUEUE, json.dumps({"id": invalid, "description": halved}).encode())

    # When they end
    letters = buried(site, 2)

    told = events(consumer, {answering, failing, invalid}, 4 + 3 + 3)
    with urllib.request.urlopen(f"http://127.0.0.1:{raising}/metrics", timeout=10) as answer:
        metrics = answer.read().decode()
    log = "".join(path.read_text() for path in Path(site.folder).glob("*.log"))
    everything = f"{[each.headers for each in letters.values()]} {told} {metrics} {log}"
    assert '"decision": "use (hidden)"' in "".join(told)
    assert 'model="own/(hidden)"' in metrics
    assert letters[failing].headers["error_class"] == "key_(hidden)"
    assert SECRET[:6] not in everything


def events(consumer: Consumer, tasks: set[str], count: int) -> list[str]:
    """Wait for so many events of these tasks, and give them as they are."""
    found: list[str] = []
    end = time.monotonic() + 60
    while len(found) < count:
        assert time.monotonic() < end, found
        message = consumer.poll(1)
        is_ours = message and not message.error() and (message.key() or b"").decode() in tasks
        found += [(message.value() or b"").decode()] if message and is_ours else []
    consumer.close()
    return found


def task(name: str, description: str) -> bytes:
    return json.dumps({"id": name, "description": description, "expected_output": "x"}).encode()
