"""What the broker makes of arguments and policies, as tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.live import effective_settings
from bizops.providers.rabbitmq.live.effective_settings import Policy, Subject

HERE = Path(__file__).parent


def cases(name: str) -> list[Any]:
    found = yaml.safe_load((HERE / name).read_text(encoding="utf-8"))
    return [pytest.param(case, id=case["why"]) for case in found]


def policy(name: str, definition: dict[str, Any] | None) -> Policy | None:
    if definition is None:
        return None
    return Policy(name, ".*", "queues", 0, setting_keys.freeze(definition))


def subject(case: dict[str, Any], queue_type: str) -> Subject:
    major, minor = case.get("version", [4, 0])
    arguments = field_types.freeze(case.get("arguments", {}))
    return Subject("own_a", queue_type, arguments, (major, minor))


@pytest.mark.parametrize("case", cases("in_force.yaml"))
def test_what_is_in_force_and_where_it_comes_from(case: dict[str, Any]) -> None:
    """Arguments, policy and operator policy combine by key, type and version."""
    found = effective_settings.in_force(
        subject(case, case.get("type", "classic")),
        policy("p", case.get("policy")),
        policy("o", case.get("operator")),
    )

    expected = case.get("expected", {})
    assert {key: list(map(str, value)) for key, value in expected.items()} == {
        key: [_plain(found[key].value), found[key].origin] for key in expected
    }
    assert not set(case.get("absent", ())) & set(found)


def _plain(value: Any) -> str:
    return str(int(value)) if isinstance(value, int) else str(value)


@pytest.mark.parametrize("case", cases("applicable.yaml"))
def test_which_policies_the_broker_considers(case: dict[str, Any]) -> None:
    """One key that a type does not know, and the whole policy is passed over for it."""
    definition = setting_keys.freeze(case["definition"])
    pattern, apply_to = case.get("pattern", ".*"), case.get("apply_to", "queues")
    given = Policy("p", pattern, apply_to, 0, definition)

    assert case["expected"] == {
        kind: effective_settings.is_applicable(given, subject(case, kind))
        for kind in case["expected"]
    }


def test_of_equal_priorities_none_is_preferred_in_silence() -> None:
    """The order is only by name; callers treat equals as unpredictable."""
    low, high = Policy("a", ".*", "all", 1, ()), Policy("b", ".*", "all", 2, ())

    assert [high, low] == list(
        effective_settings.matching([low, high], Subject("q", "classic", (), (4, 0)))
    )
