"""What counts as settled: always against real tasks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from bizops.change import EffectKind
from bizops.testing.driving import converge, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAST = {"restart_policy": {"delay": "100ms"}, "update_config": {"monitor": "1s"}}


def _tasks(docker: Callable[..., str], name: str) -> set[str]:
    running = ("--filter", "desired-state=running")
    return set(docker("service", "ps", name, *running, "--no-trunc", "-q").split())


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

    assert outcome.detail == "1/1 ended well"


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
