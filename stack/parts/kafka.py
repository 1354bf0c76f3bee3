"""Kafka: three nodes in KRaft mode, each a broker and a controller."""

from __future__ import annotations

from stack.parts.model import Image, Part, read
from stack.settings import Settings, is_default

BROKERS = 3
# 16 bytes in URL-safe base64, as Kafka's cluster ids are; the same for every local stack.
CLUSTER_ID = "Yml6b3BzLXN0YWNrLTAwMQ"


def kafka(settings: Settings) -> tuple[Part, ...]:
    """Give the brokers."""
    return tuple(_broker(settings, number) for number in range(1, BROKERS + 1))


def _broker(settings: Settings, number: int) -> Part:
    ports = (settings.kafka_1_port, settings.kafka_2_port, settings.kafka_3_port)
    names = tuple(f"{settings.prefix}kafka-{n}" for n in range(1, BROKERS + 1))
    version = settings.kafka_version
    return Part(
        name=f"kafka-{number}",
        container=names[number - 1],
        service="kafka",
        label=settings.label,
        image=Image(
            reference=settings.kafka_image or f"apache/kafka:{version}",
            recipe="kafka",
            is_pinned=bool(settings.kafka_image),
            arguments={"KAFKA_VERSION": version},
        ),
        ports={9092: ports[number - 1]},
        volume="/var/lib/kafka/data",
        data_version="" if is_default("kafka_version", version) else version,
        files={
            "/etc/kafka/server.properties": (
                _properties(number, names, ports[number - 1]),
                0o644,
            ),
            "/etc/kafka/log4j2.properties": (read("kafka/log4j2.properties"), 0o644),
            "/usr/local/bin/kafka-start": (read("kafka/kafka-start"), 0o755),
            "/usr/local/bin/kafka-topics": (read("kafka/kafka-tool"), 0o755),
            "/usr/local/bin/kafka-configs": (read("kafka/kafka-tool"), 0o755),
        },
        command=("/usr/local/bin/kafka-start",),
        environment={"CLUSTER_ID": CLUSTER_ID},
        user="0",
        cluster="kafka",
        members=names,
        version=settings.kafka_image or version,
    )


def _properties(number: int, names: tuple[str, ...], port: int) -> str:
    text = read("kafka/server.properties")
    for placeholder, value in {
        "@NODE_ID@": str(number),
        "@VOTERS@": ",".join(f"{n}@{name}:29093" for n, name in enumerate(names, 1)),
        "@HOST@": names[number - 1],
        "@PORT@": str(port),
    }.items():
        text = text.replace(placeholder, value)
    return text
