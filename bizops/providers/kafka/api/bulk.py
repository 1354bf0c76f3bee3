"""The four writes of the admin protocol, in pieces that KRaft takes.

A KRaft controller refuses a request that makes more than 10,000 records (one for each topic, partition and config):
"excessively large batch" (KAFKA-17870). Each function gives None or the KafkaError of each topic. A deadline is that of
silence: it begins anew with each piece that is answered, however many there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from bizops.provider import never
from bizops.providers.kafka.api.client import is_silence, settled
from bizops.providers.kafka.declared import configs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from bizops.providers.kafka.api.client import Client
    from bizops.providers.kafka.api.deadline import Deadline
    from bizops.resource import Path

    Ask = Callable[[list[str], float], Mapping[Any, Future[Any]]]

Answers = dict[str, KafkaError | None]

RECORDS = 5_000
"""How many records go into one request: half of what KRaft takes, so that a slow controller answers in time."""
_BROKER_DEFAULT = -1


def create(
    client: Client,
    wanted: Mapping[str, Mapping[Path, Any]],
    deadline: Deadline,
    is_stopped: Callable[[], bool] = never,
    *,
    validate_only: bool = False,
) -> Answers:
    """Create topics from their settings by path; what is left out is the broker's default."""

    def new(name: str) -> NewTopic:
        fields = wanted[name]
        return NewTopic(
            name,
            num_partitions=fields.get(("partitions",), _BROKER_DEFAULT),
            replication_factor=fields.get(("replication_factor",), _BROKER_DEFAULT),
            config={
                path[1]: configs.stored(value)
                for path, value in sorted(fields.items())
                if path[0] == "configs"
            },
        )

    weights = {
        name: 1 + fields.get(("partitions",), 1) + sum(path[0] == "configs" for path in fields)
        for name, fields in wanted.items()
    }
    return _in_pieces(
        client,
        deadline,
        weights,
        lambda names, seconds: client.controller().create_topics(
            [new(name) for name in names],
            operation_timeout=seconds,
            request_timeout=seconds,
            validate_only=validate_only,
        ),
        is_stopped,
    )


def grow(
    client: Client, totals: Mapping[str, int], weights: Mapping[str, int], deadline: Deadline
) -> Answers:
    """Grow topics to a total number of partitions; `weights` are the numbers that are added."""
    return _in_pieces(
        client,
        deadline,
        weights,
        lambda names, seconds: client.controller().create_partitions(
            [NewPartitions(name, totals[name]) for name in names],
            operation_timeout=seconds,
            request_timeout=seconds,
        ),
    )


def alter(
    client: Client,
    wanted: Mapping[str, Mapping[str, Any]],
    deadline: Deadline,
    *,
    validate_only: bool = False,
) -> Answers:
    """Set config keys of topics, or take those away whose value is None; every other key stays as it is."""

    def entry(key: str, value: Any) -> ConfigEntry:  # noqa: ANN401 - a config value of any type
        if value is None:
            return ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE)
        stored = configs.stored(value)
        return ConfigEntry(key, stored, incremental_operation=AlterConfigOpType.SET)

    def resource(name: str) -> ConfigResource:
        entries = [entry(key, value) for key, value in sorted(wanted[name].items())]
        return ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=entries)

    def ask(names: list[str], seconds: float) -> Mapping[Any, Future[Any]]:
        answers = client.controller().incremental_alter_configs(
            [resource(name) for name in names],
            request_timeout=seconds,
            validate_only=validate_only,
        )
        return {asked.name: future for asked, future in answers.items()}

    weights = {name: len(pairs) for name, pairs in wanted.items()}
    return _in_pieces(client, deadline, weights, ask)


def delete(
    client: Client,
    names: Sequence[str],
    deadline: Deadline,
    is_stopped: Callable[[], bool] = never,
) -> Answers:
    """Delete topics with all that is in them."""
    return _in_pieces(
        client,
        deadline,
        dict.fromkeys(names, 5),
        lambda piece, seconds: client.controller().delete_topics(
            piece, operation_timeout=seconds, request_timeout=seconds
        ),
        is_stopped,
    )


def pieces(weights: Mapping[str, int], limit: int) -> Iterator[list[str]]:
    """Cut names into runs whose weights add up to the limit at most; one that is heavier goes alone."""
    piece: list[str] = []
    weight = 0
    for name in sorted(weights):
        if piece and weight + weights[name] > limit:
            yield piece
            piece, weight = [], 0
        piece.append(name)
        weight += weights[name]
    if piece:
        yield piece


def _in_pieces(
    client: Client,
    deadline: Deadline,
    weights: Mapping[str, int],
    ask: Ask,
    is_stopped: Callable[[], bool] = never,
) -> Answers:
    """Ask piece after piece; after one that nobody answered the rest is not sent: it would wait as long.

    From when `is_stopped` is True nothing more is sent, and the rest has no answer.
    """
    answers: Answers = {}
    for piece in pieces(weights, RECORDS):
        if is_stopped():
            break
        try:
            answers.update(settled(ask(piece, min(client.patience, deadline.left))))
        except KafkaException as error:
            cause: Any = error.args[0]
            answers.update(dict.fromkeys(piece, cause))
        silence = next((answers[name] for name in piece if is_silence(answers[name])), None)
        if silence is not None:
            return dict.fromkeys(weights, silence) | answers
        deadline.extend()
    return answers
