"""Where the servers of a stack answer, for all that connect to them: tests, drills, benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stack.errors import StackError
from stack.parts import list_parts
from stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
AMQP, MANAGEMENT = 5672, 15672
BROKER = "BIZOPS_TEST_RABBITMQ"
"""The variable that names the part which is meant by "the" RabbitMQ, such as ``rabbitmq-1`` of a cluster."""


@dataclass(frozen=True)
class Addresses:
    """The addresses on this machine. ``rabbitmq`` names the part of the broker that is meant.

    ``amqp`` is a port; ``management`` a URL without a path, ``redis`` one without a database;
    ``kafka`` has the three brokers as HOST:PORT, ``registry`` is one; ``network`` is that of their containers.
    """

    rabbitmq: str
    amqp: int
    management: str
    kafka: tuple[str, str, str]
    redis: str
    registry: str
    network: str

    @property
    def bootstrap(self) -> str:
        """The first Kafka broker, as most clients are given one address alone."""
        return self.kafka[0]


def read_addresses(environment: Mapping[str, str]) -> Addresses:
    """Give the addresses of the stack that the environment describes (``BIZOPS_STACK_...``).

    Nothing is connected to. Raises StackError where a variable is wrong.
    """
    settings = load_settings(environment)
    parts = {part.name: part for part in list_parts(settings)}
    rabbitmq = environment.get(BROKER) or "rabbitmq"
    if rabbitmq not in parts or MANAGEMENT not in parts[rabbitmq].ports:
        message = f"{BROKER} is {rabbitmq!r}: no RabbitMQ of the stack has this name"
        raise StackError(message, "give rabbitmq, rabbitmq-310 or rabbitmq-1")
    ports = parts[rabbitmq].ports
    return Addresses(
        rabbitmq=rabbitmq,
        amqp=ports[AMQP],
        management=f"http://{HOST}:{ports[MANAGEMENT]}",
        kafka=(
            f"{HOST}:{settings.kafka_1_port}",
            f"{HOST}:{settings.kafka_2_port}",
            f"{HOST}:{settings.kafka_3_port}",
        ),
        redis=f"redis://{HOST}:{settings.redis_port}",
        registry=f"{HOST}:{settings.registry_port}",
        network=settings.network,
    )
