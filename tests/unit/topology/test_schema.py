"""The JSON Schema that `bizops schema` prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from bizops import topology

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "topology" / "bizosaas.yaml", *sorted((ROOT / "topology" / "env").glob("*.yaml"))]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Give a validator of the schema, which must be a schema itself."""
    schema = topology.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_files_that_are_shipped_keep_the_schema(
    validator: jsonschema.Draft202012Validator, file: Path
) -> None:
    """An editor finds nothing wrong with a file that loads, overlays included."""
    content = yaml.safe_load(file.read_text(encoding="utf-8"))

    assert [error.message for error in validator.iter_errors(content)] == []


@pytest.mark.parametrize(
    "content",
    [
        {"kafkaa": {}},
        {"bizops": 2},
        {"name": "No Name"},
        {"connections": {"kafkaa": {}}},
        {"kafka": {"topics": {"orders": {"partitons": 3}}}},
        {"kafka": {"topics": {"orders": {"partitions": "three"}}}},
        {"kafka": {"topics": ["orders"]}},
        {"kafka": {"owns": {"topic": ["orders*"]}}},
        {"rabbitmq": {"queues": {"orders": {"priority": 10}}}},
        {"rabbitmq": {"queues": {"orders": {"max_priority": 256}}}},
        {"rabbitmq": {"queues": {"orders": {"max_length": -1}}}},
        {"rabbitmq": {"owns": {"queues": ["or*"]}}},
        {"swarm": {"services": {"web": {"deploy": {"replcas": 3}}}}},
    ],
    ids=str,
)
def test_what_the_loader_refuses_the_schema_refuses(
    validator: jsonschema.Draft202012Validator, content: dict[str, Any]
) -> None:
    """The editor marks the slip before anything is run."""
    assert not validator.is_valid(content)


@pytest.mark.parametrize(
    "content",
    [
        {"x-topic": {"anything": 1}},
        {"kafka": None},
        {"kafka": {"topics": {"orders": None}}},
        {"kafka": {"topics": {"orders": {"partitions": "${PARTITIONS:-3}", "configs": None}}}},
        {
            "kafka": {
                "topics": {"orders": {"needs": ["kafka.topic/b"], "lifecycle": {"protect": True}}}
            }
        },
    ],
    ids=str,
)
def test_templates_nulls_and_common_keys_keep_the_schema(
    validator: jsonschema.Draft202012Validator, content: dict[str, Any]
) -> None:
    """What works in a file is not marked as wrong."""
    assert [error.message for error in validator.iter_errors(content)] == []
