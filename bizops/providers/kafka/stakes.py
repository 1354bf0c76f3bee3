"""What goes when a topic is deleted: how many records, and who reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from bizops.provider import Stake
from bizops.providers.kafka.client import settled
from bizops.providers.kafka.reading import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from bizops.providers.kafka.client import Client
    from bizops.resource import Address

    Part = tuple[str, int]


def weigh(client: Client, addresses: Sequence[Address]) -> list[Stake]:
    """Weigh each topic, all before one deadline.

    Deleting one always takes consent: an empty topic may be written to a moment later. The number of records is that
    of offsets, which compaction and transactions make too large, so "about".
    """
    reading = Reading(client)
    topics = reading.metadata.topics
    names = [address.name for address in addresses if address.name in topics]
    ends = [_ask_offsets(client, reading, names, spec) for spec in _ENDS]
    ids = reading.ids(names)
    groups = _groups(client, reading)
    counts = _counts(reading, names, ends)
    return [
        Stake(
            address,
            needs_consent=True,
            text=_text(address.name, counts[address.name], groups),
            identity=ids.get(address.name, ""),
        )
        if address.name in topics
        else Stake(address, needs_consent=False, text="it is gone")
        for address in addresses
    ]


_ENDS = (OffsetSpec.earliest(), OffsetSpec.latest())


def _text(name: str, count: tuple[int, int, int], groups: dict[str, list[str]] | str) -> str:
    if isinstance(groups, str):
        return f"the topic, which holds {_records(*count)} (consumer groups unknown: {groups})"
    readers = groups.get(name, [])
    shown = f"read by {', '.join(readers)}" if readers else "no consumer group is reading"
    return f"the topic, which holds {_records(*count)} ({shown})"


def _records(number: int, known: int, total: int) -> str:
    """Say how many records `known` of all partitions hold: what the others hold is no zero."""
    if not known:
        return "an unknown number of records, as no partition answers"
    if known < total:
        return (
            f"at least {number:,} records, as {total - known} of {total} partitions do not answer"
        )
    return f"about {number:,} records" if number else "no records"


def _ask_offsets(
    client: Client, reading: Reading, names: Sequence[str], spec: OffsetSpec
) -> dict[Part, Future[Any]]:
    """Ask the leaders that answer, at once.

    The others are not asked: librdkafka would ask again for the leader without a pause until the time is over.
    """
    asked: dict[Any, Any] = {
        TopicPartition(name, number): spec
        for name in names
        for number, part in reading.metadata.topics[name].partitions.items()
        if not reading.members.lacks_leader(part)
    }
    options: dict[str, Any] = {"request_timeout": reading.deadline.left}
    answers = client.admin().list_offsets(asked, **options) if asked else {}
    return {(where.topic, where.partition): future for where, future in answers.items()}


def _counts(
    reading: Reading, names: Sequence[str], ends: Sequence[Mapping[Part, Future[Any]]]
) -> dict[str, tuple[int, int, int]]:
    """Give for each topic its records, and how many of its partitions told them."""
    first, last = (settled(each) for each in ends)
    counts: dict[str, tuple[int, int, int]] = {}
    for name in names:
        parts = [(name, number) for number in reading.metadata.topics[name].partitions]
        known = [
            last[part].offset - first[part].offset
            for part in parts
            if not isinstance(first.get(part, _UNASKED), KafkaError)
            and not isinstance(last.get(part, _UNASKED), KafkaError)
        ]
        counts[name] = (sum(known), len(known), len(parts))
    return counts


_UNASKED = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)


def _groups(client: Client, reading: Reading) -> dict[str, list[str]] | str:
    """Give the groups with a member on each topic, or why they are not known; they inform and do not decide."""
    if reading.members.silent:
        return (
            reading.members.text
        )  # librdkafka asks all, and spins on one that refuses connections
    patience = min(client.patience, reading.deadline.left)
    try:
        listed = client.admin().list_consumer_groups(request_timeout=patience).result()
        ids = sorted(group.group_id for group in listed.valid)
        if reading.members.down and listed.errors:
            return reading.members.text
        if not ids:
            return {}
        described = client.admin().describe_consumer_groups(
            ids, request_timeout=reading.deadline.left
        )
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
