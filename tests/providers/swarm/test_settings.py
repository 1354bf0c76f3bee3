"""Every Compose key, proven against the engine: read back equal, changed in place, read as the docker CLI wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bizops.change import Action, EffectKind
from bizops.testing.driving import converge, plan_for

from .ports import with_ports

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = pytest.mark.integration

CASES: dict[str, dict[str, Any]] = {
    f"{path.stem}: {title}": case
    for path in sorted((Path(__file__).parent / "cases").glob("*.yaml"))
    for title, case in yaml.safe_load(with_ports(path.read_text(encoding="utf-8"))).items()
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

    assert plan.is_in_force, [change.fields for change in plan.changes]


@pytest.mark.long
@pytest.mark.slow
def test_exactly_those_tasks_restart_that_the_plan_names(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Every key of every case is changed under a task that runs, all of them at once: it stays or it is replaced."""
    of_each_key = {_keys(case): title for title, case in CASES.items() if case["then"]}
    titles = list(of_each_key.values())
    started = tuple(
        service(f"-{n}", **_with_a_task(CASES[title]["start"])) for n, title in enumerate(titles)
    )
    changed = tuple(
        service(f"-{n}", **_with_a_task(CASES[title]["then"][0])) for n, title in enumerate(titles)
    )
    converge(live, started, scope)
    before = [_tasks(docker, resource.address.name) for resource in started]
    plan = plan_for(live, changed, scope)
    told = {change.address: change.effects for change in plan.changes}

    converge(live, changed, scope)

    restarts = {EffectKind.RESTART}
    for title, was, resource in zip(titles, before, changed, strict=True):
        said = restarts <= {effect.kind for effect in told[resource.address]}
        stayed = was == _tasks(docker, resource.address.name)
        assert said is not stayed, (title, told[resource.address])
        assert said is CASES[title].get("restarts", True), title


def _keys(case: dict[str, Any]) -> tuple[str, ...]:
    """Give the keys that a case is about; several cases of one key differ in what is compared, not in what restarts."""
    return tuple(sorted({*case["start"], *case["start"].get("deploy", ()), *case["then"][0]}))


def _with_a_task(settings: dict[str, Any]) -> dict[str, Any]:
    deploy = settings.get("deploy", {})
    quick = deploy.get("update_config", {"monitor": "1s"})
    return {**settings, "deploy": {**deploy, "replicas": 1, "update_config": quick}}


def _tasks(docker: Callable[..., str], name: str) -> set[str]:
    running = ("--filter", "desired-state=running")
    return set(docker("service", "ps", name, *running, "--no-trunc", "-q").split())
