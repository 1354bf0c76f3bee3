"""What counts as settled and what as failed, and what a failure tells: always against real tasks."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from bizops.change import Action, EffectKind, Status
from bizops.testing.driving import carry_out, converge, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bizops.change import Outcome
    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAST = {"restart_policy": {"delay": "100ms"}, "update_config": {"monitor": "1s"}}
CRASH = ["sh", "-c", "echo the database is gone; exit 3"]


def _tasks(docker: Callable[..., str], name: str) -> set[str]:
    running = ("--filter", "desired-state=running")
    return set(docker("service", "ps", name, *running, "--no-trunc", "-q").split())


def _outcome(live: Provider, wanted: Resource, scope: Scope) -> Outcome:
    (outcome,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    return outcome


def test_a_service_with_tasks_settles_when_all_of_them_stay_up(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Created means running for the monitor time, as the docker CLI sees it too."""
    wanted = service(deploy={"replicas": 2, **FAST})

    (outcome,) = converge(live, (wanted,), scope).outcomes

    assert "2/2 running, stable" == outcome.detail
    assert 2 == len(_tasks(docker, wanted.address.name))


def test_scaling_restarts_nothing(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """The tasks that run keep their ids, and the plan says so before."""
    converge(live, (service(deploy={"replicas": 2, **FAST}),), scope)
    before = _tasks(docker, service().address.name)
    wanted = service(deploy={"replicas": 3, **FAST})
    (change,) = plan_for(live, (wanted,), scope).changes

    (outcome,) = converge(live, (wanted,), scope).outcomes

    assert ["restarts nothing, starts 1 task"] == [effect.text for effect in change.effects]
    assert "3/3 running" == outcome.detail
    assert before < _tasks(docker, wanted.address.name)


def test_labels_and_update_settings_restart_nothing(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """What is outside the task template is written without touching a task."""
    converge(live, (service(deploy={"replicas": 1, **FAST}),), scope)
    before = _tasks(docker, service().address.name)
    more = {"labels": {"a": "b"}, "update_config": {"monitor": "2s", "order": "start-first"}}

    converge(
        live,
        (service(deploy={"replicas": 1, "restart_policy": {"delay": "100ms"}, **more}),),
        scope,
    )

    assert before == _tasks(docker, service().address.name)


def test_a_change_of_the_template_replaces_the_tasks_and_the_plan_names_the_field(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """The effect says how many restart, why and how; afterwards none of the old tasks is left."""
    first = service(deploy={"replicas": 2, **FAST}, stop_grace_period="1s")
    converge(live, (first,), scope)
    before = _tasks(docker, first.address.name)
    wanted = service(deploy={"replicas": 2, **FAST}, stop_grace_period="1s", environment={"A": 1})
    (change,) = plan_for(live, (wanted,), scope).changes

    (outcome,) = converge(live, (wanted,), scope).outcomes

    (effect,) = change.effects
    assert EffectKind.RESTART is effect.kind
    assert (
        "RESTARTS 2 of 2 tasks (forced by environment), one at a time, stop-first, 1 s at least"
        == effect.text
    )
    assert "2/2 running on the new spec" in outcome.detail
    assert not before & _tasks(docker, wanted.address.name)


def test_only_another_constraint_leaves_tasks_where_they_still_fit(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Swarm excepts placement constraints from the template, and so do we."""
    converge(live, (service(deploy={"replicas": 1, **FAST}),), scope)
    before = _tasks(docker, service().address.name)
    wanted = service(
        deploy={"replicas": 1, **FAST, "placement": {"constraints": ["node.role==manager"]}}
    )
    (change,) = plan_for(live, (wanted,), scope).changes

    converge(live, (wanted,), scope)

    assert all(effect.kind is EffectKind.NOTE for effect in change.effects), change.effects
    assert before == _tasks(docker, wanted.address.name)


def test_no_replicas_settle_at_once(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Nothing is waited for where no task is wanted."""
    (outcome,) = converge(live, (service(),), scope).outcomes

    assert "0/0 running" == outcome.detail


def test_a_global_service_settles(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """One task on the one node."""
    (outcome,) = converge(live, (service(deploy={"mode": "global", **FAST}),), scope).outcomes

    assert "1/1 running, stable" == outcome.detail


def test_a_job_settles_when_it_is_done(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """A job ends, so running is not what is waited for."""
    job = {"mode": "replicated-job", "replicas": 2}

    (outcome,) = converge(live, (service(command=["sleep", "1"], deploy=job),), scope).outcomes

    assert "2/2 done" == outcome.detail


def test_a_one_shot_that_ended_well_counts(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """A task that Swarm does not start again after a good end is not waited for."""
    once = {
        "replicas": 1,
        "restart_policy": {"condition": "on-failure"},
        "update_config": {"monitor": "1s"},
    }

    (outcome,) = converge(live, (service(command=["true"], deploy=once),), scope).outcomes

    assert outcome.detail.startswith("1/1 running")


def test_a_crashing_command_fails_with_the_tasks_error_and_last_lines(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Three crashes in one slot are a failure long before any deadline."""
    # On a busy machine Swarm takes more than FAST's second to notice that a task has ended.
    patient = {**FAST, "update_config": {"monitor": "5s"}}

    outcome = _outcome(live, service(command=CRASH, deploy={"replicas": 1, **patient}), scope)

    assert Status.FAILED is outcome.status
    assert "the tasks keep failing" in outcome.detail
    assert "exited 3" in outcome.lines[0]
    assert "  the database is gone" in outcome.lines


def test_a_missing_image_fails_with_the_engines_words(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Swarm rejects the tasks; the failure says which image."""
    image = "127.0.0.1:5000/bizops/no-such-image:1"

    outcome = _outcome(live, service(image=image, deploy={"replicas": 1, **FAST}), scope)

    assert Status.FAILED is outcome.status
    assert "its digest is not pinned" in outcome.detail
    assert "was rejected" in outcome.lines[0]
    assert "no-such-image" in outcome.lines[0]


def test_a_paused_update_is_a_failure_and_the_next_apply_goes_on_with_it(
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    tmp_path: Path,
) -> None:
    """Swarm stops half-way by default. The spec alone looks as wanted, and yet it is not what runs."""
    tmp_path.chmod(0o755)
    deploy = {"replicas": 2, **FAST}
    converge(live, (service(deploy=deploy, stop_grace_period="1s"),), scope)
    before = _tasks(docker, service().address.name)
    command = [
        "sh",
        "-c",
        "[ -e /cause/mended ] || { echo the database is gone; exit 3; }; sleep 600",
    ]
    wanted = service(
        command=command, volumes=[f"{tmp_path}:/cause"], deploy=deploy, stop_grace_period="1s"
    )

    outcome = _outcome(live, wanted, scope)

    assert Status.FAILED is outcome.status
    assert outcome.detail.startswith("PAUSED by Swarm")
    assert "  the database is gone" in outcome.lines
    (change,) = plan_for(live, (wanted,), scope).changes
    assert [("update_status", "paused", "completed")] == [
        (field.name, field.before, field.after) for field in change.fields
    ]
    assert any("paused" in note for note in change.observed.notes)
    (tmp_path / "mended").touch()
    converge(live, (wanted,), scope)
    assert plan_for(live, (wanted,), scope).is_empty
    assert not before & _tasks(docker, wanted.address.name)
    assert 2 == len(_tasks(docker, wanted.address.name))


def test_a_service_whose_tasks_do_not_run_is_a_warning_of_every_plan(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Its spec is as declared, so there is nothing to change, and still somebody should look."""
    image = "127.0.0.1:5000/bizops/no-such-image:1"
    wanted = service(image=image, deploy={"replicas": 1, **FAST})
    assert Status.FAILED is _outcome(live, wanted, scope).status

    plan = plan_for(live, (wanted,), scope)

    assert plan.is_empty
    assert any("1 of 1 tasks do not run" in warning for warning in plan.warnings), plan.warnings


def test_a_rollback_is_a_failure_and_says_what_runs_now(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Swarm went back by itself: our spec was rejected, and the next plan shows the difference again."""
    going_back = {"restart_policy": {"delay": "100ms"}}
    going_back["update_config"] = {"monitor": "1s", "failure_action": "rollback"}
    converge(live, (service(deploy={"replicas": 2, **going_back}),), scope)
    wanted = service(command=CRASH, deploy={"replicas": 2, **going_back})

    outcome = _outcome(live, wanted, scope)

    assert Status.FAILED is outcome.status
    assert outcome.detail.startswith("ROLLED BACK by Swarm")
    assert "  the database is gone" in outcome.lines
    # How many are back already is a matter of the moment.
    assert re.fullmatch(r"[012]/2 run the old spec now", outcome.lines[-1])
    (change,) = plan_for(live, (wanted,), scope).changes
    assert Action.UPDATE is change.action
    assert any("rolled its last update back" in note for note in change.observed.notes)
    kept = plan_for(live, (service(deploy={"replicas": 2, **going_back}),), scope).changes[0]
    assert () == kept.observed.notes, "a rollback to what is declared is history"


def test_a_deleted_service_settles_when_its_tasks_are_gone(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """What needs the deletion, such as a network, may only go on when no container is left."""
    from bizops.testing.driving import destroy  # noqa: PLC0415

    wanted = service(deploy={"replicas": 1, **FAST}, stop_grace_period="2s")
    converge(live, (wanted,), scope)
    began = time.monotonic()

    destroy(live, (wanted,), scope)

    assert time.monotonic() - began > 1
    listed = docker("ps", "--filter", f"name={wanted.address.name}", "-q")
    assert "" == listed
