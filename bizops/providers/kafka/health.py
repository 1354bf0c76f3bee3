"""What `status` says of a cluster and its declared topics; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import Health
from bizops.providers.kafka import error_messages
from bizops.providers.kafka.live.members import cluster, is_under_replicated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka.admin import ClusterMetadata, TopicMetadata

    from bizops.providers.kafka.live.members import Members
    from bizops.resource import Address, Resource

_COLUMNS = ("TOPIC", "PARTITIONS", "RF", "UNDER-REPLICATED", "OFFLINE")


def health(metadata: ClusterMetadata, members: Members, resources: Sequence[Resource]) -> Health:
    """Give one row for each declared topic, and the state of the brokers."""
    rows = [
        _row(each.address, metadata.topics.get(each.address.name), members) for each in resources
    ]
    state = cluster(metadata, members)
    is_degraded = state.is_degraded or any(problem for _, _, problem in rows)
    return Health(_COLUMNS, tuple(rows), "DEGRADED" if is_degraded else "ok", state)


def _row(
    address: Address, topic: TopicMetadata | None, members: Members
) -> tuple[Address, tuple[str, ...], str]:
    if topic is None or topic.error is not None:
        problem = (
            error_messages.said(topic.error)
            if topic and topic.error
            else "not listed by the brokers"
        )
        return address, (address.name, "-", "-", "-", "-"), problem
    parts = topic.partitions.values()
    down = len(members.leaderless(topic))
    lagging = sum(map(is_under_replicated, parts))
    factor = max((len(part.replicas) for part in parts), default=0)
    cells = (address.name, str(len(parts)), str(factor), str(lagging), str(down))
    return address, cells, _problem(lagging, down)


def _problem(lagging: int, down: int) -> str:
    parts = []
    if down:
        parts.append(f"{down} without a leader")
    if lagging:
        parts.append(f"{lagging} with replicas out of sync")
    return ", ".join(parts)
