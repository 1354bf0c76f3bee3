"""The commands against the real RabbitMQ and Kafka: all steps, the lock, and systems that do not answer."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.request
from typing import TYPE_CHECKING

import pytest

from bizops import provider
from bizops.provider import Options
from stack.addresses import read_addresses
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bizops.provider import Lease
    from tests.cli.conftest import Bench

pytestmark = pytest.mark.integration

ADDRESSES = read_addresses(os.environ)
AMQP = f"amqp://127.0.0.1:{ADDRESSES.amqp}"
PASSWORD = "not-the-password-81c3"
TOPOLOGY = """\
bizops: 1
name: {name}
connections:
  rabbitmq: {{url: "${{RABBIT:-{url}}}", amqp_url: "{amqp}", username: guest, password: "${{PASSWORD:-guest}}"}}
  kafka: {{bootstrap.servers: "${{KAFKA:-{kafka}}}"}}
rabbitmq:
  owns: {{queues: ["{name}_*"]}}
  queues:
    {name}_q: {{message_ttl: 1h}}
kafka:
  owns: {{topics: ["{name}.*"]}}
  topics:
    {name}.t: {{partitions: 2, replication_factor: 1}}
"""


class Real:
    """A topology of one queue and one topic with names of its own."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.name = own_name()
        (bench.folder / "bizops.yaml").write_text(
            TOPOLOGY.format(
                name=self.name, url=ADDRESSES.management, amqp=AMQP, kafka=ADDRESSES.bootstrap
            )
        )

    def call(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Call bizops itself."""
        return subprocess.run(
            [sys.executable, "-m", "bizops", *arguments],
            cwd=self._bench.folder,
            env=self._bench.environ(**environ),
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    def ask_rabbitmq(self, method: str, path: str, body: object = None) -> int:
        """Ask the management API and give the status."""
        request = urllib.request.Request(  # noqa: S310 - our own loopback URL
            f"{ADDRESSES.management}/api/{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={
                "Authorization": f"Basic {base64.b64encode(b'guest:guest').decode()}",
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - see above
            return int(answer.status)


@pytest.fixture
def real(bench: Bench) -> Iterator[Real]:
    """Give the topology, and take away what is left of it."""
    made = Real(bench)
    yield made
    made.call("destroy", "-y", "--confirm", made.name, "--allow-data-loss", "*")


def test_plan_apply_drift_repair_and_destroy(real: Real) -> None:
    """The story of one queue and one topic, told by exit codes."""
    assert real.call("drift").returncode == 2
    applied = real.call("apply", "-y")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    assert real.call("plan", "--detailed-exitcode").returncode == 0
    assert real.call("drift").returncode == 0
    real.ask_rabbitmq("DELETE", f"queues/%2F/{real.name}_q")
    real.ask_rabbitmq("PUT", f"queues/%2F/{real.name}_stray", {"durable": True})
    drift = real.call("drift")
    assert drift.returncode == 2
    assert f"MISSING    rabbitmq.queue/{real.name}_q" in drift.stdout
    assert f"UNMANAGED  rabbitmq.queue/{real.name}_stray" in drift.stdout
    assert real.call("apply", "-y", "--prune").returncode == 0
    assert real.call("drift").returncode == 0
    destroyed = real.call(
        "destroy", "-y", "--confirm", real.name, "--allow-data-loss", "kafka.topic/*"
    )
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert real.call("drift").returncode == 2


@contextlib.contextmanager
def held(lease: Lease) -> Iterator[None]:
    """Take a lease and keep it from expiring, as an apply that runs does."""
    assert lease.take() == ""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(5):
            lease.take()

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()


def test_a_held_lock_is_waited_for_named_and_freed(real: Real) -> None:
    """Another holder keeps an apply away until the lock is freed; --lock=false goes past it."""
    rabbitmq = provider.definition("rabbitmq")
    connection = rabbitmq.connection.model_validate(
        {"url": ADDRESSES.management, "username": "guest", "password": "guest"}
    )
    connected = rabbitmq.connect(connection, rabbitmq.settings(), Options())
    lease = connected.lease(real.name, "somebody@elsewhere:1")
    assert lease is not None
    assert real.call("plan", "--detailed-exitcode").returncode == 2
    with held(lease):
        kept_away = real.call("apply", "-y", "--lock-timeout", "1")
    assert kept_away.returncode == 1
    assert "somebody@elsewhere:1" in kept_away.stderr
    assert "bizops unlock" in kept_away.stderr
    assert lease.take() == ""
    assert "somebody@elsewhere:1" in real.call("unlock").stdout
    connected.close()
    assert real.call("apply", "-y", "--lock-timeout", "1").returncode == 0


def test_a_system_that_is_down_leaves_the_others_reported(real: Real) -> None:
    """The plan is incomplete, says nothing of creating what it could not look for, and names the setting."""
    assert real.call("apply", "-y").returncode == 0
    found = real.call("drift", "--timeout", "3", RABBIT="http://127.0.0.1:1")
    assert found.returncode == 3
    assert "MISSING" not in found.stdout
    assert "NOT READ   rabbitmq" in found.stdout
    assert "bizops.yaml:4:" in found.stderr
    assert "from RABBIT" in found.stderr
    assert "kafka was" in found.stderr
    found = real.call("apply", "-y", "--timeout", "3", KAFKA="127.0.0.1:1")
    assert found.returncode == 3
    assert "kafka" in found.stderr
    assert len(found.stderr.splitlines()) < 10


def test_a_lock_that_cannot_be_taken_says_so_and_what_to_do(real: Real) -> None:
    """A target without RabbitMQ still takes its lock there, so the error must not look like a read that failed."""
    words = ("apply", "-y", "--target", "kafka.*", "--timeout", "3")
    found = real.call(*words, RABBIT="http://127.0.0.1:1")
    assert found.returncode == 1
    assert "the lock cannot be taken: http://127.0.0.1:1 refused the connection" in found.stderr
    assert "--lock=false" in found.stderr
    assert real.call("plan", "--target", "kafka.*", "--detailed-exitcode").returncode == 2
    assert real.call(*words, "--lock=false", RABBIT="http://127.0.0.1:1").returncode == 0


def test_a_refused_password_is_never_printed(real: Real) -> None:
    """Neither as text nor as JSON nor in a traceback."""
    for arguments in (
        ("plan",),
        ("plan", "-o", "json"),
        ("status", "--debug"),
        ("unlock", "--debug"),
    ):
        found = real.call(*arguments, PASSWORD=PASSWORD)
        assert found.returncode in {1, 3}
        assert PASSWORD not in found.stdout + found.stderr
    assert (
        "connections.rabbitmq.password, from PASSWORD"
        in real.call("plan", PASSWORD=PASSWORD).stderr
    )
