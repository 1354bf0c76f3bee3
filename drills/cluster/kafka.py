"""Kafka under drill: three brokers, each a controller too."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, NewTopic

from drills.cluster import promises
from drills.cluster.command import CommandLine
from drills.cluster.harm import Containers, Harm
from drills.cluster.state import DrillError, State, UnreadableError, wait

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drills.cluster.promises import Expected

RECORDS = {"drill.events": 90, "drill.lone": 40}
PREFIX = "drill."
PRODUCE_SECONDS = 60
"""A broker that came back a moment ago may lead a partition, and not serve it yet."""
SECONDS = 15.0
PATIENCE = 60
"""Seconds that a broker has until it reaches the controller, from which it was cut off before."""
BROKERS = 3
_ON_TOPIC = (ConfigSource.DYNAMIC_TOPIC_CONFIG, ConfigSource.DYNAMIC_TOPIC_CONFIG.value)
"""The client gives a number where its types promise the constant."""
_SILENT = logging.getLogger("drills.cluster.kafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class Kafka:
    """`members` are `broker 1` and so on; `servers` are their addresses, the first one's first."""

    system = "kafka"

    def __init__(self, members: Containers, servers: str, version: str) -> None:
        self.members = members
        self.line = CommandLine(self.system, {"DRILL_KAFKA_SERVERS": servers})
        self._servers = servers
        self._version = version

    def versions(self) -> str:
        """Say which Kafka it is."""
        return f"Kafka {self._version}, three brokers"

    def reset(self) -> None:
        """Remove all topics of the drills, declare drill.lone on the last broker alone, the rest by bizops, produce."""
        admin = self._admin()
        old = [name for name in self._topics() if name.startswith(PREFIX)]
        if old:
            _finish(admin.delete_topics(old, request_timeout=PATIENCE))
            wait(lambda: not any(n.startswith(PREFIX) for n in self._topics()), "topics are gone")
        lone = NewTopic("drill.lone", num_partitions=1, replica_assignment=[[BROKERS]])  # type: ignore[list-item] # its stub is wrong: these are numbers
        _finish(admin.create_topics([lone], request_timeout=PATIENCE))
        said = self.line.run("apply")
        if said.code:
            raise DrillError(said.text)
        self._produce()

    def prepare(self, harm: Harm) -> None:
        """Nothing has to be set."""

    def state(self, *, counts: bool = False) -> State:
        """Ask whoever answers: what a broker without a controller says may be old."""
        topics = {n: t for n, t in self._topics().items() if n.startswith(PREFIX)}
        settings = {
            f"{name} partitions": str(
                sorted((p.id, sorted(p.replicas)) for p in t.partitions.values())
            )
            for name, t in topics.items()
        }
        return State(
            objects=frozenset(f"kafka.topic/{name}" for name in topics),
            settings={**settings, **self._configs(sorted(topics))},
            contents=self._count() if counts else {},
        )

    def wait_for_loss(self, name: str, harm: Harm) -> None:
        """Wait until the controller has fenced it; without a controller nobody does."""
        is_first = name == self.members.names[-1]
        if is_first and harm is not Harm.FREEZE:
            number = int(name.rpartition(" ")[2])
            wait(lambda: number not in self._living(), f"{name} is seen to be away")

    def wait_until_whole(self) -> None:
        """Wait until each broker shows that all live, and that all replicas of the same topics are in sync.

        One that was cut off goes on showing what it knew before, where all lived, until it hears from the controller.
        """
        wait(self._is_whole, "every broker shows all of them, and all replicas in sync", 120)

    def expected(self, command: str, harm: Harm, gone: int) -> Expected:
        """As usual."""
        return promises.usual(command, harm, gone)

    def _admin(self) -> AdminClient:
        # A client of its own each time: one that lived through a harm remembers what was before.
        return AdminClient(self._settings(), logger=_SILENT)

    def _settings(self) -> dict[str, Any]:
        return {"bootstrap.servers": self._servers, "log_level": 0}

    def _metadata(self, servers: str = "") -> Any:  # noqa: ANN401 - ClusterMetadata has no types of its own
        settings = self._settings() | ({"bootstrap.servers": servers} if servers else {})
        try:
            return AdminClient(settings, logger=_SILENT).list_topics(timeout=SECONDS)
        except KafkaException as error:
            raise UnreadableError(str(error)) from error

    def _topics(self) -> Mapping[str, Any]:
        return dict(self._metadata().topics)

    def _living(self) -> set[int]:
        try:
            return set(self._metadata().brokers)
        except UnreadableError:
            return set()

    def _is_whole(self) -> bool:
        try:
            views = [self._metadata(server) for server in self._servers.split(",")]
        except UnreadableError:
            return False
        partitions = [
            p for view in views for t in view.topics.values() for p in t.partitions.values()
        ]
        return (
            all(len(view.brokers) == BROKERS for view in views)
            and len({frozenset(view.topics) for view in views}) == 1
            and all(p.leader > 0 and set(p.isrs) == set(p.replicas) for p in partitions)
        )

    def _configs(self, topics: list[str]) -> Mapping[str, str]:
        if not topics:
            return {}
        asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics]
        admin = self._admin()  # its futures end with it
        try:
            found = admin.describe_configs(asked, request_timeout=SECONDS)
            configs = {resource.name: future.result() for resource, future in found.items()}
        except KafkaException as error:
            raise UnreadableError(str(error)) from error
        return {
            f"{topic} {key}": str(entry.value)
            for topic, entries in configs.items()
            for key, entry in entries.items()
            if entry.source in _ON_TOPIC
        }

    def _produce(self) -> None:
        producer = Producer({**self._settings(), "acks": "all"}, logger=_SILENT)
        for topic, number in RECORDS.items():
            for index in range(number):
                producer.produce(topic, value=f"{topic} {index}".encode(), key=str(index).encode())
        if left := producer.flush(PRODUCE_SECONDS):
            message = f"{left} records were not taken"
            raise DrillError(message)

    def _count(self) -> Mapping[str, int]:
        """Read every record; a topic that was made a moment ago may not be known to every broker yet."""
        end = time.monotonic() + 2 * SECONDS
        while True:
            try:
                return {topic: self._read(topic) for topic in RECORDS}
            except UnreadableError:
                if time.monotonic() > end:
                    raise
                time.sleep(1)

    def _read(self, topic: str) -> int:
        settings = {**self._settings(), "group.id": "drill.count", "enable.auto.commit": False}
        consumer = Consumer(settings, logger=_SILENT)
        try:
            parts = consumer.list_topics(topic, timeout=SECONDS).topics[topic].partitions
            ends = {
                p: consumer.get_watermark_offsets(TopicPartition(topic, p), SECONDS) for p in parts
            }
            consumer.assign([TopicPartition(topic, p, low) for p, (low, _) in ends.items()])
            number, end = 0, time.monotonic() + SECONDS
            while number < sum(high - low for low, high in ends.values()):
                if time.monotonic() > end:
                    break
                record = consumer.poll(1)
                number += record is not None and record.error() is None
        except KafkaException as error:
            raise UnreadableError(str(error)) from error
        finally:
            consumer.close()
        return number


def _finish(futures: Mapping[str, Any]) -> None:
    for name, future in futures.items():
        try:
            future.result(PATIENCE)
        except (KafkaException, TimeoutError) as error:
            message = f"{name}: {error}"
            raise DrillError(message) from error
