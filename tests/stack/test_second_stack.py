from __future__ import annotations

import dataclasses
import os
import random
import socket
import subprocess
import sys
import uuid
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stack.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.disruptive,
    pytest.mark.timeout(300),
]

PORTS = [
    field.name.upper() for field in dataclasses.fields(Settings) if field.name.endswith("_port")
]


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment for a second stack on the same engine, with a state of its own."""
    prefix = f"t{uuid.uuid4().hex[:8]}-"
    values = {
        **os.environ,
        "XDG_STATE_HOME": str(tmp_path),
        "BIZOPS_STACK_PREFIX": prefix,
        "BIZOPS_STACK_NETWORK": f"{prefix}net",
    }
    with ExitStack() as servers:
        # Below the ports that Linux gives to clients: one of those may be taken before the engine publishes it.
        ports = iter(range(random.randrange(25_000, 32_000), 32_768))  # noqa: S311 - no secret
        for name in PORTS:
            values[f"BIZOPS_STACK_{name}"] = str(reserve(ports, servers))
    yield values
    call(values, "reset")
    registry = f"127.0.0.1:{values['BIZOPS_STACK_REGISTRY_PORT']}/bizops/placeholder"
    # By name: the same image may be the first stack's as well.
    docker("rmi", f"{registry}:1", f"{registry}:2")


def reserve(ports: Iterator[int], servers: ExitStack) -> int:
    """Take the next port that nobody listens on, until `servers` is left."""
    for port in ports:
        try:
            servers.enter_context(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        return port
    pytest.fail("no port is free")


def call(environment: dict[str, str], command: str) -> str:
    """Call the second stack, which has to succeed, and give what it reports."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", command],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def docker(*arguments: str) -> str:
    """Call the docker CLI and give what it prints."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_stop_keeps_data_reset_drops_it_and_neither_touches_another_stack(
    environment: dict[str, str],
) -> None:
    """The stack undoes what it did, all of it, and nothing else."""
    # Given a second stack with a key in its Redis, beside the first one
    prefix = environment["BIZOPS_STACK_PREFIX"]
    first = ("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", "rabbitmq", "kafka-1", "registry")
    before = docker(*first)
    call(environment, "start")
    docker("exec", f"{prefix}redis", "redis-cli", "set", "key", "kept")
    # When it is stopped
    call(environment, "stop")
    # Then its containers and its network are gone, and its data is not
    assert not docker("ps", "-aq", "--filter", f"name={prefix}")
    assert not docker("network", "ls", "-q", "--filter", f"name={prefix}")
    assert len(docker("volume", "ls", "-q", "--filter", f"name={prefix}").split()) == 6
    # When it is started again
    call(environment, "start")
    # Then the key is there
    assert docker("exec", f"{prefix}redis", "redis-cli", "get", "key") == "kept"
    # When it is reset
    call(environment, "reset")
    # Then nothing of it is left, and the first stack ran on all the time
    assert not docker("ps", "-aq", "--filter", f"name={prefix}")
    assert not docker("volume", "ls", "-q", "--filter", f"name={prefix}")
    assert docker(*first) == before
