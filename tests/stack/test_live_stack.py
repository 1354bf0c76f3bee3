from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING

import pytest

from stack.servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.disruptive, pytest.mark.timeout(180)]

PARTS = ("rabbitmq", "kafka-1", "kafka-2", "kafka-3", "redis", "registry", "llm")
OPTIONAL = "rabbitmq-310"
PLACEHOLDER = "127.0.0.1:5000/bizops/placeholder:1"


def call(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Call the stack as the Makefile does, with settings by their environment variables."""
    environment = {**os.environ, **{f"BIZOPS_STACK_{k.upper()}": v for k, v in settings.items()}}
    return subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


def docker(*arguments: str) -> str:
    """Call the docker CLI, which knows nothing of the stack, and give what it prints."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def started_at() -> dict[str, str]:
    """Give each part's container id with the moment of its start."""
    lines = docker("inspect", "-f", "{{.Name}} {{.Id}} {{.State.StartedAt}}", *PARTS).splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_the_status_of_a_stack_that_is_up_is_healthy() -> None:
    """Every part is named with its address, and the exit code is 0."""
    # Given the stack
    # When its status is asked for
    done = call("status")
    # Then every part is there and healthy
    assert done.returncode == 0, done.stdout
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    for part in PARTS:
        assert "127.0.0.1:" in lines[part]
        assert "healthy" in lines[part]


def test_a_second_start_touches_nothing() -> None:
    """Whoever types `make stack` again disturbs nobody's work."""
    # Given the stack
    before = started_at()
    # When it is started again
    done = call("start")
    # Then every container is the same, started at the same moment
    assert done.returncode == 0, done.stderr
    assert started_at() == before


@pytest.mark.parametrize(
    "take_down",
    [lambda redis: redis.stop(1), Server.pause, lambda redis: docker("rm", "-f", redis.name)],
    ids=["stop", "pause", "rm"],
)
def test_a_part_that_was_taken_down_is_brought_back_with_its_data(
    take_down: Callable[[Server], object], servers: dict[str, Server]
) -> None:
    """A start repairs what is down, and leaves what is up."""
    # Given a key in Redis, and Redis taken down
    key = f"stack-test-{uuid.uuid4().hex}"
    docker("exec", "redis", "redis-cli", "set", key, "kept")
    before = started_at()
    take_down(servers["redis"])
    try:
        status = call("status")
        # When the stack is started
        done = call("start")
        # Then the status had said so, Redis has the key, and nothing else was started anew
        assert status.returncode == 1, status.stdout
        assert done.returncode == 0, done.stderr
        assert docker("exec", "redis", "redis-cli", "get", key) == "kept"
        after = started_at()
        assert {name for name in PARTS if after[f"/{name}"] != before[f"/{name}"]} <= {"redis"}
    finally:
        call("start")
        docker("exec", "redis", "redis-cli", "del", key)


def test_an_optional_part_that_stands_still_is_no_fault(servers: dict[str, Server]) -> None:
    """Only who asked for it needs it, and a machine that was off has it standing still."""
    # Given the older RabbitMQ, stopped
    assert call("start", "--with", OPTIONAL).returncode == 0
    docker("stop", "-t", "1", OPTIONAL)
    try:
        # When the status is asked for
        status = call("status")
        # Then it is told, and the stack is healthy
        (line,) = (line for line in status.stdout.splitlines() if line.startswith(OPTIONAL))
        assert line.endswith(" ago (optional)")
        assert status.returncode == 0, status.stdout
        # And paused, it holds up whoever asked for it
        servers[OPTIONAL].start()
        servers[OPTIONAL].pause()
        assert call("status").returncode == 1
    finally:
        call("start", "--with", OPTIONAL)


def test_a_used_port_is_refused_with_its_holder_before_anything_is_made() -> None:
    """Another project on our ports gets no half of a stack beside it."""
    # Given a second stack that would use the ports of the first
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    # When it is started
    done = call("start", prefix=prefix, network=f"{prefix}net")
    # Then every used port is named with its container, and nothing was made
    assert done.returncode == 1
    assert "redis: port 6379 is in use by container redis" in done.stderr
    assert "registry: port 5000 is in use by container registry" in done.stderr
    assert "Traceback" not in done.stderr
    assert not docker("ps", "-aq", "--filter", f"name={prefix}")
    assert not docker("network", "ls", "-q", "--filter", f"name={prefix}")


@pytest.fixture
def foreign_prefix() -> Iterator[str]:
    """A prefix under which a container called redis exists that the stack did not make."""
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    docker("create", "--name", f"{prefix}redis", PLACEHOLDER)
    yield prefix
    docker("rm", "-f", f"{prefix}redis")


def test_a_container_of_somebody_else_is_never_taken_over(foreign_prefix: str) -> None:
    """What the stack did not make it neither starts nor removes."""
    # Given somebody else's container with a name that the stack would use
    before = docker("inspect", "-f", "{{.Id}} {{.State.Status}}", f"{foreign_prefix}redis")
    # When that stack is started
    done = call("start", prefix=foreign_prefix, network=f"{foreign_prefix}net")
    # Then it is refused by name, and the container is as it was
    assert done.returncode == 1
    assert f"{foreign_prefix}redis exists that the stack did not make" in done.stderr
    after = docker("inspect", "-f", "{{.Id}} {{.State.Status}}", f"{foreign_prefix}redis")
    assert after == before


def test_the_brokers_own_tools_run_inside_their_containers() -> None:
    """Tests have witnesses that are independent of our clients."""
    # Given the stack
    topic = f"stack-test-{uuid.uuid4().hex}"
    # When Kafka's own tool makes a topic through one broker
    docker(
        "exec", "kafka-1", "kafka-topics", "--create", "--topic", topic, "--replication-factor", "3"
    )
    try:
        # Then another broker's tool lists it, and RabbitMQ's tool names its node
        assert topic in docker("exec", "kafka-2", "kafka-topics", "--list").splitlines()
        status = json.loads(docker("exec", "rabbitmq", "rabbitmqctl", "status", "--formatter=json"))
        assert status["rabbitmq_version"].startswith("4.")
    finally:
        docker("exec", "kafka-1", "kafka-topics", "--delete", "--topic", topic)


def test_the_placeholder_image_has_two_versions_with_different_digests() -> None:
    """A service can be moved from one version to the other, and the registry says which is which."""
    # Given the local registry
    # When both versions are pulled
    digests = set()
    for version in ("1", "2"):
        name = f"127.0.0.1:5000/bizops/placeholder:{version}"
        docker("pull", "-q", name)
        digests.add(docker("inspect", "-f", "{{index .RepoDigests 0}}", name))
    # Then they differ
    assert len(digests) == 2
