"""RabbitMQ: one node, one of the old end, and a cluster of three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stack.parts.model import Part, image, read
from stack.settings import is_default
from stack.versions import RABBITMQ

if TYPE_CHECKING:
    from stack.parts.model import Image
    from stack.settings import Settings

CLUSTER = "rabbitmq-cluster"
NODES = 3
OLD = "3.10"
FOLDER = "/var/lib/rabbitmq"
# The nodes of one cluster share it. It opens nothing but brokers in a network of their own that take guest/guest.
COOKIE = "BIZOPSSTACKCOOKIE"


def rabbitmq(settings: Settings) -> Part:
    """Give the broker that everybody uses."""
    version = settings.rabbitmq_version
    return Part(
        name="rabbitmq",
        container=f"{settings.prefix}rabbitmq",
        service="rabbitmq",
        label=settings.label,
        image=_image(settings.rabbitmq_image, version),
        ports={5672: settings.rabbitmq_port, 15672: settings.rabbitmq_management_port},
        volume=FOLDER,
        data_version="" if is_default("rabbitmq_version", version) else version,
        files=_files(),
    )


def rabbitmq_310(settings: Settings) -> Part:
    """Give the broker of the old end, beside the other; started only when it is asked for."""
    return Part(
        name="rabbitmq-310",
        container=f"{settings.prefix}rabbitmq-310",
        service="rabbitmq",
        label=settings.label,
        image=_image(settings.rabbitmq_310_image, OLD),
        ports={5672: settings.rabbitmq_310_port, 15672: settings.rabbitmq_310_management_port},
        volume=FOLDER,
        files=_files(),
        is_optional=True,
    )


def rabbitmq_cluster(settings: Settings) -> tuple[Part, ...]:
    """Give the nodes of the cluster, which the start joins; started only when it is asked for."""
    ports = (
        (settings.rabbitmq_1_port, settings.rabbitmq_1_management_port),
        (settings.rabbitmq_2_port, settings.rabbitmq_2_management_port),
        (settings.rabbitmq_3_port, settings.rabbitmq_3_management_port),
    )
    names = tuple(f"{settings.prefix}rabbitmq-{number}" for number in range(1, NODES + 1))
    return tuple(
        Part(
            name=f"rabbitmq-{number}",
            container=names[number - 1],
            service="rabbitmq-cluster",
            label=settings.label,
            image=_image(settings.rabbitmq_cluster_image, settings.rabbitmq_cluster_version),
            ports={5672: amqp, 15672: management},
            volume=FOLDER,
            data_version=settings.rabbitmq_cluster_version,
            files=_files() | {f"{FOLDER}/.erlang.cookie": (COOKIE, 0o600)},
            is_optional=True,
            cluster=CLUSTER,
            members=names,
        )
        for number, (amqp, management) in enumerate(ports, 1)
    )


def _image(pinned: str, version: str) -> Image:
    return image(pinned, f"rabbitmq:{version}-management", "rabbitmq", RABBITMQ[version])


def _files() -> dict[str, tuple[str, int]]:
    return {
        "/etc/rabbitmq/conf.d/90-bizops.conf": (read("rabbitmq/90-bizops.conf"), 0o644),
        "/etc/rabbitmq/enabled_plugins": (read("rabbitmq/enabled_plugins"), 0o644),
    }
