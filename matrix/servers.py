"""The servers of a part: a stack of its own with those alone, or nodes with another engine."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drills.servers import describe_stack, started
from stack.addresses import BROKER
from stack.engine import connect
from stack.nodes.registry import ensure_registry
from stack.nodes.swarm import open_swarm
from stack.placeholder import placeholder_names
from stack.servers import Server, list_servers
from stack.settings import load_settings
from stack.state import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matrix.parts import Part

PREFIX = "matrix-"
FIRST_PORT = 23000
SWARM = "matrix"
KAFKA_JARS = "ls /opt/kafka/libs/kafka_2.13-*.jar"
NUMBER = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True, slots=True)
class Opened:
    """Servers that run: the `version` that they say, and how a test process reaches them.

    `environment` points the tests at them; `words` stand before its command.
    """

    version: str
    environment: Mapping[str, str]
    words: tuple[str, ...] = field(default=())


@contextmanager
def opened(part: Part) -> Iterator[Opened]:
    """Start what a part needs, and remove it with its data afterwards; raises StackError.

    Raises CalledProcessError where the stack does not start: it has said why by then.
    """
    with _nodes(part) if part.engine else _stack(part) as found:
        yield found


@contextmanager
def _stack(part: Part) -> Iterator[Opened]:
    environment = describe_stack(PREFIX, FIRST_PORT, **(part.settings or {}))
    with started(environment, *part.servers):
        servers = list_servers(load_settings(environment))
        version = read_version(part, servers)
        yield Opened(version, {**environment, BROKER: part.broker})


@contextmanager
def _nodes(part: Part) -> Iterator[Opened]:
    environment = describe_stack(PREFIX, FIRST_PORT)
    swarm = open_swarm(SWARM, open_state(os.environ))
    # The stack's registry alone: it has the images, pulled or built, that the nodes get copies of.
    with started(environment, "registry"):
        settings = load_settings(environment)
        registry = connect().containers.get(f"{PREFIX}registry").attrs["Config"]["Image"]
        sources = placeholder_names(settings)
        try:
            swarm.stop()
            swarm.start(part.engine, count=part.nodes)
            pushed = {source.partition("/")[2]: source for source in sources}
            ensure_registry(swarm, registry, pushed)
            first = swarm.node(1)
            version = first.client().version()["Version"]
            yield Opened(_number(version), {}, tuple(first.inside()))
        finally:
            swarm.stop()


def read_version(part: Part, servers: Mapping[str, Server]) -> str:
    """Ask a part's server itself for its version, such as `4.3.6`; raises StackError."""
    if part.system == "kafka":
        return _number(servers["kafka-1"].run("sh", "-c", KAFKA_JARS).replace("kafka_2.13", ""))
    if part.system == "redis":
        return _number(servers["redis"].run("redis-server", "--version"))
    return _number(servers[part.broker].run("rabbitmqctl", "version"))


def _number(text: str) -> str:
    found = NUMBER.search(text)
    return found[0] if found else text.strip()
