"""What counts as failed, what a failure tells, and how the next plan and `status` show it: against real tasks."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import pytest

from bizops import applier, graph
from bizops.change import Action, Status
from bizops.testing.driving import carry_out, converge, plan_for
from stack.addresses import read_addresses

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bizops.change import Outcome
    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

REGISTRY = read_addresses(os.environ).registry
pytestmark = [pytest.mark.integration, pytest.mark.slow]

FAST = {"restart_policy": {"delay": "1s"}, "update_config": {"monitor": "1s"}}
CRASH = ["sh", "-c", "echo the database is gone; exit 3"]


def _tasks(docker: Callable[..., str], name: str) -> set[str]:
    running = ("--filter", "desired-state=running")
    return set(docker("service", "ps", name, *running, "--no-trunc", "-q").split())


def _outcome(live: Provider, wanted: Resource, scope: Scope) -> Outcome:
    (outcome,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    return outcome


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
    image = f"{REGISTRY}/bizops/no-such-image:1"

    outcome = _outcome(live, service(image=image, deploy={"replicas": 1, **FAST}), scope)

    assert Status.FAILED is outcome.status
    assert "its digest is not pinned" in outcome.detail
    assert "was rejected" in outcome.lines[0]
    assert "no-such-image" in outcome.lines[0]


@pytest.mark.long
def test_a_failing_health_check_is_named(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """The engine kills such a task, and its exit code 137 alone would be a riddle."""
    check = {"test": "false", "interval": "1s", "timeout": "1s", "retries": 1}

    outcome = _outcome(live, service(healthcheck=check, deploy={"replicas": 1, **FAST}), scope)

    assert Status.FAILED is outcome.status
    assert "its health check failed" in outcome.lines[0]


def test_a_digest_that_the_registry_does_not_have_is_not_called_unpinned(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """What is declared by its digest is pinned; what is wrong is that nobody has it."""
    image = f"{REGISTRY}/bizops/placeholder@sha256:{'0' * 64}"

    outcome = _outcome(live, service(image=image, deploy={"replicas": 1, **FAST}), scope)

    assert Status.FAILED is outcome.status
    assert "its digest was not found: manifest unknown" in outcome.detail


def test_status_says_why_no_node_takes_a_task(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """A task that waits for a node has not failed, and still has something to say."""
    nowhere = {"constraints": ["node.labels.nowhere==true"]}
    wanted = service(deploy={"replicas": 1, **FAST, "placement": nowhere})
    pace = applier.Timing(settle_timeout=2)
    plan = plan_for(live, (wanted,), scope)
    (outcome,) = applier.apply(graph.steps(plan), {"swarm": live}, pace=pace).outcomes

    ((_, cells, problem),) = live.status((wanted,), scope).rows

    assert outcome.detail.startswith(
        "not settled after 2 s: 0/1 running, task 1 pending: no suitable node"
    )
    assert cells[-1].startswith("no suitable node")
    assert "0 of 1 task runs" == problem
    change = plan_for(live, (wanted,), scope).changes[0]
    assert change.observed.degraded.startswith("0 of 1 task runs: no suitable node (scheduling")


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


def test_a_service_whose_tasks_do_not_run_is_degraded_in_every_plan(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Its spec is as declared, so there is nothing to write, and still it is not what was declared."""
    image = f"{REGISTRY}/bizops/no-such-image:1"
    wanted = service(image=image, deploy={"replicas": 1, **FAST})
    assert Status.FAILED is _outcome(live, wanted, scope).status

    plan = plan_for(live, (wanted,), scope)

    assert plan.is_empty
    assert (wanted.address,) == plan.degraded
    assert plan.changes[0].observed.degraded.startswith("0 of 1 task runs: No such image")


def test_a_constraint_that_no_node_meets_is_told_before_anything_is_written(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """The plan names the constraint; what then waits for a node is degraded, and no warning beside it."""
    nowhere = {"constraints": ["node.labels.nowhere==true"]}
    wanted = service(deploy={"replicas": 1, **FAST, "placement": nowhere})
    told = "no ready node meets node.labels.nowhere==true"

    before = plan_for(live, (wanted,), scope)
    applier.apply(graph.steps(before), {"swarm": live}, pace=applier.Timing(settle_timeout=1))
    after = plan_for(live, (wanted,), scope)

    assert [f"{wanted.address}: deploy.placement.constraints: {told}"] == list(before.warnings)
    assert (wanted.address,) == after.degraded
    assert not after.warnings


@pytest.mark.long
def test_a_rollback_is_a_failure_and_says_what_runs_now(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """Swarm went back by itself: our spec was rejected, and the next plan shows the difference again."""
    going_back = {"restart_policy": {"delay": "1s"}}
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
    assert "Swarm rolled its last update back (task: non-zero exit (3))" in change.observed.notes
    kept = plan_for(live, (service(deploy={"replicas": 2, **going_back}),), scope).changes[0]
    assert () == kept.observed.notes, "a rollback to what is declared is history"
