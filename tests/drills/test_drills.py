"""The short drills on the shared servers, some of them in every run; `make drills` runs all on servers of their own."""

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


ALWAYS = frozenset(
    {
        "kill -9 in mid-task",
        "connections reset in mid-task",
        "queue deleted under the consumers",
        "rolling update",
        "bad messages",
        "429, 500, a hang, 401, 400",
    }
)


def test_what_is_always_drilled_is_in_the_catalogue() -> None:
    assert {drill.name for drill in DRILLS if drill.is_short} >= ALWAYS


@pytest.mark.parametrize(
    "drill",
    [
        pytest.param(drill, marks=() if drill.name in ALWAYS else pytest.mark.long, id=drill.name)
        for drill in DRILLS
        if drill.is_short
    ],
)
def test_keeps_every_promise(drill: Drill) -> None:
    row = run(drill, first_stack())
    assert row.is_good, line(row)


@pytest.mark.long
@pytest.mark.disruptive
def test_a_task_back_from_its_tier_survives_the_death_of_rabbitmq() -> None:
    """A classic tier forgets a task before its queue has it on disk: all six were lost."""
    (drill,) = [drill for drill in RABBITMQ if drill.name == "RabbitMQ killed behind a retry"]
    row = run(drill, first_stack())
    assert row.is_good, line(row)
