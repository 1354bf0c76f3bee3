"""The live side of Kafka: reads in three kinds of request, writes in bulk, waits for every broker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import System
from bizops.provider import Health, Observations
from bizops.providers.kafka import stakes, words, writing
from bizops.providers.kafka.client import Client
from bizops.providers.kafka.observation import missing, observation, offline, under_replicated
from bizops.providers.kafka.rules import is_protected
from bizops.providers.kafka.settling import Brokers, BrokerView, altered, readiness
from bizops.providers.kafka.trial import tried
from bizops.providers.kafka.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import KafkaError
    from confluent_kafka.admin import ClusterMetadata

    from bizops.change import Outcome, Readiness, Step
    from bizops.provider import Options, Scope, Stake
    from bizops.providers.kafka.specs import Connection, TopicSpec
    from bizops.resource import Address, Observation, Resource

_LOOKS = 5
_PAUSE = 0.2


class KafkaProvider:
    """One cluster. Connects at the first request; every method raises ProviderError where the cluster fails."""

    def __init__(self, connection: Connection, options: Options) -> None:
        self._expected = connection.expect.cluster_id if connection.expect else ""
        settings = connection.librdkafka()
        self._servers = connection.bootstrap_servers
        self._client = Client(settings, options.timeout)
        self._brokers = Brokers(settings, options.timeout)

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read declared topics and those that the scope owns.

        One metadata request for the cluster; what it does not list is asked for by name, which tells absent from
        not allowed; configs in pieces; then one trial of what a plan would write.
        """
        metadata = self._metadata()
        declared = {resource.address.name: resource for resource in resources}
        owned = [
            name
            for name in metadata.topics
            if name not in declared and not is_protected(name) and scope.is_owned("topic", name)
        ]
        found = self._look(metadata, declared, owned)
        trial = tried(self._client, resources, {each.address: each for each in found})
        count = len(metadata.brokers)
        system = System(
            "kafka",
            f"{self._servers}, {count} broker{'' if count == 1 else 's'}",
            identity=str(metadata.cluster_id or ""),
            expected=bool(self._expected),
            setting="connections.kafka.bootstrap.servers",
        )
        view = View(count, tuple(sorted(trial.refused.items())))
        return Observations(system, found, tuple(trial.warnings), view)

    def weigh(self, addresses: Sequence[Address]) -> Sequence[Stake]:
        """Count records and name the consumer groups that read them."""
        return stakes.weigh(self._client, addresses)

    def apply(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        """Write in bulk; one outcome for each step."""
        return writing.apply(self._client, steps, self._look_again)

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Say for each step whether every broker shows it."""
        names = sorted({step.change.address.name for step in steps if step.change})
        keys = {
            s.change.address.name: set(wanted) for s in steps if s.change and (wanted := altered(s))
        }
        if self._brokers.lacking:
            return readiness(steps, [self._one_view(names, keys)])
        return readiness(steps, self._brokers.look(names, keys))

    def lease(self, topology: str, holder: str) -> None:
        """Offer no lock: Kafka has nothing that expires by itself and names its holder."""

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Show replicas out of sync and partitions without a leader."""
        del scope
        metadata = self._metadata()
        rows: list[tuple[Address, tuple[str, ...], str]] = []
        for resource in resources:
            name = resource.address.name
            topic = metadata.topics.get(name)
            if topic is None or topic.error is not None:
                problem = (
                    words.said(topic.error)
                    if topic and topic.error
                    else "not listed by the brokers"
                )
                rows.append((resource.address, (name, "-", "-", "-", "-"), problem))
                continue
            down, lagging = len(offline(topic)), under_replicated(topic)
            factor = max((len(part.replicas) for part in topic.partitions.values()), default=0)
            cells = (name, str(len(topic.partitions)), str(factor), str(lagging), str(down))
            rows.append((resource.address, cells, _problem(lagging, down)))
        verdict = "DEGRADED" if any(problem for _, _, problem in rows) else "ok"
        return Health(
            ("TOPIC", "PARTITIONS", "RF", "UNDER-REPLICATED", "OFFLINE"), tuple(rows), verdict
        )

    def close(self) -> None:
        """Give back connections."""
        self._brokers.close()
        self._client.close()

    def _metadata(self) -> ClusterMetadata:
        metadata = self._client.metadata()
        if self._expected and metadata.cluster_id != self._expected:
            message = (
                f"this is cluster {metadata.cluster_id}, and expect.cluster_id is {self._expected}"
            )
            raise errors.WrongSystemError(message)
        return metadata

    def _look(
        self, metadata: ClusterMetadata, declared: dict[str, Resource], owned: Sequence[str]
    ) -> tuple[Observation, ...]:
        absent = self._client.existing([name for name in declared if name not in metadata.topics])
        metadata = self._caught_up(metadata, absent)
        listed = [name for name in (*declared, *owned) if name in metadata.topics]
        configs = self._client.configs(sorted(listed))
        found: list[Observation] = []
        for name in sorted((*declared, *owned)):
            if name not in metadata.topics:
                found.append(missing(name, absent.get(name)))
                continue
            spec: TopicSpec | None = declared[name].spec if name in declared else None  # type: ignore[assignment]
            found.append(observation(metadata.topics[name], configs.get(name), spec))
        return tuple(found)

    def _caught_up(
        self, metadata: ClusterMetadata, absent: dict[str, KafkaError | None]
    ) -> ClusterMetadata:
        """Read again while a broker knows a topic that the one we asked does not list: it lags for a moment."""
        lagging = {name for name, error in absent.items() if error is None}
        for _ in range(_LOOKS):
            if lagging <= metadata.topics.keys():
                break
            time.sleep(_PAUSE)
            metadata = self._client.metadata()
        return metadata

    def _one_view(self, names: Sequence[str], keys: Mapping[str, set[str]]) -> BrokerView:
        """Give what any broker shows, where brokers cannot be asked one by one."""
        metadata = self._client.metadata()
        parts = {name: metadata.topics[name] for name in names if name in metadata.topics}
        entries = self._client.configs(sorted(keys.keys() & parts.keys()))
        return BrokerView(
            f"one broker (kafka-python, which asks each, has no {', '.join(self._brokers.lacking)})",
            {n: (len(t.partitions), len(t.partitions) - len(offline(t))) for n, t in parts.items()},
            {
                name: {key: str(entry.value) for key, entry in found.items()}
                for name, found in entries.items()
                if isinstance(found, dict)
            },
        )

    def _look_again(self, resources: Sequence[Resource]) -> dict[str, Observation]:
        declared = {resource.address.name: resource for resource in resources}
        found = self._look(self._client.metadata(), declared, ())
        return {each.address.name: each for each in found}


def _problem(lagging: int, down: int) -> str:
    parts = []
    if down:
        parts.append(f"{down} without a leader")
    if lagging:
        parts.append(f"{lagging} with replicas out of sync")
    return ", ".join(parts)
