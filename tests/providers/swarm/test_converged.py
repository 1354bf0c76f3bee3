"""Converged is what runs, not what is written (S3)."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import graph
from bizops.change import Action, Status
from bizops.planner import Targeting
from bizops.testing.driving import carry_out, converge, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import Change
    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Make = Callable[..., Resource]

pytestmark = pytest.mark.integration

FAILS, ENDS = ["sh", "-c", "sleep 1; exit 3"], ["sh", "-c", "sleep 1"]
ONE_SHOTS: dict[str, dict[str, Any]] = {
    "none": {"replicas": 1, "restart_policy": {"condition": "none"}},
    "on-failure": {
        "replicas": 1,
        "restart_policy": {"condition": "on-failure", "delay": "1s", "max_attempts": 1},
    },
    "job": {
        "mode": "replicated-job",
        "replicas": 1,
        "restart_policy": {"condition": "none"},
    },
}


def given(service: Make, kind: str, command: list[str], **settings: Any) -> Resource:
    return service("-s", command=command, deploy=ONE_SHOTS[kind], **settings)


def only(live: Provider, scope: Scope, wanted: Resource, choice: Targeting | None = None) -> Change:
    (change,) = plan_for(live, (wanted,), scope, choice).changes
    return change


@pytest.mark.parametrize("kind", ONE_SHOTS)
def test_s3_what_failed_stays_a_difference_until_it_has_ended_well(
    live: Provider, scope: Scope, service: Make, kind: str
) -> None:
    wanted = given(service, kind, FAILS)
    (failed,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    assert failed.status is Status.FAILED

    change = only(live, scope, wanted)
    assert change.action is Action.NOOP
    assert change.observed.is_stuck
    assert change.observed.degraded == (
        f"0 of 1 task has ended well: task: non-zero exit (3); --restart {wanted.address} tries again"
    )

    again = only(live, scope, wanted, Targeting(restart=(str(wanted.address),)))
    assert [field.name for field in again.fields] == ["force_update"]
    mended = given(service, kind, ENDS)
    converge(live, (mended,), scope)
    settled = only(live, scope, mended)
    assert (settled.action, settled.observed.degraded) == (Action.NOOP, "")


def test_s3_a_restart_runs_what_ended_once_more(
    live: Provider, scope: Scope, service: Make, docker: Callable[..., str]
) -> None:
    wanted = given(service, "job", ENDS)
    converge(live, (wanted,), scope)
    choice = Targeting(restart=("swarm.service/*",))
    result = carry_out(live, plan_for(live, (wanted,), scope, choice))

    assert result.is_ok, result.outcomes
    assert plan_for(live, (wanted,), scope).is_empty
    assert 2 == len(docker("service", "ps", "-q", wanted.address.name).split())


def test_s3_what_ended_well_on_an_earlier_spec_does_not_count(
    live: Provider, scope: Scope, service: Make
) -> None:
    converge(live, (given(service, "none", ENDS),), scope)
    wanted = given(service, "none", FAILS)
    (failed,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    assert failed.status is Status.FAILED
    assert only(live, scope, wanted).observed.is_stuck


def test_s3_an_image_that_is_nowhere_is_a_difference(
    live: Provider, scope: Scope, service: Make
) -> None:
    wanted = service("-s", image="127.0.0.1:1/nowhere:1", deploy=ONE_SHOTS["none"])
    carry_out(live, plan_for(live, (wanted,), scope))
    change = only(live, scope, wanted)
    assert "No such image" in change.observed.degraded
    assert change.observed.is_stuck


def test_s3_an_update_that_can_never_start_is_a_difference(
    live: Provider, scope: Scope, service: Make
) -> None:
    """The old task runs on, and counts for the old spec alone."""
    deploy = {"replicas": 1, "update_config": {"order": "start-first", "monitor": "1s"}}
    converge(live, (service("-s", command=["sleep", "infinity"], deploy=deploy),), scope)
    deploy |= {"resources": {"reservations": {"memory": "500g"}}}
    wanted = service("-s", command=["sleep", "infinity"], deploy=deploy)
    plan = plan_for(live, (wanted,), scope)
    live.apply(list(graph.steps(plan).steps.values()))
    time.sleep(3)

    change = only(live, scope, wanted)

    assert "insufficient resources" in change.observed.degraded


def test_s3_what_fails_again_and_again_is_a_difference_at_every_moment(
    live: Provider, scope: Scope, service: Make
) -> None:
    """Also while the next task is up, which the engine counts as one that runs."""
    deploy = {"replicas": 1, "restart_policy": {"delay": "1s"}, "update_config": {"monitor": "9s"}}
    wanted = service("-s", command=["sh", "-c", "sleep 2; exit 3"], deploy=deploy)
    (failed,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    assert failed.status is Status.FAILED

    seen = {only(live, scope, wanted).observed.degraded for _ in range(6)}

    assert seen == {"0 of 1 task runs: task: non-zero exit (3)"}


@pytest.mark.parametrize("mode", ["replicated", "global"])
def test_s3_what_may_fail_so_often_and_no_more_is_over_and_the_plan_says_how_to_try_again(
    live: Provider, scope: Scope, service: Make, mode: str
) -> None:
    """`condition: any` with `max_attempts`: no task is left that will run, and of a global service none is wanted."""
    deploy = {
        "mode": mode,
        **({"replicas": 1} if mode == "replicated" else {}),
        "restart_policy": {"delay": "1s", "max_attempts": 1},
    }
    wanted = service("-s", command=FAILS, deploy=deploy)
    (failed,) = carry_out(live, plan_for(live, (wanted,), scope)).outcomes
    assert failed.status is Status.FAILED
    deadline = time.monotonic() + 30
    while not (change := only(live, scope, wanted)).observed.is_stuck:
        assert time.monotonic() < deadline
        time.sleep(1)

    assert change.observed.degraded == (
        f"0 of 1 task runs: task: non-zero exit (3); --restart {wanted.address} tries again"
    )


@pytest.mark.parametrize(
    ("update", "status"),
    [("sleep infinity", Status.APPLIED), ("sleep 4; exit 1", Status.FAILED)],
)
def test_an_update_under_way_is_a_difference_and_an_apply_waits_for_its_end(
    live: Provider,
    scope: Scope,
    service: Make,
    docker: Callable[..., str],
    update: str,
    status: Status,
) -> None:
    """As one that was cut off leaves it: written, and not every task runs it yet."""
    # Given a service whose tasks are replaced one after the other
    rollout = {"monitor": "5s", "delay": "8s", "failure_action": "pause"}
    deploy = {"replicas": 2, "update_config": rollout}
    before = service("-s", command=["sh", "-c", "sleep 9999"], deploy=deploy)
    after = service("-s", command=["sh", "-c", update], deploy=deploy)
    converge(live, (before,), scope)
    name = before.address.name
    docker("service", "update", "-d", "--args", f"sh -c '{update}'", name)
    time.sleep(2)

    # When it is planned
    plan = plan_for(live, (after,), scope)

    # Then it is degraded, nothing is to be written, and an apply ends as the update does
    (change,) = plan.changes
    assert change.action is Action.NOOP
    assert change.observed.degraded.startswith("an update is under way: ")
    assert change.observed.degraded.endswith(" of 2 tasks run this spec")
    assert plan.awaited == (after.address,)
    (outcome,) = carry_out(live, plan).outcomes
    assert outcome.status is status, outcome
    if status is Status.APPLIED:
        assert not only(live, scope, after).observed.degraded
    else:
        assert "PAUSED by Swarm" in outcome.detail


def test_a_rollback_to_what_is_declared_is_history(
    live: Provider, scope: Scope, service: Make, docker: Callable[..., str]
) -> None:
    """Plan and status say the same of it; a rollback to something else is a difference, and no history."""
    # Given a service that Swarm has set back after a change by hand
    wanted = service("-s", command=["sleep", "9999"], deploy={"replicas": 1})
    converge(live, (wanted,), scope)
    name = wanted.address.name
    by_hand = ("--args", "sh -c 'sleep 1; exit 1'", "--update-monitor", "4s")
    docker("service", "update", "-d", "--update-failure-action", "rollback", *by_hand, name)
    state = "{{.UpdateStatus.State}}"
    end = time.monotonic() + 60
    while docker("service", "inspect", "--format", state, name) != "rollback_completed":
        assert time.monotonic() < end
        time.sleep(0.5)
    time.sleep(6)

    # Then both call it well
    ((_, _, problem),) = live.status((wanted,), scope).rows
    assert problem == ""
    assert not only(live, scope, wanted).observed.degraded

    # And neither where another spec is declared
    other = service("-s", command=["sleep", "8888"], deploy={"replicas": 1})
    ((_, _, problem),) = live.status((other,), scope).rows
    assert problem == "Swarm rolled its last update back"
    assert only(live, scope, other).action is Action.UPDATE
