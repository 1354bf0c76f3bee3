"""Which brokers a cluster has, which of them answer, and what that means for its partitions; pure.

A broker that is stopped leaves the metadata once its session ends (`broker.session.timeout.ms`, 9 s on KRaft). What
still tells of it are the partitions that name it as a replica.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.change import Cluster

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from confluent_kafka.admin import ClusterMetadata, PartitionMetadata, TopicMetadata

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Members:
    """Ids of brokers: those that answer, those that the metadata lists though they are `silent`, and those `away`.

    Those that are away are named by replicas alone.
    """

    answering: frozenset[int]
    silent: frozenset[int] = frozenset()
    away: frozenset[int] = frozenset()

    @property
    def down(self) -> frozenset[int]:
        """All that do not answer."""
        return self.silent | self.away

    @property
    def total(self) -> int:
        """The number of brokers that are known of."""
        return len(self.answering) + len(self.down)

    @property
    def text(self) -> str:
        """Give `3 brokers`, or `2 of 3 brokers answer: broker 3 does not`."""
        if not self.down:
            return f"{self.total} broker{'' if self.total == 1 else 's'}"
        verb = "does" if len(self.down) == 1 else "do"
        are = "answers" if len(self.answering) == 1 else "answer"
        count = f"{len(self.answering)} of {self.total} brokers {are}"
        return f"{count}: {brokers(self.down)} {verb} not"

    def lacks_leader(self, part: PartitionMetadata) -> bool:
        """True where nobody can be asked about a partition: it has no leader, or one that is silent."""
        return part.leader < 0 or part.leader in self.silent

    def leaderless(self, topic: TopicMetadata) -> list[int]:
        """Give the partitions that nobody can be asked about, sorted."""
        return sorted(n for n, part in topic.partitions.items() if self.lacks_leader(part))


def members(metadata: ClusterMetadata, answering: Collection[int]) -> Members:
    """Tell the brokers of a cluster apart, from its metadata and from who answered when asked."""
    listed = frozenset(metadata.brokers)
    named = {
        replica
        for topic in metadata.topics.values()
        for part in topic.partitions.values()
        for replica in part.replicas
    }
    return Members(frozenset(answering), listed - frozenset(answering), frozenset(named) - listed)


def cluster(metadata: ClusterMetadata, found: Members) -> Cluster:
    """Say how a cluster does: its brokers, and how many of the partitions that this user sees lack something."""
    parts = [part for topic in metadata.topics.values() for part in topic.partitions.values()]
    leaderless = sum(found.lacks_leader(part) for part in parts)
    lagging = sum(is_under_replicated(part) for part in parts)
    said = [found.text]
    if leaderless:
        said.append(f"{_partitions(leaderless)} without a leader")
    if lagging:
        said.append(f"{_partitions(lagging)} with replicas out of sync")
    return Cluster(", ".join(said), is_degraded=bool(found.down or leaderless or lagging))


def warnings(topics: Sequence[TopicMetadata], found: Members) -> Iterator[str]:
    """Say which topics lack leaders or replicas, one line for each sort: a broker that is down concerns many."""
    leaderless = [
        f"{topic.topic} ({numbered(numbers)})"
        for topic in topics
        if (numbers := found.leaderless(topic))
    ]
    if leaderless:
        yield f"kafka: neither written nor read, as no leader answers: {some(leaderless)}"
    lagging = [
        str(topic.topic)
        for topic in topics
        if any(is_under_replicated(part) for part in topic.partitions.values())
    ]
    if lagging:
        yield f"kafka: replicas are out of sync: {some(lagging)}"


def away(topic: TopicMetadata, found: Members) -> str:
    """Say where the part of a topic lies that cannot be asked, after `it lies`; "" where all of it can."""
    numbers = found.leaderless(topic)
    if not numbers:
        return ""
    named = {replica for number in numbers for replica in topic.partitions[number].replicas}
    where = named & found.down
    verb = "is" if len(where) == 1 else "are"
    place = (
        f"{brokers(where)}, which {verb} down"
        if where
        else f"replicas of {brokers(named)}, offline"
    )
    if len(numbers) == len(topic.partitions):
        return f"on {place}"
    return f"partly on {place} ({numbered(numbers)})"


def is_under_replicated(part: PartitionMetadata) -> bool:
    """True where a replica is not in sync."""
    return len(part.isrs) < len(part.replicas)


def brokers(ids: Collection[int]) -> str:
    """Give `broker 3`, or `brokers 2 and 3`."""
    shown = [str(number) for number in sorted(ids)]
    if len(shown) < 2:  # noqa: PLR2004 - one broker
        return f"broker {''.join(shown)}"
    return f"brokers {', '.join(shown[:-1])} and {shown[-1]}"


def numbered(numbers: Sequence[int]) -> str:
    """Give `partition 2`, or `partitions 0, 2`; of many the first ones and how many more."""
    shown = ", ".join(map(str, numbers[:10]))
    more = f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""  # noqa: PLR2004 - as above
    return f"partition{'' if len(numbers) == 1 else 's'} {shown}{more}"


def _partitions(count: int) -> str:
    return f"{count:,} partition{'' if count == 1 else 's'}"


def some(names: Sequence[str]) -> str:
    """Give the first names of topics, and how many more there are."""
    more = len(names) - _SHOWN
    if more <= 1:
        return ", ".join(names)
    return f"{', '.join(names[:_SHOWN])} and {more:,} more topics"
