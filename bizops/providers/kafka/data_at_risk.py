"""What goes when a topic is deleted: how many records, who reads them, and who has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, TopicPartition
from confluent_kafka.admin import OffsetSpec

from bizops.provider import DataAtRisk
from bizops.providers.kafka.api import consumer_groups
from bizops.providers.kafka.api.client import settled
from bizops.providers.kafka.api.reads import Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from bizops.providers.kafka.api.brokers import Brokers
    from bizops.providers.kafka.api.client import Client
    from bizops.providers.kafka.api.consumer_groups import Ends
    from bizops.resource import Address

    Part = tuple[str, int]


def weigh(client: Client, brokers: Brokers, addresses: Sequence[Address]) -> list[DataAtRisk]:
    """Weigh each topic, all before one deadline.

    Deleting one always takes consent: an empty topic may be written to a moment later. The number of records is that
    of offsets, which compaction and transactions make too large, so "about".
    """
    reading = Reading(client)
    topics = reading.metadata.topics
    names = [address.name for address in addresses if address.name in topics]
    ends = [_ask_offsets(client, reading, names, spec) for spec in _ENDS]
    ids = reading.ids(names)
    readers = consumer_groups.groups(client, brokers, reading, names)
    found = _ends(reading, names, ends)
    return [
        DataAtRisk(
            address,
            needs_consent=True,
            text=_text(address.name, found[address.name], readers),
            identity=ids.get(address.name, ""),
        )
        if address.name in topics
        else DataAtRisk(address, needs_consent=False, text="it is gone")
        for address in addresses
    ]


_ENDS = (OffsetSpec.earliest(), OffsetSpec.latest())


def _text(name: str, ends: Ends, readers: consumer_groups.Groups) -> str:
    known = [last - first for first, last in filter(None, ends.values())]
    held = _records(sum(known), len(known), len(ends))
    return f"the topic, which holds {held} ({readers.text(name, ends)})"


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


def _ends(
    reading: Reading, names: Sequence[str], ends: Sequence[Mapping[Part, Future[Any]]]
) -> dict[str, Ends]:
    """Give for each topic the first and the next offset of its partitions, None where one did not tell."""
    first, last = (settled(each) for each in ends)
    found: dict[str, Ends] = {}
    for name in names:
        parts = [(name, number) for number in reading.metadata.topics[name].partitions]
        both = {part: (first.get(part, _UNASKED), last.get(part, _UNASKED)) for part in parts}
        found[name] = {
            part: None
            if any(isinstance(each, KafkaError) for each in pair)
            else (pair[0].offset, pair[1].offset)
            for part, pair in both.items()
        }
    return found


_UNASKED = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
