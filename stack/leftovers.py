"""What a killed test or benchmark left on the stack's servers: found by its name, and removed.

Whatever tests and benchmarks make on shared servers has `stack.names.own_name` in its name, which says the process
that made it: what runs now is never touched, and nothing else on the servers has such a name. Processes of another
pid namespace count as gone: tests run beside the servers, which listen on loopback alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import APIError, DockerException

from stack.engine import connect
from stack.errors import StackError
from stack.names import is_left

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.settings import Settings

SECONDS = 60


def remove_leftovers(settings: Settings) -> Counter[str]:
    """Remove what is left on RabbitMQ, Kafka and the swarm; gives how many of each kind.

    What a server refuses, or does not answer, stays for the next time.
    """
    removed: Counter[str] = Counter()
    for remove in (_remove_from_rabbitmq, _remove_from_kafka, _remove_from_swarm):
        with suppress(requests.RequestException, KafkaException, DockerException, StackError):
            removed.update(remove(settings))
    return removed


def _remove_from_rabbitmq(settings: Settings) -> Iterator[str]:
    base = f"http://127.0.0.1:{settings.rabbitmq_management_port}/api"
    with requests.Session() as session:
        session.auth = ("guest", "guest")
        session.trust_env = False
        # Users last: one may be all that can see what it made. In other vhosts all goes with the vhost.
        for kind in ("vhosts", "queues/%2F", "exchanges/%2F", "policies/%2F", "users"):
            listed = session.get(f"{base}/{kind}", timeout=SECONDS)
            listed.raise_for_status()
            for entry in listed.json():
                if is_left(entry["name"]):
                    address = f"{base}/{kind}/{quote(entry['name'], safe='')}"
                    if session.delete(address, timeout=SECONDS).ok:
                        yield kind.partition("/")[0]


def _remove_from_kafka(settings: Settings) -> Iterator[str]:
    # The client's own logger would write to standard error, twenty lines a second where a broker is down.
    quiet = logging.getLogger(f"{__name__}.kafka")
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    ports = (settings.kafka_1_port, settings.kafka_2_port, settings.kafka_3_port)
    servers = {"bootstrap.servers": ",".join(f"127.0.0.1:{port}" for port in ports)}
    admin = AdminClient(servers, logger=quiet)
    left = [name for name in admin.list_topics(timeout=SECONDS).topics if is_left(name)]
    for future in admin.delete_topics(left, request_timeout=SECONDS).values() if left else ():
        with suppress(KafkaException):
            future.result()
            yield "topics"


def _remove_from_swarm(_: Settings) -> Iterator[str]:
    client = connect(SECONDS)
    kinds: dict[str, Callable[[], list[Any]]] = {
        # Before what they use.
        "services": client.services.list,
        "networks": lambda: client.networks.list(filters={"driver": "overlay"}),
        "secrets": client.secrets.list,
        "configs": client.configs.list,
        "volumes": client.volumes.list,
    }
    for kind, list_all in kinds.items():
        for found in list_all():
            if is_left(found.name):
                with suppress(APIError):
                    found.remove()
                    yield kind
