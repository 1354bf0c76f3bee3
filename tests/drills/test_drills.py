"""The short drills on the shared servers; `make drills` runs all of them on servers of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from drills.catalogue import DRILLS, RABBITMQ
from drills.drill import run
from drills.report import line
from drills.servers import first_stack

if TYPE_CHECKING:
    from drills.drill import Drill

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.usefixtures("topics"),
]


@pytest.mark.parametrize(
    "drill", [drill for drill in DRILLS if drill.is_short], ids=lambda drill: drill.name
)
def test_keeps_every_promise(drill: Drill) -> None:
    row = run(drill, first_stack())
    assert row.is_good, line(row)


@pytest.mark.disruptive
def test_a_task_back_from_its_tier_survives_the_death_of_rabbitmq() -> None:
    """A classic tier forgets a task before its queue has it on disk: all six were lost."""
    (drill,) = [drill for drill in RABBITMQ if drill.name == "RabbitMQ killed behind a retry"]
    row = run(drill, first_stack())
    assert row.is_good, line(row)
