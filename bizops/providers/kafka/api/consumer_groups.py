"""Which consumer groups read a topic or have read it, and how far behind they are.

A broker leaves out groups that a user may not describe without a word, unless that user has Describe on the cluster
(KafkaApis, `handleListGroupsRequest`). So without that right the others are unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AclOperation

from bizops.providers.kafka.api import group_offsets
from bizops.providers.kafka.api.client import settled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from bizops.providers.kafka.api.brokers import Brokers
    from bizops.providers.kafka.api.client import Client
    from bizops.providers.kafka.api.reads import Reading

    Part = tuple[str, int]
    Ends = Mapping[Part, tuple[int, int] | None]

_SHOWN = 5
_IDLE = frozenset({ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD})


@dataclass(frozen=True, slots=True)
class Groups:
    """Committed offsets of each group, the topics on which each has members now, and which have any.

    `unknown` says what could not be read: what is missing then is not known to be none.
    """

    committed: Mapping[str, Mapping[Part, int]] = field(default_factory=dict)
    reading: Mapping[str, frozenset[str]] = field(default_factory=dict)
    running: frozenset[str] = frozenset()
    unknown: tuple[str, ...] = ()

    def text(self, topic: str, ends: Ends) -> str:
        """Say who reads a topic: `read by k8g (200 records behind, not running)`.

        `ends` are the first and the next offset of each partition of it, None where it is not known.
        """
        names = [
            name
            for name in sorted({*self.committed, *self.reading})
            if topic in self.reading.get(name, ()) or self._offsets(name, topic)
        ]
        shown = [self._group(name, topic, ends) for name in names[:_SHOWN]]
        if len(names) > _SHOWN:
            shown.append(f"{len(names) - _SHOWN} more groups")
        found = [f"read by {', '.join(shown)}"] if shown else []
        if not shown and not self.unknown:
            found = ["no consumer group reads it or has read it"]
        return "; ".join((*found, *self.unknown))

    def _group(self, name: str, topic: str, ends: Ends) -> str:
        idle = [] if name in self.running else ["not running"]
        offsets = self._offsets(name, topic)
        if not offsets:
            return f"{name} ({', '.join(['nothing committed', *idle])})"
        known = {part: both for part, both in ends.items() if both is not None}
        behind = sum(
            last - min(max(offsets.get(part, first), first), last)
            for part, (first, last) in known.items()
        )
        least = "at least " if len(known) < len(ends) else ""
        return f"{name} ({', '.join([f'{least}{behind:,} records behind', *idle])})"

    def _offsets(self, name: str, topic: str) -> dict[Part, int]:
        return {part: at for part, at in self.committed.get(name, {}).items() if part[0] == topic}


def groups(client: Client, brokers: Brokers, reading: Reading, names: Sequence[str]) -> Groups:
    """Find out who reads these topics, or has; raises nothing."""
    if reading.members.silent:
        # librdkafka asks all, and spins on one that refuses connections.
        return Groups(unknown=(f"consumer groups unknown: {reading.members.text}",))
    seconds = reading.deadline.left
    rights: Any = client.admin().describe_cluster(
        include_authorized_operations=True, request_timeout=seconds
    )
    if not (brokers.lacking or brokers.is_connected):
        brokers.connect(reading.addresses())
    parts = {name: sorted(reading.metadata.topics[name].partitions) for name in names}
    committed = group_offsets.committed(brokers, parts)
    members, running, unread = _members(client, reading)
    unknown = dict.fromkeys([*_unseen(rights), *committed.unknown, *unread])
    return Groups(committed.offsets, members, running, tuple(unknown))


def _unseen(rights: Future[Any]) -> list[str]:
    """Say that there may be groups which this user does not see."""
    try:
        allowed = rights.result().authorized_operations
    except KafkaException as error:
        return [f"other consumer groups unknown: {_said(error)}"]
    if allowed is None or AclOperation.DESCRIBE in allowed:
        return []
    return ["other consumer groups unknown: this user lacks Describe on the cluster"]


def _members(
    client: Client, reading: Reading
) -> tuple[dict[str, frozenset[str]], frozenset[str], list[str]]:
    """Give the topics of each group with members, the groups that have some, and what could not be read."""
    patience = min(client.patience, reading.deadline.left)
    try:
        listed = client.admin().list_consumer_groups(request_timeout=patience).result()
        if reading.members.down and listed.errors:
            return {}, frozenset(), [f"consumer groups unknown: {reading.members.text}"]
        ids = sorted(group.group_id for group in listed.valid if group.state not in _IDLE)
        if not ids:
            return {}, frozenset(), []
        described = client.admin().describe_consumer_groups(
            ids, request_timeout=reading.deadline.left
        )
    except KafkaException as error:
        return {}, frozenset(), [f"consumer groups unknown: {_said(error)}"]
    found = settled(described)
    failed = [name for name, group in sorted(found.items()) if isinstance(group, KafkaError)]
    topics = {name: _topics(group) for name, group in found.items() if name not in failed}
    unread = [f"what group {name} reads is unknown: {found[name].str()}" for name in failed]
    return topics, frozenset(ids), unread


def _said(error: KafkaException) -> str:
    cause = error.args[0]
    return cause.str() if isinstance(cause, KafkaError) else str(cause)


def _topics(group: Any) -> frozenset[str]:  # noqa: ANN401 - a ConsumerGroupDescription
    return frozenset(
        part.topic
        for member in group.members
        if member.assignment
        for part in member.assignment.topic_partitions
    )
