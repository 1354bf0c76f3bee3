"""Asks each broker by itself what it shows.

librdkafka asks any broker it likes and cannot be told which, for metadata; kafka-python can. It is imported here, at
the first look after a write: 0.2 s that a plan never pays.
"""

from __future__ import annotations

import importlib
import logging
import time
import warnings
from typing import TYPE_CHECKING, Any

from bizops.providers.kafka.api.client_config import translated
from bizops.providers.kafka.live.settling import BrokerView, ConfigView, PartitionView

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST = 3.0
_TOPIC = 2


class Brokers:
    """Every broker of a cluster, each asked by itself.

    `settings` are librdkafka's; `timeout` is in seconds, for one round of answers, three at most. `lacking` names
    settings that kafka-python has no word for: with these, no broker can be asked by itself.
    """

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self._settings, self.lacking = translated(settings)
        self._seconds = min(timeout, _LONGEST)
        self._client: Any = None
        self._numbers: list[int] = []
        self._silent_since: dict[int, float] = {}

    @property
    def is_connected(self) -> bool:
        """True where a look needs no addresses first."""
        return bool(self._numbers)

    def connect(self, addresses: Sequence[str]) -> None:
        """Connect to the cluster through one of the brokers at `addresses`, which answered a moment ago.

        Raises nothing: where it fails, the next look says so.
        """
        import_quietly()
        from kafka.errors import KafkaError  # noqa: PLC0415 - 0.2 s that a plan never pays
        from kafka.net.compat import KafkaNetClient  # noqa: PLC0415 - as above

        logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
        self.close()
        try:
            self._client = KafkaNetClient(
                client_id="bizops",
                request_timeout_ms=int(self._seconds * 1000),
                reconnect_backoff_ms=100,
                reconnect_backoff_max_ms=1000,
                **{**self._settings, "bootstrap_servers": list(addresses)},
            )
            self._client.get_broker_version(timeout_ms=self._seconds * 1000)
            self._numbers = sorted(broker.node_id for broker in self._client.cluster.brokers())
        except (KafkaError, OSError):
            self.close()

    def look(self, names: Sequence[str], keys: Mapping[str, Iterable[str]]) -> list[BrokerView]:
        """Ask every broker about topics, and about some config keys of some of them; raises nothing.

        Gives no view where no broker could be connected to.
        """
        deadline = time.monotonic() + self._seconds
        asked = {number: self._sent(number, _requests(names, keys)) for number in self._numbers}
        views = [self._view(number, futures, deadline) for number, futures in asked.items()]
        listed = {
            broker.node_id
            for view, futures in zip(views, asked.values(), strict=True)
            if not view.problem
            for broker in futures[0].value.brokers
        }
        if not listed <= set(asked):
            self._numbers = []  # one came or came back: its address is not known yet
        elif listed:
            self._numbers = sorted(listed)
        return views

    @property
    def numbers(self) -> tuple[int, ...]:
        """The ids of the brokers that are connected to."""
        return tuple(self._numbers)

    def ask(self, requests: Mapping[int, Any]) -> dict[int, Any]:
        """Send one request to each of these brokers, and give each one's response, or a text that says why not."""
        deadline = time.monotonic() + self._seconds
        sent = {number: self._sent(number, [asked]) for number, asked in requests.items()}
        answers: dict[int, Any] = {}
        for number, (future,) in sent.items():
            self._client.poll(timeout_ms=_left(deadline), future=future)
            why = f": {_brief(future.exception)}" if future.is_done else ""
            has_answered = future.is_done and not future.failed()
            answers[number] = (
                future.value if has_answered else f"{self._name(number)} does not answer{why}"
            )
        return answers

    def close(self) -> None:
        """Let go of all connections."""
        self._numbers = []
        if self._client is not None:
            self._client.close()
            self._client = None

    def _name(self, number: int) -> str:
        broker = self._client.cluster.broker_metadata(number)
        return f"broker {number} ({broker.host}:{broker.port})" if broker else f"broker {number}"

    def _silence(self, number: int) -> float:
        """Give the seconds since this broker was first found silent."""
        now = time.monotonic()
        return now - self._silent_since.setdefault(number, now)

    def _sent(self, number: int, requests: Sequence[Any]) -> list[Any]:
        """Send requests to a broker. They wait for its connection, while those to the other brokers do not."""
        return [self._client.send(number, request) for request in requests]

    def _view(self, number: int, futures: Sequence[Any], deadline: float) -> BrokerView:
        name = self._name(number)
        for future in futures:
            self._client.poll(timeout_ms=_left(deadline), future=future)
            if not future.is_done or future.failed():
                why = f": {_brief(future.exception)}" if future.is_done else ""
                return BrokerView(
                    name, number, problem=f"does not answer{why}", silence=self._silence(number)
                )
        self._silent_since.pop(number, None)
        topics = {
            topic.name: tuple(
                PartitionView.of(part.leader_id, part.replica_nodes, part.isr_nodes)
                for part in topic.partitions
            )
            for topic in futures[0].value.topics
            if topic.error_code == 0
        }
        values = {
            result.resource_name: {
                config.name: ConfigView(config.value, config.config_source)
                for config in result.configs
            }
            for future in futures[1:]
            for result in future.value.results
        }
        return BrokerView(name, number, topics, values)


def import_quietly() -> None:
    """Import kafka-python without the deprecation that it meets on Python 3.11 (`importlib.resources.read_text`)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        importlib.import_module("kafka")


def _requests(names: Sequence[str], keys: Mapping[str, Iterable[str]]) -> list[Any]:
    from kafka.protocol.admin import DescribeConfigsRequest  # noqa: PLC0415 - as above
    from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - as above

    topics = [MetadataRequest.MetadataRequestTopic(name=name) for name in names]
    found: list[Any] = [MetadataRequest(topics=topics, allow_auto_topic_creation=False)]
    if keys:
        resources = [
            DescribeConfigsRequest.DescribeConfigsResource(
                resource_type=_TOPIC, resource_name=name, configuration_keys=sorted(wanted)
            )
            for name, wanted in sorted(keys.items())
        ]
        found.append(DescribeConfigsRequest(resources=resources, include_synonyms=False))
    return found


def _left(deadline: float) -> float:
    """Give the milliseconds that are left, and never none: kafka-python takes 0 for no limit."""
    return max(1.0, (deadline - time.monotonic()) * 1000)


def _brief(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
