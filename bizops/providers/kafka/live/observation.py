"""From what the cluster says of a topic to an observation; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from confluent_kafka import KafkaError

from bizops.providers.kafka import error_messages
from bizops.providers.kafka.declared import configs, defaults
from bizops.providers.kafka.live.members import away
from bizops.resource import Address, Field, Observation, Path, Presence, absent, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from confluent_kafka.admin import ConfigEntry, TopicMetadata

    from bizops.providers.kafka.declared.specs import TopicSpec
    from bizops.providers.kafka.live.members import Members
    from bizops.resource import Resource

_ORIGINS = {
    1: "topic config",
    2: "broker config",
    3: "cluster-wide broker config",
    4: "static broker config",
    5: "broker default",
}
_OVERRIDE = 1
_INHERITED = {
    2: "the broker's default",
    3: "the default of all brokers",
    4: "the broker's default",
    5: "the broker's default",
}
"""From whom a topic has what it does not have itself. Where a broker does not tell (0) it is taken for its own."""
_ALWAYS = frozenset({"cleanup.policy"})
"""Keys that rules look at whether declared or not."""


def topic_address(name: str) -> Address:
    """Give the address of a topic."""
    return Address("kafka", "topic", (name,))


def observation(
    topic: TopicMetadata,
    entries: Mapping[str, ConfigEntry] | KafkaError | None,
    spec: TopicSpec | None,
    members: Members,
    broker: Mapping[str, str] | None = None,
) -> Observation:
    """Give the observation of a topic that the metadata lists.

    `entries` are its configs, or why they could not be read. `spec` is None for a topic that nobody declares.
    `broker` are the settings in force on a broker, where overrides that nobody declares are to go back to them.
    """
    name = str(topic.topic)
    if topic.error is not None:
        return unreadable(topic_address(name), error_messages.said(topic.error))
    if isinstance(entries, KafkaError) and (
        spec is None or spec.configs or not _is_denied(entries)
    ):
        return unreadable(topic_address(name), _why_not(entries, name))
    fields: dict[Path, Field] = {
        ("partitions",): Field(len(topic.partitions), "topic"),
        ("replication_factor",): Field(_replication_factor(topic), "topic"),
    }
    notes: list[str] = []
    if isinstance(entries, KafkaError):
        notes.append(f"its configs cannot be read: {_why_not(entries, name)}")
    else:
        fields.update(_config_fields(entries or {}, spec))
        if broker is None:
            notes.extend(_config_notes(entries or {}, spec))
        else:
            assert spec is not None  # noqa: S101 - only declared topics are reset
            fields.update(_resets(entries or {}, spec, broker))
    return Observation(
        topic_address(name),
        Presence.PRESENT,
        tuple(sorted(fields.items())),
        counts=(("partitions", len(topic.partitions)),),
        notes=tuple(notes),
        away=away(topic, members),
    )


def differing(resource: Resource, observed: Observation) -> tuple[tuple[Path, Any], ...]:
    """Give the declared settings that a live topic does not have of its own, with their declared values."""
    live = dict(observed.fields)
    return tuple(
        (path, value)
        for path, value in sorted(resource.spec.fields().items())
        if path not in live or live[path].value != value or live[path].inherited
    )


def missing(name: str, error: KafkaError | None) -> Observation:
    """Give the observation of a topic that the metadata does not list; `error` is what asking by name gave.

    No error means that another broker knows it: it was created a moment ago.
    """
    if error is None:
        return unreadable(topic_address(name), "not every broker knows it yet: plan again")
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return absent(topic_address(name))
    return unreadable(topic_address(name), _why_not(error, name, "Describe"))


def _replication_factor(topic: TopicMetadata) -> int | str:
    """Look at every partition: while one is being moved it has more replicas than the others."""
    counts = sorted({len(part.replicas) for part in topic.partitions.values()})
    return counts[0] if len(counts) == 1 else " or ".join(map(str, counts))


def _config_fields(entries: Mapping[str, ConfigEntry], spec: TopicSpec | None) -> dict[Path, Field]:
    declared = dict(spec.configs) if spec else {}
    fields: dict[Path, Field] = {}
    for key, entry in entries.items():
        if key in declared or key in _ALWAYS or _is_override(key, entry):
            origin = _ORIGINS.get(source(entry), "")
            if entry.value is not None:
                inherited = _INHERITED.get(source(entry), "") if key in declared else ""
                value = configs.observed(key, entry.value)
                fields["configs", key] = Field(value, origin, inherited=inherited)
            elif entry.is_sensitive and key in declared:
                fields["configs", key] = Field(declared[key], f"{origin}, hidden")
    return fields


def to_reset(
    declared: Mapping[str, Resource],
    read: Mapping[str, Mapping[str, ConfigEntry] | KafkaError],
    undeclared_configs: str,
) -> frozenset[str]:
    """Give the topics whose undeclared overrides are to go: `undeclared_configs` is what the section says."""
    specs: dict[str, Any] = {name: resource.spec for name, resource in declared.items()}
    return frozenset(
        name
        for name, entries in read.items()
        if name in specs
        and not isinstance(entries, KafkaError)
        and (specs[name].undeclared_configs or undeclared_configs) == "reset"
        and any(True for _ in _undeclared(entries, specs[name]))
    )


def _undeclared(
    entries: Mapping[str, ConfigEntry], spec: TopicSpec
) -> Iterator[tuple[str, ConfigEntry]]:
    declared = dict(spec.configs)
    for key, entry in sorted(entries.items()):
        if key not in declared and _is_override(key, entry) and entry.value is not None:
            yield key, entry


def _resets(
    entries: Mapping[str, ConfigEntry], spec: TopicSpec, broker: Mapping[str, str]
) -> Iterator[tuple[Path, Field]]:
    """Give the overrides that nobody declares as ours to take away."""
    for key, entry in _undeclared(entries, spec):
        value = configs.observed(key, str(entry.value))
        default = defaults.default(key, broker)
        yield (
            ("configs", key),
            Field(value, _ORIGINS[_OVERRIDE], ours=True, default=default, default_of="broker"),
        )


def _config_notes(entries: Mapping[str, ConfigEntry], spec: TopicSpec | None) -> Iterator[str]:
    if spec is None:
        return
    for key in sorted(dict(spec.configs).keys() & entries.keys()):
        if entries[key].value is None and entries[key].is_sensitive:
            yield f"{key} is hidden by the broker and was not compared"
    for key, entry in _undeclared(entries, spec):
        value = configs.observed(key, str(entry.value))
        yield f"{key} = {value} is set live and declared nowhere"


def _is_override(key: str, entry: ConfigEntry) -> bool:
    return source(entry) == _OVERRIDE and not configs.is_ignored(key)


def source(entry: ConfigEntry) -> int:
    """Give the number of the source: the client gives it bare, its types promise an enum."""
    found = cast("Any", entry).source
    return int(getattr(found, "value", found))


def unpinned(observed: Observation) -> Observation:
    """Give the observation of a topic on which nothing can be set: what it inherits is taken for its own."""
    fields = tuple((path, replace(field, inherited="")) for path, field in observed.fields)
    return replace(observed, fields=fields)


def _is_denied(error: KafkaError) -> bool:
    return error.code() in error_messages.DENIED


def _why_not(error: KafkaError, name: str, right: str = "DescribeConfigs") -> str:
    if _is_denied(error):
        return f"{error_messages.said(error)}: needs {right} on topic {name}"
    if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return "it comes or goes right now: plan again"
    return error_messages.said(error)
