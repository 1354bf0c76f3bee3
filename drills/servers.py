"""The servers that drills use: a second stack that they may break, or the first one for those that break nothing."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import redis
import requests

from stack.addresses import read_addresses
from stack.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "drills-"
FIRST_PORT = 24000
"""Of the second stack; each of its ports may be set as for the first one, by BIZOPS_STACK_..._PORT.

Below 32768, where Linux takes the ports of clients from: a port that a client has cannot be published.
"""
HOST = "127.0.0.1"
LOGIN = ("guest", "guest")


@dataclass(frozen=True, slots=True)
class Servers:
    """Where the servers are; `prefix` is that of their containers. Redis' database is the drills' own.

    `model` is the stub of a provider, as OpenAI's API.
    """

    prefix: str
    rabbitmq_port: int
    management: str
    kafka: str
    redis_url: str
    model: str

    def docker(self, verb: str, *containers: str) -> None:
        """Do something to containers, such as `pause`, `kill` or `start`."""
        names = [f"{self.prefix}{container}" for container in containers]
        subprocess.run(["docker", verb, *names], check=True, capture_output=True)

    def crash(self, container: str, seconds: float) -> None:
        """Kill -9 a server, and start it again so many seconds later."""
        self.docker("kill", container)
        try:
            time.sleep(seconds)
        finally:
            self.docker("start", container)

    def versions(self) -> str:
        """Say which servers these are."""
        overview = requests.get(f"{self.management}/api/overview", auth=LOGIN, timeout=10).json()
        with redis.Redis.from_url(self.redis_url) as client:
            found: Any = client.info("server")
        return (
            f"RabbitMQ {overview['rabbitmq_version']}, three brokers of Kafka {Settings().kafka_version}, "
            f"Redis {found['redis_version']}"
        )

    def execute(self, container: str, *command: str) -> None:
        """Run a command in a container."""
        subprocess.run(
            ["docker", "exec", f"{self.prefix}{container}", *command],
            check=True,
            capture_output=True,
        )


def first_stack() -> Servers:
    """Give the servers of the stack that the environment describes (`BIZOPS_STACK_...`); raises StackError."""
    addresses = read_addresses(os.environ)
    settings = load_settings(os.environ)
    return Servers(
        prefix=settings.prefix,
        rabbitmq_port=addresses.amqp,
        management=addresses.management,
        kafka=addresses.bootstrap,
        redis_url=f"{addresses.redis}/9",
        model=f"http://{HOST}:{settings.llm_port}/v1",
    )


BROKERS = ("kafka-1", "kafka-2", "kafka-3")


def describe_stack(prefix: str, first_port: int, **settings: str) -> dict[str, str]:
    """Give the environment of a stack beside the first one.

    Its ports count from `first_port` on, unless variables BIZOPS_STACK_..._PORT name others.

    `settings` are some of the stack's own by name, such as `kafka_version`.
    """
    names = [field.name for field in dataclasses.fields(Settings) if field.name.endswith("_port")]
    ports = {
        name: os.environ.get(f"BIZOPS_STACK_{name.upper()}", str(number))
        for number, name in enumerate(names, first_port)
    }
    chosen = {"prefix": prefix, "network": f"{prefix}network", **ports, **settings}
    return {
        "XDG_STATE_HOME": str(Path.home() / ".local" / "state" / f"bizops-{prefix.strip('-')}"),
        **{f"BIZOPS_STACK_{name.upper()}": value for name, value in chosen.items()},
    }


@contextmanager
def started(environment: Mapping[str, str], *only: str, is_kept: bool = False) -> Iterator[None]:
    """Start the stack that an environment describes, or `only` some parts of it.

    It is removed with its data afterwards, unless it `is_kept`.
    """

    def call(*command: str) -> None:
        words = [sys.executable, "-m", "stack", *command]
        subprocess.run(words, env={**os.environ, **environment}, check=True)

    try:
        call("start", *(word for part in only for word in ("--only", part)))
        yield
    finally:
        if not is_kept:
            call("reset")


@contextmanager
def second_stack(*, is_kept: bool) -> Iterator[Servers]:
    """Start a stack beside the first one, and remove it with its data unless it `is_kept`."""
    environment = describe_stack(PREFIX, FIRST_PORT)
    with started(environment, is_kept=is_kept):
        settings = load_settings(environment)
        brokers = (settings.kafka_1_port, settings.kafka_2_port, settings.kafka_3_port)
        yield Servers(
            prefix=PREFIX,
            rabbitmq_port=settings.rabbitmq_port,
            management=f"http://{HOST}:{settings.rabbitmq_management_port}",
            kafka=",".join(f"{HOST}:{port}" for port in brokers),
            redis_url=f"redis://{HOST}:{settings.redis_port}/9",
            model=f"http://{HOST}:{settings.llm_port}/v1",
        )
