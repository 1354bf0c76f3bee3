"""Asks the cluster to check creations and config changes without writing: `validate_only` requests.

The broker alone knows which configs exist, which values they take, and which policies its operator has set. Creating
is tried once for each combination of settings, because the controller needs 0.7 ms a topic (Kafka 4.3); a name that
it would refuse is found without it, and is not among those that are tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError

from bizops.providers.kafka import error_messages
from bizops.providers.kafka.api import bulk
from bizops.providers.kafka.api.deadline import Deadline
from bizops.providers.kafka.live.cluster import Said
from bizops.providers.kafka.live.members import some
from bizops.providers.kafka.live.observation import differing
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.providers.kafka.api.client import Client
    from bizops.resource import Address, Observation, Resource

_Groups = dict[tuple[Any, ...], list[str]]


class Trial:
    """What came of trying: `refused` gives what Kafka said by topic, `warnings` why something was not tried.

    `unpinned` are topics of which nothing differs, and on which what they inherit may not be set: no reason to refuse.
    """

    def __init__(self) -> None:
        self.refused: dict[str, Said] = {}
        self.warnings: list[str] = []
        self.unpinned: list[str] = []

    def note(self, names: Sequence[str], error: KafkaError | None, right: str) -> None:
        """Keep the answer for all topics with the same settings."""
        if error is None or error.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return
        if error.code() in error_messages.DENIED:
            warning = f"kafka: not tried beforehand, apply would fail: this user lacks {right}"
        elif error.code() in error_messages.TRANSIENT:
            warning = (
                f"kafka: {names[0]} could not be tried beforehand: {error_messages.said(error)}"
            )
        else:
            is_factor = error.code() == KafkaError.INVALID_REPLICATION_FACTOR
            said = Said(error_messages.said(error), "replication_factor" if is_factor else "")
            self.refused.update(dict.fromkeys(names, said))
            return
        if warning not in self.warnings:
            self.warnings.append(warning)

    def note_pins(self, names: Sequence[str], error: KafkaError | None) -> None:
        """Keep the answer for topics of which nothing differs."""
        if error is None:
            return
        self.unpinned += names
        needs = ": needs AlterConfigs on the topic" if error.code() in error_messages.DENIED else ""
        self.warnings.append(
            f"kafka: configs that {some(names)} should have of its own stay the broker's defaults, which others may "
            f"change: {error_messages.said(error)}{needs}"
        )


def tried(
    client: Client, resources: Sequence[Resource], found: Mapping[Address, Observation]
) -> Trial:
    """Try what would be created and which configs would be changed; nothing is written."""
    trial = Trial()
    creations: _Groups = {}
    alterations: _Groups = {}
    pins: _Groups = {}
    for resource in resources:
        observed = found[resource.address]
        name = resource.address.name
        if observed.presence is Presence.ABSENT:
            creations.setdefault(tuple(sorted(resource.spec.fields().items())), []).append(name)
        elif observed.presence is Presence.PRESENT and (wanted := _configs(resource, observed)):
            is_pinned = all(_is_pin(observed, key, value) for key, value in wanted)
            (pins if is_pinned else alterations).setdefault(wanted, []).append(name)
    if creations:
        specs = {names[0]: dict(fields) for fields, names in creations.items()}
        answers = bulk.create(client, specs, Deadline(client.patience), validate_only=True)
        for names in creations.values():
            trial.note(names, answers[names[0]], "Create on the topic or the cluster")
    if alterations or pins:
        asked = [*alterations.items(), *pins.items()]
        values = {names[0]: dict(pairs) for pairs, names in asked}
        answers = bulk.alter(client, values, Deadline(client.patience), validate_only=True)
        for names in alterations.values():
            trial.note(names, answers[names[0]], "AlterConfigs on the topic")
        for names in pins.values():
            trial.note_pins(names, answers[names[0]])
    return trial


def _configs(resource: Resource, observed: Observation) -> tuple[tuple[str, Any], ...]:
    found = differing(resource, observed)
    return tuple((path[1], value) for path, value in found if path[0] == "configs")


def _is_pin(observed: Observation, key: str, value: object) -> bool:
    found = dict(observed.fields).get(("configs", key))
    return found is not None and bool(found.inherited) and found.value == value
