"""Every Compose key, proven against the engine: read back equal, changed in place, read as the docker CLI wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bizops.change import Action, EffectKind
from bizops.testing.driving import converge, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = pytest.mark.integration

CASES: dict[str, dict[str, Any]] = {
    f"{path.stem}: {title}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for title, case in yaml.safe_load(path.read_text(encoding="utf-8")).items()
}
BY_CLI = {title: case for title, case in CASES.items() if "cli" in case or "arguments" in case}


@pytest.mark.parametrize("title", CASES)
def test_what_is_written_is_read_back_equal_and_can_be_changed(
    title: str, live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Creating and each change give exactly what was declared, and nothing is left to do afterwards."""
    case = CASES[title]
    wanted = service(**case["start"])

    converge(live, (wanted,), scope)

    assert plan_for(live, (wanted,), scope).is_empty
    for settings in case["then"]:
        wanted = service(**settings)
        (change,) = plan_for(live, (wanted,), scope).changes
        assert Action.UPDATE is change.action

        converge(live, (wanted,), scope)

        assert plan_for(live, (wanted,), scope).is_empty, settings


@pytest.mark.parametrize("title", BY_CLI)
def test_a_service_of_the_docker_cli_compares_equal_and_undeclared_settings_stay(
    title: str,
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
) -> None:
    """What the docker CLI writes for the same settings is no difference, whatever order and form it chose."""
    case = BY_CLI[title]
    wanted = service(**case["start"])
    words = case.get("cli", [])
    mode = [] if "--mode" in words else ["--replicas", "0"]
    label = f"bizops.topology={scope.topology}"
    docker(
        "service", "create", "--detach", "--quiet", "--name", wanted.address.name, "--label", label,
        *mode, *words, wanted.spec.image, *case.get("arguments", ()),
    )  # fmt: skip

    plan = plan_for(live, (wanted,), scope)

    assert plan.is_empty, [change.fields for change in plan.changes]


@pytest.mark.parametrize("title", [title for title in CASES if CASES[title]["then"]])
def test_the_plan_says_whether_tasks_restart(
    title: str, live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """A change of the task template or the ports is told as a restart, any other as none."""
    case = CASES[title]
    start = {**case["start"]}
    if "then" in case and "replicas" not in title:
        start["deploy"] = {**start.get("deploy", {}), "replicas": 0}
    converge(live, (service(**start),), scope)

    (change,) = plan_for(live, (service(**case["then"][0]),), scope).changes

    told = " ".join(effect.text for effect in change.effects)
    forced = any("forced by" in effect.text for effect in change.effects)
    assert case.get("restarts", True) is forced, told
    assert all(effect.kind is EffectKind.NOTE for effect in change.effects), "no task, no restart"
