"""The live side of Kafka: reads in few kinds of request, writes in bulk, waits for every broker that answers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import System
from bizops.provider import Observations, never
from bizops.providers.kafka import data_at_risk
from bizops.providers.kafka.api import writes
from bizops.providers.kafka.api.brokers import Brokers
from bizops.providers.kafka.api.client import Client
from bizops.providers.kafka.api.deadline import Deadline
from bizops.providers.kafka.api.reads import Reading
from bizops.providers.kafka.api.validate_only import tried
from bizops.providers.kafka.health import health
from bizops.providers.kafka.live import members
from bizops.providers.kafka.live.cluster import ClusterState, alike
from bizops.providers.kafka.live.observation import (
    differing,
    missing,
    observation,
    source,
    to_reset,
    unpinned,
)
from bizops.providers.kafka.live.settling import (
    BrokerView,
    ConfigView,
    PartitionView,
    altered,
    readiness,
    taken_away,
)
from bizops.providers.kafka.rules import is_protected
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from confluent_kafka import KafkaError

    from bizops.change import Outcome, Readiness, Step
    from bizops.provider import DataAtRisk, Health, Options, Scope
    from bizops.providers.kafka.declared.specs import Connection, Settings, TopicSpec
    from bizops.resource import Address, Observation, Resource

_LOOKS = 5
_PAUSE = 0.2


class KafkaProvider:
    """One cluster. Connects at the first request; every method raises ProviderError where the cluster fails."""

    def __init__(self, connection: Connection, settings: Settings, options: Options) -> None:
        self._expected = connection.expect.cluster_id if connection.expect else ""
        client = connection.librdkafka()
        self._undeclared = settings.undeclared_configs
        self._servers = connection.bootstrap_servers
        self._client = Client(client, options.timeout)
        self._brokers = Brokers(client, options.timeout)
        self._lost: Deadline | None = None
        """Since when no write could begin, as nobody answered."""

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read declared topics and those that the scope owns, all before one deadline.

        One metadata request for the cluster; what it does not list is asked for by name, which tells absent from
        not allowed; configs in pieces; the ids of topics that differ; then one trial of what a plan would write. Before
        all that a controller is asked for, without which the rest may be old.
        """
        reading = self._read()
        declared = {resource.address.name: resource for resource in resources}
        owned = [
            name
            for name in reading.metadata.topics
            if name not in declared and not is_protected(name) and scope.is_owned("topic", name)
        ]
        found = _identified(reading, declared, self._look(reading, declared, owned))
        collisions = alike(declared, reading.metadata.topics)
        possible = [each for each in resources if each.address.name not in collisions]
        trial = tried(self._client, possible, {each.address: each for each in found})
        found = tuple(
            unpinned(each) if each.address.name in trial.unpinned else each for each in found
        )
        topics = reading.metadata.topics
        there = [topics[each.address.name] for each in found if each.address.name in topics]
        warnings = (*members.warnings(there, reading.members), *trial.warnings)
        refused, alike_ones = sorted(trial.refused.items()), sorted(collisions.items())
        view = ClusterState(reading.members, tuple(refused), tuple(alike_ones))
        return Observations(self._system(reading), found, warnings, view)

    def _system(self, reading: Reading) -> System:
        metadata = reading.metadata
        count = reading.members.total  # one that is dead leaves the metadata after some seconds
        return System(
            "kafka",
            f"{self._servers}, {count} broker{'' if count == 1 else 's'}",
            identity=str(metadata.cluster_id or ""),
            expected=bool(self._expected),
            setting="connections.kafka.bootstrap.servers",
            cluster=members.cluster(metadata, reading.members),
        )

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Count records, and name the consumer groups that read them or have."""
        return data_at_risk.weigh(self._client, self._brokers, addresses)

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write in bulk; one outcome for each step. Raises UnreachableError where no broker answers.

        It has the time of a request and that of one that was sent in vain. Tries after such an error share that of two
        requests with it, as far as a broker that answers can be found in what is left.
        """
        client = self._client
        lost = self._lost or Deadline(2 * client.timeout)
        deadline = Deadline(min(client.timeout + client.patience, max(client.patience, lost.left)))
        self._lost = lost
        outcomes = writes.apply(client, steps, self._look_again, deadline, is_stopped)
        self._lost = None
        return outcomes

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Say for each step whether every broker that answers shows it.

        Raises ProviderError where no broker can be asked.
        """
        names = sorted({step.change.address.name for step in steps if step.change})
        keys = {
            s.change.address.name: wanted
            for s in steps
            if s.change and (wanted := {*altered(s), *taken_away(s)})
        }
        return readiness(steps, self._views(names, keys), self._client.patience)

    def lease(self, topology: str, holder: str) -> None:
        """Offer no lock: Kafka has nothing that expires by itself and names its holder."""

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Show brokers that do not answer, replicas out of sync and partitions without a leader."""
        del scope
        reading = self._read()
        return health(reading.metadata, reading.members, resources)

    def close(self) -> None:
        """Give back connections."""
        self._brokers.close()
        self._client.close()

    def _read(self) -> Reading:
        reading = Reading(self._client, needs_controller=True)
        cluster_id = reading.metadata.cluster_id
        if self._expected and cluster_id != self._expected:
            message = f"this is cluster {cluster_id}, and expect.cluster_id is {self._expected}"
            raise errors.WrongSystemError(message)
        return reading

    def _look(
        self, reading: Reading, declared: dict[str, Resource], owned: Sequence[str]
    ) -> tuple[Observation, ...]:
        absent = reading.existing(
            [name for name in declared if name not in reading.metadata.topics]
        )
        self._catch_up(reading, absent)
        topics = reading.metadata.topics
        listed = [name for name in (*declared, *owned) if name in topics]
        configs = reading.configs(sorted(listed))
        reset = to_reset(declared, configs, self._undeclared)
        broker = reading.broker_configs() if reset else {}
        found: list[Observation] = []
        for name in sorted((*declared, *owned)):
            if name not in topics:
                found.append(missing(name, absent.get(name)))
                continue
            spec: TopicSpec | None = declared[name].spec if name in declared else None  # type: ignore[assignment]
            defaults = broker if name in reset else None
            found.append(
                observation(topics[name], configs.get(name), spec, reading.members, defaults)
            )
        return tuple(found)

    def _catch_up(self, reading: Reading, absent: dict[str, KafkaError | None]) -> None:
        """Read again while a broker knows a topic that the one we asked does not list: it lags for a moment."""
        lagging = {name for name, error in absent.items() if error is None}
        for _ in range(_LOOKS):
            if lagging <= reading.metadata.topics.keys():
                break
            time.sleep(_PAUSE)
            reading.again()

    def _views(self, names: Sequence[str], keys: Mapping[str, set[str]]) -> list[BrokerView]:
        if self._brokers.lacking:
            return [self._one_view(names, keys)]
        if not self._brokers.is_connected:
            self._brokers.connect(Reading(self._client).addresses())
        return self._brokers.look(names, keys)

    def _one_view(self, names: Sequence[str], keys: Mapping[str, set[str]]) -> BrokerView:
        """Give what any broker shows, where brokers cannot be asked one by one."""
        reading = Reading(self._client)
        topics = {
            name: reading.metadata.topics[name] for name in names if name in reading.metadata.topics
        }
        entries = reading.configs(sorted(keys.keys() & topics.keys()))
        return BrokerView(
            f"one broker (kafka-python, which asks each, has no {', '.join(self._brokers.lacking)})",
            topics={
                name: tuple(
                    PartitionView.of(part.leader, part.replicas, part.isrs)
                    for part in topic.partitions.values()
                )
                for name, topic in topics.items()
            },
            values={
                name: {
                    key: ConfigView(str(entry.value), source(entry)) for key, entry in found.items()
                }
                for name, found in entries.items()
                if isinstance(found, dict)
            },
        )

    def _look_again(self, resources: Sequence[Resource]) -> dict[str, Observation]:
        declared = {resource.address.name: resource for resource in resources}
        found = self._look(Reading(self._client), declared, ())
        return {each.address.name: each for each in found}


def _identified(
    reading: Reading, declared: Mapping[str, Resource], found: Sequence[Observation]
) -> tuple[Observation, ...]:
    """Give the ids of the topics that a plan would change; what it would delete is identified when it is weighed."""
    changed = [
        each.address.name
        for each in found
        if each.presence is Presence.PRESENT
        and each.address.name in declared
        and (
            differing(declared[each.address.name], each)
            or any(f.default_of for _, f in each.fields)
        )
    ]
    ids = reading.ids(changed)
    return tuple(replace(each, identity=ids.get(each.address.name, "")) for each in found)
