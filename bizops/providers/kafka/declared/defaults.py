"""What a topic config falls back to where it is not set: the broker's setting behind it; pure.

Source: `org.apache.kafka.server.config.ServerTopicConfigSynonyms` and `LogConfig` of Kafka 4. The synonyms that
DescribeConfigs gives for a topic do not tell: they leave out `log.retention.hours` where nobody set it (tried on 4.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.providers.kafka.declared import configs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNLIMITED = -1
_MINUTE, _HOUR = 60_000, 3_600_000
_RANKED = {
    "retention.ms": (
        ("log.retention.ms", 1),
        ("log.retention.minutes", _MINUTE),
        ("log.retention.hours", _HOUR),
    ),
    "segment.ms": (("log.roll.ms", 1), ("log.roll.hours", _HOUR)),
    "segment.jitter.ms": (("log.roll.jitter.ms", 1), ("log.roll.jitter.hours", _HOUR)),
    "flush.ms": (("log.flush.interval.ms", 1), ("log.flush.scheduler.interval.ms", 1)),
}
"""The first that is set counts; the number makes milliseconds of it."""
_CALLED = {
    "segment.index.bytes": "log.index.size.max.bytes",
    "flush.messages": "log.flush.interval.messages",
    "max.message.bytes": "message.max.bytes",
    "file.delete.delay.ms": "log.segment.delete.delay.ms",
    "min.cleanable.dirty.ratio": "log.cleaner.min.cleanable.ratio",
}
_OF_THE_TOPIC_ALONE = dict.fromkeys(
    ("remote.storage.enable", "remote.log.copy.disable", "remote.log.delete.on.disable"), "false"
)


def default(key: str, broker: Mapping[str, str]) -> configs.Value | None:
    """Give the value in force where a topic sets nothing; None where nobody knows.

    `broker` are the settings in force on a broker, by name, without those that are not set.
    """
    for name, factor in _RANKED.get(key, ()):
        if name in broker:
            return configs.observed(key, str(max(int(broker[name]) * factor, _UNLIMITED)))
    stored = next((broker[name] for name in _names(key) if name in broker), None)
    if stored is None:
        stored = _OF_THE_TOPIC_ALONE.get(key)
    return None if stored is None else configs.observed(key, stored)


def _names(key: str) -> Iterator[str]:
    if key in _CALLED:
        yield _CALLED[key]
    yield from (f"log.{key}", f"log.cleaner.{key}", key)
