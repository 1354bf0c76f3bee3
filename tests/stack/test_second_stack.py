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

from stack.servers import open_servers
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


def call(environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    """Call the second stack, which has to end with this code, and give what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def docker(*arguments: str) -> str:
    """Call the docker CLI and give what it prints."""
    return subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.long
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


@pytest.mark.cluster
def test_a_cluster_is_formed_mended_and_told_of_node_by_node(environment: dict[str, str]) -> None:
    """Whoever drills a cluster breaks it in every way, and wants it whole for the next drill."""
    # Given a cluster with a queue, beside the other parts
    with_cluster = ("start", "--with", "rabbitmq-cluster")
    call(environment, *with_cluster)
    servers = open_servers(environment)
    nodes = [servers[f"rabbitmq-{number}"] for number in (1, 2, 3)]
    declare = 'rabbit_amqqueue:declare(rabbit_misc:r(<<"/">>, queue, <<"kept">>), true, false, [], none, <<"t">>).'
    nodes[0].run("rabbitmqctl", "eval", declare)
    # When one node is killed, and the broker of another is stopped
    nodes[2].kill()
    nodes[1].run("rabbitmqctl", "stop_app")
    # Then the status says so of each
    lines = {line.split()[0]: line for line in call(environment, "status", code=1).splitlines()}
    assert "killed " in lines["rabbitmq-3"]
    assert "not healthy (" in lines["rabbitmq-2"]
    assert f"rabbit@{nodes[2].name} is down" in lines["rabbitmq-1"]
    # And a start makes it whole
    assert "the stack is up" in call(environment, *with_cluster)
    # When all are stopped, one after the other, and one loses its data
    for node in nodes:
        node.stop()
    docker("rm", nodes[1].name)
    docker("volume", "rm", nodes[1].part.volume_name)
    # Then a start makes it whole, with its data
    call(environment, *with_cluster)
    assert "kept" in nodes[1].run("rabbitmqctl", "list_queues", "name")
    # When a part does not stay up
    servers["kafka-2"].kill()
    # Then the others say what is missing
    lines = {line.split()[0]: line for line in call(environment, "status", code=1).splitlines()}
    assert "killed " in lines["kafka-2"]
