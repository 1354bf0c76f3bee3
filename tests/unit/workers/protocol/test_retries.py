from __future__ import annotations

import pytest

from workers.protocol.retries import TIERS, tier_for


def test_the_tiers_are_those_of_the_topology() -> None:
    assert [(tier.name, tier.seconds) for tier in TIERS] == [
        ("retry.5s", 5),
        ("retry.30s", 30),
        ("retry.2m", 120),
        ("retry.10m", 600),
    ]


@pytest.mark.parametrize(
    ("attempt", "retry_after", "name"),
    [
        (1, None, "retry.5s"),
        (2, None, "retry.30s"),
        (4, None, "retry.10m"),
        (9, None, "retry.10m"),
        (1, 5, "retry.5s"),
        (1, 5.1, "retry.30s"),
        (1, 100, "retry.2m"),
        (3, 1, "retry.2m"),
        (1, 100_000, "retry.10m"),
    ],
)
def test_waits_grow_and_are_not_shorter_than_the_provider_asks(
    attempt: int, retry_after: float | None, name: str
) -> None:
    assert tier_for(attempt, retry_after).name == name
