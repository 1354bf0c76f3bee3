from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bizops.providers.kafka.declared.defaults import default
from bizops.quantity import Duration

if TYPE_CHECKING:
    from bizops.providers.kafka.declared.configs import Value

BROKER = {
    "log.retention.hours": "168",
    "log.roll.ms": "1000",
    "log.roll.hours": "168",
    "min.insync.replicas": "2",
    "log.cleaner.delete.retention.ms": "86400000",
    "message.max.bytes": "1048588",
    "log.message.timestamp.type": "CreateTime",
}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("retention.ms", Duration.parse("7d")),
        ("segment.ms", Duration.parse("1s")),
        ("min.insync.replicas", 2),
        ("delete.retention.ms", Duration.parse("1d")),
        ("max.message.bytes", 1048588),
        ("message.timestamp.type", "CreateTime"),
        ("remote.storage.enable", "false"),
        ("flush.ms", None),
        ("of.some.vendor", None),
    ],
)
def test_s8_a_default_is_the_brokers_setting_behind_the_config(
    key: str, expected: Value | None
) -> None:
    """The first of several that is set, in the unit of the config."""
    assert default(key, BROKER) == expected


def test_s8_an_unlimited_retention_of_the_broker_stays_unlimited() -> None:
    assert default("retention.ms", {"log.retention.hours": "-1"}) == -1
