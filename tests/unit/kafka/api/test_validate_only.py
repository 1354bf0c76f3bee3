"""K1: what the cluster says to a pin that a plan would write, before it is written."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError

from bizops.providers.kafka.api import bulk, validate_only
from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.providers.kafka.live.observation import unpinned
from bizops.quantity import Duration
from bizops.resource import Address, Field, Observation, Presence, Resource

DENIED = KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)
REFUSED = KafkaError(KafkaError.POLICY_VIOLATION)
RETENTION = ("configs", "retention.ms")
WEEK = Duration.parse("7d")


class Client:
    patience = 1.0


def topic(name: str, live: Duration) -> tuple[Resource, Observation]:
    """Declare seven days of a topic that has so much by the broker's default."""
    address = Address("kafka", "topic", (name,))
    spec = TopicSpec.model_validate({"configs": {"retention.ms": "7d"}})
    field = Field(live, "broker default", inherited="the broker's default")
    return Resource(address, spec), Observation(address, Presence.PRESENT, ((RETENTION, field),))


@pytest.mark.parametrize("error", [DENIED, REFUSED, None])
def test_k1_a_pin_that_cannot_be_set_is_told_and_refuses_nothing(
    monkeypatch: pytest.MonkeyPatch, error: KafkaError | None
) -> None:
    """Nothing differs, so a plan that had no changes before goes on having none."""
    client: Any = Client()
    resource, observed = topic("t", WEEK)
    monkeypatch.setattr(bulk, "alter", lambda *_args, **_kwargs: {"t": error})

    found = validate_only.tried(client, [resource], {resource.address: observed})

    assert not found.refused
    assert found.unpinned == ([] if error is None else ["t"])
    assert len(found.warnings) == len(found.unpinned)
    assert all("t should have of its own" in text for text in found.warnings)
    assert not any(field.inherited for _, field in unpinned(observed).fields)


def test_k1_a_refusal_is_one_where_a_setting_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = Client()
    resource, observed = topic("t", Duration.parse("1d"))
    monkeypatch.setattr(bulk, "alter", lambda *_args, **_kwargs: {"t": REFUSED})

    found = validate_only.tried(client, [resource], {resource.address: observed})

    assert list(found.refused) == ["t"]
    assert not found.unpinned
