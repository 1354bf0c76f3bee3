"""Topic configs: one form for what people write and what Kafka stores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bizops.providers.kafka.declared import configs

CASES: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("configs.yaml").read_text(encoding="utf-8")
)


def _label(case: dict[str, Any]) -> str:
    return f"{case['key']}={case.get('given')}"


@pytest.mark.parametrize("case", CASES["equal"], ids=_label)
def test_a_declared_value_equals_what_kafka_stores_for_it(case: dict[str, Any]) -> None:
    """Written, shown, stored and read back, a value stays the same."""
    wanted = configs.normalised(case["key"], case["given"])

    assert case["shown"] == str(wanted)
    assert case["stored"] == configs.stored(wanted)
    assert wanted == configs.observed(case["key"], case["stored"])


@pytest.mark.parametrize("case", CASES["faults"], ids=_label)
def test_a_value_that_cannot_be_meant_is_a_fault_with_a_hint(case: dict[str, Any]) -> None:
    """The wrong sort of unit, a boolean or a map is refused with what to write."""
    with pytest.raises(ValueError, match=case["says"]):
        configs.normalised(case["key"], case["given"])


@pytest.mark.parametrize("case", CASES["keys"], ids=_label)
def test_what_is_no_config_name_gets_the_nearest_one(case: dict[str, Any]) -> None:
    """A key that Kafka would refuse is told beforehand."""
    assert case["says"] in configs.key_problem(case["key"])


def test_a_key_of_another_vendor_is_left_to_the_broker() -> None:
    """No list of ours decides which configs exist."""
    assert configs.key_problem("confluent.value.schema.validation") == ""


@given(st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1))
def test_every_number_that_kafka_stores_survives(number: int) -> None:
    """Reading and writing back any stored number gives that number."""
    for key in ("retention.ms", "retention.bytes", "flush.messages"):
        assert configs.stored(configs.observed(key, str(number))) == str(number)


@given(st.text())
def test_reading_a_stored_value_never_fails(text: str) -> None:
    """Whatever a broker stores can be observed."""
    for key in ("retention.ms", "cleanup.policy", "x"):
        configs.stored(configs.observed(key, text))
