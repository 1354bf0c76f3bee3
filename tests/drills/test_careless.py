"""Drills can fail: workers that break a promise on purpose turn the right column red."""

from __future__ import annotations

import dataclasses

import pytest

from drills.catalogue import DRILLS
from drills.drill import run
from drills.report import line
from drills.servers import first_stack

pytestmark = [
    pytest.mark.integration,
    pytest.mark.long,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("topics"),
]


@pytest.mark.parametrize(
    ("carelessness", "name", "columns"),
    [
        ("ack first", "kill -9 in mid-task", {"lost"}),
        ("forgetful", "kill -9 between result and event", {"run_twice"}),
        ("forgetful", "connections reset in mid-task", {"run_twice", "overlapped"}),
    ],
)
def test_a_drill_finds_a_careless_worker(carelessness: str, name: str, columns: set[str]) -> None:
    drill = next(drill for drill in DRILLS if drill.name == name)
    careless = dataclasses.replace(
        drill, settings={**drill.settings, "CARELESS": carelessness}, patience=15
    )
    row = run(careless, first_stack(), "tests.drills.careless")
    assert not row.fault, line(row)
    counts = dataclasses.asdict(row.counts)
    assert columns <= {column for column, number in counts.items() if number}, line(row)
