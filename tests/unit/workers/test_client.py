from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

import workers
from workers.client import TaskClient, make_task_id, unknown_agent
from workers.configuration.endpoints import MAX_SHORT
from workers.configuration.settings import load_settings
from workers.errors import InvalidTaskError
from workers.protocol.task import MAX_ID, Task

CLIENT = TaskClient(load_settings({}, runs_agents=False))
HEAVY = ("pika", "confluent_kafka", "redis", "prometheus_client", "jsonschema", "dotenv", "crewai")


def faults_of(agent: str, task: Task) -> tuple[str, ...]:
    with pytest.raises(InvalidTaskError) as caught:
        CLIENT.check(agent, task)
    return caught.value.faults


def test_an_id_of_its_own_says_when_and_for_whom_and_is_given_once() -> None:
    ids = {make_task_id("order") for _ in range(10_000)}

    assert len(ids) == 10_000
    assert re.fullmatch(r"order-\d{8}T\d{6}-[0-9a-f]{12}", min(ids))


def test_a_good_task_has_no_fault() -> None:
    CLIENT.check("order", Task("a", "do", "that", {"total": 1.5}))


@pytest.mark.parametrize(
    ("agent", "task", "places"),
    [
        ("nobody", Task("", "do", ""), ["agent", "$.expected_output", "$.id", "$.id"]),
        ("order", Task("a", "do", "that", {"x": object()}), ["$"]),
        ("order", Task("a", "\udcff", "that"), ["$"]),
        ("order", Task("a", "x" * 2_000_000, "that"), ["the body has 2000057 bytes, and 1MiB are allowed"]),
    ],
)  # fmt: skip
def test_all_that_is_wrong_is_said_at_once(agent: str, task: Task, places: list[Any]) -> None:
    assert [fault.split(": ")[0] for fault in faults_of(agent, task)] == places


def test_a_context_that_contains_itself_is_a_fault() -> None:
    context: dict[str, Any] = {}
    context["self"] = context

    assert len(faults_of("order", Task("a", "do", "that", context))) == 1


def test_an_unknown_agent_is_met_with_the_nearest() -> None:
    assert unknown_agent("ordr") == "there is no agent ordr; did you mean order?"
    assert "there are order, support" in unknown_agent("zzz")


def test_the_longest_id_may_not_fit_into_a_message_id() -> None:
    assert len("😀".encode()) * MAX_ID > MAX_SHORT


def test_the_package_exports_what_other_programs_use() -> None:
    for name in workers.__all__:
        assert getattr(workers, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_of_this_name"):
        _ = workers.nothing_of_this_name


@pytest.mark.parametrize("module", ["workers", "workers.probe"])
def test_the_package_alone_imports_nothing_heavy(module: str) -> None:
    program = f"import sys, {module}; print([name for name in {HEAVY} if name in sys.modules])"

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_only_who_runs_agents_needs_a_key_for_a_model() -> None:
    with pytest.raises(Exception, match="OPENAI_API_KEY"):
        load_settings({})
    assert load_settings({}, runs_agents=False).engine == "crewai"
