"""How a topic may change, as a table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bizops.provider import Transition
from bizops.providers.kafka import TOPIC, rules
from bizops.providers.kafka.declared import configs
from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.resource import Address, Field, Observation, Presence, Resource

CASES: list[dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("rules.yaml").read_text(encoding="utf-8")
)


def _value(path: tuple[str, ...], value: Any) -> Any:
    return configs.normalised(path[1], value) if path[0] == "configs" else value


def _label(case: dict[str, Any]) -> str:
    return f"{case['path']} {case['before']} to {case['after']}"


@pytest.mark.parametrize("case", CASES, ids=_label)
def test_each_change_of_a_topic_has_its_verdict(case: dict[str, Any]) -> None:
    """In place, in place losing data, or never: as the table says, with words."""
    head, _, tail = case["path"].partition(".")
    path = (head, tail) if tail else (head,)
    address = Address("kafka", "topic", ("t",))
    live = tuple(
        (("configs", key), Field(configs.observed(key, value), "topic config"))
        for key, value in case.get("live", {}).items()
    )
    resource = Resource(address, TopicSpec.model_validate({"configs": case.get("declared", {})}))
    transition = Transition(
        path,
        _value(path, case["before"]),
        _value(path, case["after"]),
        "topic config",
        resource,
        Observation(address, Presence.PRESENT, live),
    )

    verdict = TOPIC.rule(path)(transition)

    said = " ".join((verdict.why, *verdict.remedies, *verdict.warnings))
    assert case["verdict"] == verdict.mutability.name
    assert case.get("says", "") in said
    assert bool(verdict.remedies) == (verdict.mutability.name == "NEVER")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("domain.orders", ""),
        ("A-b_c.9", ""),
        ("x" * 249, ""),
        ("x" * 250, "250 characters"),
        (".", "cannot have this name"),
        ("..", "cannot have this name"),
        ("", "cannot have this name"),
        ("a b", "letters, digits"),
        ("bestellungen.ä", "letters, digits"),
        ("a/b", "letters, digits"),
        ("a\n", "letters, digits"),
    ],
)
def test_a_name_that_kafka_would_refuse_is_told_beforehand(name: str, problem: str) -> None:
    """Kafka's own rules for topic names."""
    found = rules.name_problem(name)

    assert (problem in found) if problem else not found


@pytest.mark.parametrize(
    ("name", "is_protected"),
    [
        ("__consumer_offsets", True),
        ("__share_group_state", True),
        ("_schemas", True),
        ("_schemas_encoders", True),
        ("_mine", False),
        ("domain.orders", False),
    ],
)
def test_kafkas_own_topics_are_protected(name: str, *, is_protected: bool) -> None:
    """What the cluster and the Schema Registry keep for themselves is never touched."""
    assert is_protected == TOPIC.protected(name)


def _resource(name: str, **spec: Any) -> Resource:
    return Resource(Address("kafka", "topic", (name,)), TopicSpec.model_validate(spec))


def test_more_replicas_in_sync_than_there_are_is_found_offline() -> None:
    """RF 1 with min.insync.replicas 2 refuses every write with acks=all."""
    good = _resource("a", replication_factor=2, configs={"min.insync.replicas": "2"})
    bad = _resource("b", replication_factor=1, configs={"min.insync.replicas": 2})

    found = list(rules.check([bad, good], None))

    assert ["kafka.topic/b"] == [str(finding.address) for finding in found]
    assert found[0].path == ("configs", "min.insync.replicas")
    assert "2 is more than replication_factor 1" in found[0].problem


def test_names_that_collide_in_metrics_are_found_offline() -> None:
    """Kafka refuses a_b beside a.b."""
    found = list(rules.check([_resource("a_b"), _resource("a.b"), _resource("a-b")], None))

    assert ["kafka.topic/a_b"] == [str(finding.address) for finding in found]
    assert "a.b" in found[0].problem
    assert not found[0].is_warning
