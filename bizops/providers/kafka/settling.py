"""Has every broker taken over what was written?

"Created" is true on the controller first: right after 1,000 creations a broker of Kafka 4.3 listed one. librdkafka
asks any broker it likes and cannot be told which, so each broker is asked with kafka-python, which can. It is imported
here, at the first look after a write: 0.2 s that a plan never pays.
"""

from __future__ import annotations

import importlib
import logging
import time
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Readiness
from bizops.providers.kafka import configs
from bizops.providers.kafka.translation import translated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bizops.change import Change, Step

_LONGEST = 5.0
_TOPIC = 2


@dataclass(frozen=True, slots=True)
class BrokerView:
    """What one broker shows: partitions and how many of them have a leader, by topic; config values, by topic.

    `problem` is why it showed nothing.
    """

    broker: str
    topics: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    problem: str = ""

    def lacks(self, step: Step) -> str:
        """Say what of a step this broker does not show yet, or ""."""
        change = _change(step)
        name = change.address.name
        if self.problem:
            return f"{self.broker} {self.problem}"
        if step.action is Action.DELETE:
            return f"{self.broker} still lists it" if name in self.topics else ""
        if name not in self.topics:
            return f"{self.broker} does not list it yet"
        count, led = self.topics[name]
        wanted = max(_partitions(change), count)
        if led < wanted:
            return f"{self.broker} shows {led} of {wanted} partitions with a leader"
        for key, value in sorted(altered(step).items()):
            shown = self.values.get(name, {}).get(key)
            if shown is None or configs.observed(key, shown) != value:
                return f"{self.broker} does not show {key} {value} yet"
        return ""


class Brokers:
    """Every broker of a cluster, each asked by itself.

    `settings` are librdkafka's; `timeout` is in seconds, for one round of answers. `lacking` names settings that
    kafka-python has no word for: with these, no broker can be asked by itself.
    """

    def __init__(self, settings: Mapping[str, str], timeout: float) -> None:
        self._settings, self.lacking = translated(settings)
        self._seconds = min(timeout, _LONGEST)
        self._client: Any = None

    def look(self, names: Sequence[str], keys: Mapping[str, Iterable[str]]) -> list[BrokerView]:
        """Ask every broker about topics, and about some config keys of some of them; raises nothing."""
        _import_quietly()
        from kafka.errors import KafkaError  # noqa: PLC0415 - 0.2 s that a plan never pays

        deadline = time.monotonic() + self._seconds
        try:
            numbers = self._connect(deadline)
        except (KafkaError, OSError) as error:
            self.close()
            return [BrokerView("the cluster", problem=f"does not answer: {_brief(error)}")]
        asked = {
            number: [self._client.send(number, request) for request in _requests(names, keys)]
            for number in numbers
        }
        return [self._view(number, futures, deadline) for number, futures in asked.items()]

    def close(self) -> None:
        """Let go of all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _connect(self, deadline: float) -> list[int]:
        """Give the ids of the brokers that the cluster names now, with a connection to those that answer."""
        from kafka.net.compat import KafkaNetClient  # noqa: PLC0415 - as above
        from kafka.protocol.metadata import MetadataRequest  # noqa: PLC0415 - as above

        if self._client is None:
            logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
            self._client = KafkaNetClient(
                client_id="bizops",
                request_timeout_ms=int(self._seconds * 1000),
                reconnect_backoff_ms=100,
                reconnect_backoff_max_ms=1000,
                **self._settings,
            )
            self._client.get_broker_version(timeout_ms=_left(deadline))
        someone = self._client.least_loaded_node(bootstrap_fallback=True)
        request = MetadataRequest(topics=[], allow_auto_topic_creation=False)
        answer = self._client.send_and_receive(someone, request, timeout_ms=_left(deadline))
        self._client.cluster.update_metadata(answer)
        numbers = sorted(broker.node_id for broker in answer.brokers)
        for number in numbers:
            self._client.maybe_connect(number)
        for number in numbers:
            self._await_connection(number, deadline)
        return numbers

    def _await_connection(self, number: int, deadline: float) -> None:
        from kafka.errors import KafkaError  # noqa: PLC0415 - as above

        try:
            self._client.await_ready(number, timeout_ms=_left(deadline))
        except KafkaError:
            return

    def _view(self, number: int, futures: Sequence[Any], deadline: float) -> BrokerView:
        broker = self._client.cluster.broker_metadata(number)
        name = f"broker {number} ({broker.host}:{broker.port})" if broker else f"broker {number}"
        for future in futures:
            self._client.poll(timeout_ms=_left(deadline), future=future)
            if not future.is_done:
                return BrokerView(name, problem="does not answer")
            if future.failed():
                return BrokerView(name, problem=f"does not answer: {_brief(future.exception)}")
        topics = {
            topic.name: (
                len(topic.partitions),
                sum(part.leader_id >= 0 for part in topic.partitions),
            )
            for topic in futures[0].value.topics
            if topic.error_code == 0
        }
        values = {
            result.resource_name: {config.name: config.value for config in result.configs}
            for future in futures[1:]
            for result in future.value.results
        }
        return BrokerView(name, topics, values)


def readiness(steps: Sequence[Step], views: Sequence[BrokerView]) -> list[Readiness]:
    """Say for each step whether every view shows its outcome."""
    return [_readiness(step, views) for step in steps]


def altered(step: Step) -> dict[str, Any]:
    """Give the config values that an update sets; a creation sets them together with the topic."""
    if step.action is not Action.UPDATE:
        return {}
    return {f.path[1]: f.after for f in _change(step).fields if f.path[0] == "configs"}


def _readiness(step: Step, views: Sequence[BrokerView]) -> Readiness:
    lacking = [text for view in views if (text := view.lacks(step))]
    if lacking or not views:
        others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        return Readiness(detail=f"{lacking[0]}{others}" if lacking else "no broker answers")
    brokers = f"all {len(views)} brokers" if len(views) > 1 else views[0].broker
    if step.action is Action.DELETE:
        return Readiness(settled=True, detail=f"gone from {brokers}")
    count = views[0].topics[_change(step).address.name][0]
    return Readiness(
        settled=True, detail=f"{count} partition{'' if count == 1 else 's'}, {brokers}"
    )


def _import_quietly() -> None:
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


def _partitions(change: Change) -> int:
    return getattr(change.resource.spec, "partitions", None) or 1 if change.resource else 1


def _change(step: Step) -> Change:
    assert step.change is not None  # noqa: S101 - this provider derives no writes
    return step.change
