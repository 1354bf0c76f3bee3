"""Has every broker taken over what was written?

"Created" is true on the controller first: right after 1,000 creations a broker of Kafka 4.3 listed one topic. A client
asks any broker it likes, so each broker that the metadata names is asked through a client of its own, and an answer
counts only where it came from that broker.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Action, Readiness
from bizops.providers.kafka import configs
from bizops.providers.kafka.client import Client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka import KafkaError
    from confluent_kafka.admin import ClusterMetadata, ConfigEntry, TopicMetadata

    from bizops.change import Change, Step

    Entries = dict[str, dict[str, ConfigEntry] | KafkaError]

_LONGEST = 5.0


class Brokers:
    """Every broker of a cluster, each with a client that talks to it alone.

    `settings` are librdkafka's, for the cluster; `timeout` is in seconds, for one broker's answer.
    """

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self._settings = settings
        self._timeout = min(timeout, _LONGEST)
        self._clients: dict[str, Client] = {}

    def readiness(self, named: ClusterMetadata, steps: Sequence[Step]) -> list[Readiness]:
        """Say for each step whether all brokers that `named` names show its outcome."""
        servers = {number: f"{b.host}:{b.port}" for number, b in sorted(named.brokers.items())}
        altered = sorted(
            {
                change.address.name
                for step in steps
                if step.action is Action.UPDATE and (change := _change(step)) and _altered(change)
            }
        )
        with ThreadPoolExecutor(max_workers=max(1, len(servers))) as pool:
            views = list(
                pool.map(lambda number: self._look(number, servers[number], altered), servers)
            )
        return [_readiness(step, views) for step in steps]

    def close(self) -> None:
        """Let go of all connections."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _look(self, number: int, server: str, altered: Sequence[str]) -> View:
        name = f"broker {number} ({server})"
        client = self._clients.setdefault(
            server, Client({**self._settings, "bootstrap.servers": server}, self._timeout)
        )
        try:
            metadata = client.metadata()
            entries = client.configs(altered) if altered else {}
        except errors.ProviderError as error:
            return View(name, problem=str(error))
        if metadata.orig_broker_id != number:
            self._clients.pop(server).close()
            return View(name, problem=f"broker {metadata.orig_broker_id} answered in its place")
        return View(name, dict(metadata.topics), entries)


class View:
    """What one broker shows; `problem` is why it showed nothing."""

    def __init__(
        self,
        broker: str,
        topics: Mapping[str, TopicMetadata] | None = None,
        entries: Entries | None = None,
        problem: str = "",
    ) -> None:
        self.broker = broker
        self.topics = topics or {}
        self.entries = entries or {}
        self.problem = problem

    def lacks(self, step: Step) -> str:
        """Say what of a step this broker does not show yet, or ""."""
        change = _change(step)
        name = change.address.name
        topic = self.topics.get(name)
        if self.problem:
            return f"{self.broker} does not answer: {self.problem}"
        if step.action is Action.DELETE:
            return f"{self.broker} still lists it" if topic else ""
        if topic is None:
            return f"{self.broker} does not list it yet"
        wanted = _partitions(change) or 1
        led = sum(part.leader >= 0 for part in topic.partitions.values())
        if len(topic.partitions) < wanted or led < len(topic.partitions):
            return f"{self.broker} shows {led} of {wanted} partitions with a leader"
        stale = self._stale(name, _altered(change) if step.action is Action.UPDATE else {})
        return f"{self.broker} does not show {stale} yet" if stale else ""

    def _stale(self, name: str, wanted: Mapping[str, object]) -> str:
        entries = self.entries.get(name, {})
        for key, value in sorted(wanted.items()):
            entry = entries.get(key) if isinstance(entries, dict) else None
            if entry is None:
                return key
            if entry.value is not None and configs.observed(key, entry.value) != value:
                return key
        return ""


def _readiness(step: Step, views: Sequence[View]) -> Readiness:
    lacking = [text for view in views if (text := view.lacks(step))]
    if lacking:
        others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        return Readiness(detail=f"{lacking[0]}{others}")
    count = len(views)
    brokers = f"all {count} brokers" if count > 1 else "the broker"
    if step.action is Action.DELETE:
        return Readiness(settled=True, detail=f"gone from {brokers}")
    parts = len(views[0].topics[_change(step).address.name].partitions) if views else 0
    plural = "" if parts == 1 else "s"
    return Readiness(settled=bool(views), detail=f"{parts} partition{plural}, {brokers}")


def _partitions(change: Change) -> int | None:
    return getattr(change.resource.spec, "partitions", None) if change.resource else None


def _altered(change: Change) -> dict[str, object]:
    return {field.path[1]: field.after for field in change.fields if field.path[0] == "configs"}


def _change(step: Step) -> Change:
    assert step.change is not None  # noqa: S101 - this provider derives no writes
    return step.change
