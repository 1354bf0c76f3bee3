"""What the workers' tests on real servers share: the image, a vhost with the topology's queues, workers, commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pika
import pytest

from workers.agents import load_agent
from workers.configuration.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pika.adapters.blocking_connection import BlockingChannel

    from stack.addresses import Addresses

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def worker_image() -> str:
    """Give the name of the workers' image; building it takes two minutes once, then seconds for a change."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", "image"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def vhost(
    topics: None,
    addresses: Addresses,
    make_vhost: Callable[[], AbstractContextManager[str]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Give a vhost with the queues of the topology, declared by bizops; the topics are there for all."""
    del topics
    with make_vhost() as name:
        declare(name, tmp_path_factory.mktemp("topology") / "overlay.yaml", addresses)
        yield name


def declare(name: str, overlay: Path, addresses: Addresses) -> None:
    """Let bizops declare the queues of the seed topology in a vhost."""
    overlay.write_text(f"name: {name}\nrabbitmq: {{vhost: {name}}}\n")
    files = ["-f", "topology/bizosaas.yaml", "-f", str(overlay)]
    done = subprocess.run(
        [sys.executable, "-m", "bizops", "apply", *files, "--target", "rabbitmq.*", "-y"],
        env={
            **os.environ,
            "RABBITMQ_MANAGEMENT_URL": addresses.management,
            "KAFKA_BOOTSTRAP_SERVERS": addresses.bootstrap,
            "RABBITMQ_PASS": "guest",
            "OPENAI_API_KEY": "x",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Site:
    """One vhost: the settings of whoever works there, commands, and two witnesses: AMQP and the management API."""

    vhost: str
    folder: Path
    channel: BlockingChannel
    addresses: Addresses
    manage: Callable[..., Any]

    def environment(self, **settings: str) -> dict[str, str]:
        ours = {
            "RABBITMQ_HOST": "127.0.0.1",
            "RABBITMQ_PORT": str(self.addresses.amqp),
            "RABBITMQ_VHOST": self.vhost,
            "KAFKA_BOOTSTRAP_SERVERS": self.addresses.bootstrap,
            "REDIS_URL": f"{self.addresses.redis}/6",
            # A stack may hold what an older checkout's workers wrote less than a day ago.
            "WORKER_OLD_RECORDS": "ignore",
        }
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **ours, **settings}

    def settings(self, **settings: str) -> Settings:
        return load_settings(self.environment(**settings), runs_agents=False)

    def run(self, *arguments: str, typed: str = "", patience: float = 120, **settings: str) -> Said:
        """Run `python -m workers` to its end, in at most `patience` seconds, without a terminal."""
        done = subprocess.run(
            [sys.executable, "-m", "workers", *arguments],
            env=self.environment(**settings),
            cwd=self.folder,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            timeout=patience,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    def dlq(self, *arguments: str, patience: float = 120, **settings: str) -> Said:
        """Run `python -m workers tasks dlq`."""
        return self.run("tasks", "dlq", *arguments, patience=patience, **settings)

    def put(self, queue: str, body: bytes, **properties: Any) -> None:
        """Publish a message past the client."""
        self.channel.basic_publish(
            "", queue, body, pika.BasicProperties(**properties), mandatory=True
        )

    def drain(self, queue: str) -> list[tuple[pika.BasicProperties, bytes]]:
        """Take all that waits in a queue."""
        found = []
        while True:
            method, properties, body = self.channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found.append((properties, body))


@pytest.fixture
def site(
    vhost: str, tmp_path: Path, management: Callable[..., Any], addresses: Addresses
) -> Iterator[Site]:
    """Give the vhost with nothing in its queues."""
    # A test may leave it alone for minutes, and pika answers heartbeats only while it is asked for something.
    parameters = pika.ConnectionParameters("127.0.0.1", addresses.amqp, vhost, heartbeat=0)
    connection = pika.BlockingConnection(parameters)
    channel = connection.channel()
    channel.confirm_delivery()
    for queue in management("GET", f"queues/{vhost}"):
        channel.queue_purge(queue["name"])
    yield Site(vhost, tmp_path, channel, addresses, management)
    connection.close()


@pytest.fixture
def worker(site: Site) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Give what starts an agent with the stub engine, and comes back once it consumes; it is stopped at the end.

    `program` is Python's arguments instead of those of the command line: a worker with an agent of the test's own.
    """
    running: list[subprocess.Popen[str]] = []

    def start(agent: str, program: tuple[str, ...] = (), **settings: str) -> subprocess.Popen[str]:
        defaults = {"ENGINE": "stub", "HEALTH_PORT": "0"}
        with (site.folder / f"{agent}-{len(running)}.log").open("w") as log:
            process = subprocess.Popen(
                [sys.executable, *(program or ("-m", "workers", agent))],
                env=site.environment(**{**defaults, **settings}),
                cwd=site.folder,
                stdout=log,
                text=True,
            )
        running.append(process)
        queue = load_agent(agent).queue
        while not site.channel.queue_declare(queue, passive=True).method.consumer_count:
            assert process.poll() is None, "the worker has ended"
            site.channel.connection.sleep(0.05)
        return process

    yield start
    for process in running:
        process.terminate()
    for process in running:
        assert process.wait(30) == 0
