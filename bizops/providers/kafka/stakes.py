"""What goes when a topic is deleted: how many records, and who reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from bizops.provider import Stake
from bizops.providers.kafka.client import settled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka.admin import ClusterMetadata

    from bizops.providers.kafka.client import Client
    from bizops.resource import Address


def weigh(client: Client, addresses: Sequence[Address]) -> list[Stake]:
    """Weigh each topic. Deleting one always takes consent: an empty topic may be written to a moment later.

    The number of records is that of offsets, which compaction and transactions make too large, so "about".
    """
    metadata = client.metadata()
    names = [address.name for address in addresses if address.name in metadata.topics]
    counts = _records(client, metadata, names)
    groups = _groups(client)
    return [
        Stake(address, needs_consent=True, text=_text(address.name, counts, groups))
        if address.name in metadata.topics
        else Stake(address, needs_consent=False, text="it is gone")
        for address in addresses
    ]


def _text(
    name: str, counts: dict[str, tuple[int, bool]], groups: dict[str, list[str]] | str
) -> str:
    number, is_complete = counts[name]
    records = f"about {number:,} records" if number else "no records"
    if not is_complete:
        records = f"at least {records.removeprefix('about ')}, as not all partitions answer"
    if isinstance(groups, str):
        return f"the topic, which holds {records} (consumer groups unknown: {groups})"
    readers = groups.get(name, [])
    shown = f"read by {', '.join(readers)}" if readers else "no consumer group is reading"
    return f"the topic, which holds {records} ({shown})"


def _records(
    client: Client, metadata: ClusterMetadata, names: Sequence[str]
) -> dict[str, tuple[int, bool]]:
    parts = [(name, part) for name in names for part in sorted(metadata.topics[name].partitions)]
    ends: list[dict[tuple[str, int], Any]] = []
    for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):
        asked: dict[Any, Any] = {TopicPartition(name, part): spec for name, part in parts}
        options: dict[str, Any] = {"request_timeout": client.timeout}
        answers = client.admin().list_offsets(asked, **options) if asked else {}
        ends.append(
            {(where.topic, where.partition): found for where, found in settled(answers).items()}
        )
    counts: dict[str, tuple[int, bool]] = {}
    for name in names:
        pairs = [(ends[0][key], ends[1][key]) for key in parts if key[0] == name]
        known = [
            last.offset - first.offset
            for first, last in pairs
            if not isinstance(first, KafkaError) and not isinstance(last, KafkaError)
        ]
        counts[name] = (sum(known), len(known) == len(pairs))
    return counts


def _groups(client: Client) -> dict[str, list[str]] | str:
    """Give the groups with a member on each topic, or why they are not known; they inform and do not decide."""
    try:
        listed = client.admin().list_consumer_groups(request_timeout=client.timeout).result()
        ids = sorted(group.group_id for group in listed.valid)
        if not ids:
            return {}
        described = client.admin().describe_consumer_groups(ids, request_timeout=client.timeout)
    except KafkaException as error:
        return str(error.args[0])
    readers: dict[str, list[str]] = {}
    for group, found in sorted(settled(described).items()):
        if isinstance(found, KafkaError):
            continue
        topics = {
            part.topic
            for member in found.members
            if member.assignment
            for part in member.assignment.topic_partitions
        }
        for topic in topics:
            readers.setdefault(topic, []).append(group)
    return readers
