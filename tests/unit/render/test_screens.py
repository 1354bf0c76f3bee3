"""The screens that people see, as golden files."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bizops import errors, render
from bizops.provider import Health
from bizops.resource import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import ApplyResult, Plan
    from bizops.render import Heading, Style

NAMES = ("full", "calm", "drifted", "unread", "odd")


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_reads_as_its_golden_file(
    name: str, plans: dict[str, Plan], heading: Heading, plain: Style, golden: Callable[..., None]
) -> None:
    """The plan screen stays what was agreed on."""
    text = render.plan_text(plans[name], plain, heading=heading, verbose=False)
    golden(f"plan-{name}.txt", text)


@pytest.mark.parametrize("name", NAMES)
def test_drift_reads_as_its_golden_file(
    name: str, plans: dict[str, Plan], heading: Heading, plain: Style, golden: Callable[..., None]
) -> None:
    """The drift screen stays what was agreed on."""
    golden(f"drift-{name}.txt", render.drift_text(plans[name], plain, heading=heading))


@pytest.mark.parametrize("name", NAMES)
def test_json_reads_as_its_golden_file(
    name: str, plans: dict[str, Plan], heading: Heading, golden: Callable[..., None]
) -> None:
    """The documents that programs read stay what was promised."""
    plan = render.plan_json(plans[name], heading=heading)
    drift = render.drift_json(plans[name], heading=heading)
    golden(f"plan-{name}.json", json.dumps(plan, indent=1))
    golden(f"drift-{name}.json", json.dumps(drift, indent=1))


def test_a_verbose_plan_lists_all_as_its_golden_file(
    plans: dict[str, Plan], heading: Heading, plain: Style, golden: Callable[..., None]
) -> None:
    """With --verbose nothing is summed up."""
    plan = replace(plans["full"], changes=plans["full"].changes[:12])
    golden("plan-verbose.txt", render.plan_text(plan, plain, heading=heading, verbose=True))


def test_a_narrow_terminal_gets_its_golden_file_in_ascii(
    plans: dict[str, Plan], heading: Heading, golden: Callable[..., None]
) -> None:
    """Every glyph of ours has a stand-in, and lines break between words."""
    style = render.Style(colour=False, width=60, unicode=False)
    text = render.plan_text(plans["full"], style, heading=heading, verbose=False)
    assert text.isascii()
    golden("plan-narrow.txt", text)


def test_an_apply_reads_as_its_golden_file(
    plans: dict[str, Plan], result: ApplyResult, plain: Style, golden: Callable[..., None]
) -> None:
    """One line for each resource, then the numbers and what to do next."""
    lines = [render.outcome_text(outcome, plain) for outcome in result.outcomes]
    applied = tuple(outcome.step.change for outcome in result.outcomes if outcome.step.change)
    plan = replace(plans["full"], changes=applied)
    lines += ["", render.result_text(result, plan, plain, 132.4)]
    golden("apply.txt", "\n".join(lines))
    documents = [*map(render.outcome_json, result.outcomes), render.result_json(result, plan)]
    golden("apply.json", "\n".join(map(json.dumps, documents)))


def test_a_system_that_is_down_reads_as_its_golden_file(
    plans: dict[str, Plan], heading: Heading, plain: Style, golden: Callable[..., None]
) -> None:
    """The error says where the setting stands, what was not compared, and what to try."""
    command = "bizops plan -e production"
    text = render.unread_text(plans["unread"], plain, heading=heading, command=command)
    golden("unread.txt", text)


def _healths() -> dict[str, Health | errors.BizopsError]:
    def row(
        kind: str, name: str, *cells: str, problem: str = ""
    ) -> tuple[Address, tuple[str, ...], str]:
        provider = {"queue": "rabbitmq", "service": "swarm"}[kind]
        return (Address(provider, kind, (name,)), (name, *cells), problem)

    return {
        "rabbitmq": Health(
            ("QUEUE", "READY", "UNACKED", "CONSUMERS"),
            (
                row("queue", "auto_orders", "143", "12", "4"),
                row("queue", "auto_inventory", "812", "0", "0", problem="nobody consumes"),
            ),
        ),
        "kafka": errors.UnreachableError("no broker answered", remedy="nc -vz kafka-1 9092"),
        "swarm": Health(
            ("SERVICE", "TASKS", "IMAGE"),
            (
                row("service", "agent-orders", "4/4", "1.4.2"),
                row("service", "agent-support", "6/6", "1.4.1", problem="rolled back 4 min ago"),
            ),
            "DEGRADED",
        ),
    }


@pytest.mark.parametrize("all_rows", [False, True])
def test_health_reads_as_its_golden_file(
    all_rows: bool,
    plain: Style,
    golden: Callable[..., None],
) -> None:
    """What has a problem is always shown, the rest on demand, and a system that failed says so."""
    golden(f"status-{all_rows}.txt", render.health_text(_healths(), plain, all_rows=all_rows))
    golden("status.json", json.dumps(render.health_json(_healths()), indent=1))
