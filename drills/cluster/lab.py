"""The clusters of the drills: started from the repository's own stack, and removed whatever happens."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from drills.cluster.harm import Containers
from drills.cluster.kafka import BROKERS, Kafka
from drills.cluster.rabbitmq import Rabbitmq
from drills.cluster.swarm import Swarm
from drills.servers import HOST, describe_stack, started
from stack.debian import RootFileSystems
from stack.engine import connect
from stack.images import Images
from stack.nodes.swarm import open_swarm
from stack.parts import base_image
from stack.report import Report
from stack.servers import list_servers
from stack.settings import load_settings
from stack.state import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drills.cluster.state import Subject

PREFIX, FIRST_PORT = "drill-", 24100
KAFKA_PREFIX, KAFKA_FIRST_PORT = "drill-kafka-", 24200
"""A stack of its own, so that each can be started and removed while the other is under drill."""
NODES = "drill"
ENGINE = "28.5"


@contextmanager
def opened(system: str, rabbitmq_version: str, *, is_kept: bool) -> Iterator[Subject]:
    """Start the cluster of a system, and remove it with its data unless it `is_kept`."""
    if system == "swarm":
        start = _swarm(is_kept=is_kept)
    elif system == "kafka":
        start = _kafka(is_kept=is_kept)
    else:
        start = _rabbitmq(rabbitmq_version, is_kept=is_kept)
    with start as subject:
        yield subject


@contextmanager
def _rabbitmq(version: str, *, is_kept: bool) -> Iterator[Subject]:
    environment = describe_stack(PREFIX, FIRST_PORT, rabbitmq_cluster_version=version)
    with started(environment, "rabbitmq-cluster", is_kept=is_kept):
        servers = list_servers(load_settings(environment))
        nodes = [servers[f"rabbitmq-{number}"] for number in (1, 2, 3)]
        yield Rabbitmq(
            Containers({f"rabbit@{node.name}": node for node in nodes}),
            [f"http://{HOST}:{node.port(15672)}" for node in nodes],
            [node.port(5672) for node in nodes],
        )


@contextmanager
def _kafka(*, is_kept: bool) -> Iterator[Subject]:
    environment = describe_stack(KAFKA_PREFIX, KAFKA_FIRST_PORT)
    with started(environment, "kafka", is_kept=is_kept):
        settings = load_settings(environment)
        servers = list_servers(settings)
        members = {f"broker {n}": servers[f"kafka-{n}"] for n in range(1, BROKERS + 1)}
        addresses = ",".join(f"{HOST}:{server.port(9092)}" for server in members.values())
        yield Kafka(Containers(members), addresses, settings.kafka_version)


@contextmanager
def _swarm(*, is_kept: bool) -> Iterator[Subject]:
    nodes = open_swarm(NODES, open_state(describe_stack(PREFIX, FIRST_PORT)))
    try:
        nodes.start(ENGINE, count=3, managers=3)
        image = _image()
        nodes.load(image)
        yield Swarm(nodes, image)
    finally:
        if not is_kept:
            nodes.stop()


def _image() -> str:
    """Give the stack's base of images for services, which has a shell; built where it is not there yet."""
    environment = describe_stack(PREFIX, FIRST_PORT)
    state, report = open_state(environment), Report()
    with report.step("image", "ready") as step:
        images = Images(connect(), state, RootFileSystems(state, report))
        return images.ensure(base_image(load_settings(environment)), step)
