"""Kafka: topics, over the admin protocol. Offline here; the client is imported on connecting."""

from __future__ import annotations

from bizops.provider import Definition, Kind, Options, Provider
from bizops.providers.kafka import rules
from bizops.providers.kafka.declared.specs import Connection, Settings, TopicSpec
from bizops.providers.kafka.live import cluster
from bizops.providers.kafka.versions import VERSIONS
from bizops.resource import Address

__all__ = ["DEFINITION", "TOPIC"]


def _address(name: str, spec: TopicSpec, settings: Settings) -> Address:
    del spec, settings
    return Address("kafka", "topic", (name,))


def _summary(spec: TopicSpec, _topic: Address) -> str:
    counts = [
        text
        for value, text in (
            (spec.partitions, f"{spec.partitions} partition{'' if spec.partitions == 1 else 's'}"),
            (spec.replication_factor, f"replication factor {spec.replication_factor}"),
        )
        if value is not None
    ]
    return ", ".join([*counts, *(f"{key} {value}" for key, value in spec.configs)])


def _connect(connection: Connection, settings: Settings, options: Options) -> Provider:
    from bizops.providers.kafka.provider import KafkaProvider  # noqa: PLC0415 - imports the client

    return KafkaProvider(connection, settings, options)


TOPIC = Kind(
    provider="kafka",
    name="topic",
    plural="topics",
    spec=TopicSpec,
    address=_address,
    rules=rules.RULES,
    summary=_summary,
    holds_data=True,
    protected=rules.is_protected,
    name_problem=rules.name_problem,
)

DEFINITION = Definition(
    name="kafka",
    kinds=(TOPIC,),
    connection=Connection,
    settings=Settings,
    connect=_connect,
    check=rules.check,
    derive=cluster.derive,
    versions=VERSIONS,
    near_names={
        "replicas": "replication_factor",
        "replication": "replication_factor",
        "rf": "replication_factor",
        "partition": "partitions",
        "config": "configs",
        "retention": "configs: {retention.ms: 7d}",
        "retention.ms": "configs: {retention.ms: 7d}",
        "ttl": "configs: {retention.ms: 7d}",
    },
)
