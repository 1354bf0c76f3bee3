"""The judgement over a service and its tasks, for states that a healthy one-node swarm does not show."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.providers.swarm import task_failures
from bizops.providers.swarm.state import settling
from bizops.providers.swarm.state.settling import Watch


def _service(replicas: int = 1, state: str = "", message: str = "", **spec: Any) -> dict[str, Any]:
    update = {"State": state, "Message": message} if state else {}
    template = {"RestartPolicy": spec.pop("restart", {})}
    mode = spec.pop("mode", {"Replicated": {"Replicas": replicas}})
    return {
        "ID": "s", "UpdateStatus": update,
        "Spec": {"Name": "x", "Mode": mode, "TaskTemplate": template, **spec},
    }  # fmt: skip


def _task(state: str, slot: int = 1, created: int = 0, **more: Any) -> dict[str, Any]:
    status = {"State": state, "Err": more.pop("err", ""), "Timestamp": f"{created}"}
    wanted = "shutdown" if state in {"failed", "rejected", "complete"} else "running"
    return {
        "ID": f"{slot}-{created}", "Slot": slot, "CreatedAt": f"{created:04}", "Status": status,
        "DesiredState": more.pop("desired", wanted), "NodeID": "n", **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("paused", "PAUSED by Swarm (why)"),
        ("rollback_completed", "ROLLED BACK by Swarm"),
        ("rollback_paused", "the way back is paused too (why)"),
    ],
)
def test_what_swarm_rejected_has_failed(state: str, words: str) -> None:
    """Whatever the tasks look like: the verdict is Swarm's."""
    service = _service(state=state, message="why")
    verdict = settling.judge(service, [_task("running")], Watch(True), 0)  # noqa: FBT003

    assert verdict.failed
    assert words in verdict.detail


def test_a_rollback_under_way_is_waited_for() -> None:
    """Its end says what runs then."""
    verdict = settling.judge(
        _service(state="rollback_started"), [_task("running")], Watch(restarts=True), 0
    )

    assert not verdict.failed
    assert not verdict.settled


def test_new_tasks_must_stay_up_for_the_monitor_time() -> None:
    """The clock starts when all of them run, and again when one does not."""
    service = _service(2, UpdateConfig={"Monitor": 3_000_000_000})
    up, watch = [_task("running", 1), _task("running", 2)], Watch(restarts=True)

    verdicts = [settling.judge(service, up, watch, now).settled for now in (0, 2.9)]
    down = settling.judge(service, up[:1], watch, 3)
    later = [settling.judge(service, up, watch, now).settled for now in (4, 6.9, 7)]

    assert [False, False] == verdicts
    assert "1/2 running" == down.detail
    assert [False, False, True] == later


def test_swarm_watches_its_own_updates() -> None:
    """While it does we wait, and when it is content so are we."""
    service, tasks = _service(state="updating"), [_task("running")]
    watch = Watch(restarts=True)

    assert not settling.judge(service, tasks, watch, 0).settled
    assert not settling.judge(service, tasks, watch, 100).settled
    assert settling.judge(_service(state="completed"), tasks, Watch(restarts=True), 0).settled


def test_s1_a_task_that_failed_after_the_update_was_completed_has_not_settled() -> None:
    """The engine heard of it too late; what came in its place must stay up for the monitored time."""
    service = _service(state="completed", UpdateConfig={"Monitor": 3_000_000_000})
    tasks = [_task("failed", created=1), _task("running", created=2)]
    watch = Watch(restarts=True)

    assert not settling.judge(service, tasks, watch, 0).settled
    assert not settling.judge(service, [_task("failed", created=1)], watch, 2).settled
    assert not settling.judge(service, tasks, watch, 3).settled
    assert settling.judge(service, tasks, watch, 6).settled
    assert settling.judge(service, [_task("running", created=2)], Watch(restarts=True), 0).settled


def test_s9_a_global_service_that_no_node_takes_is_not_called_running() -> None:
    service, watch = _service(mode={"Global": {}}), Watch(restarts=True)
    settling.judge(service, [], watch, 0)
    assert (
        settling.judge(service, [], watch, 6).detail == "runs nowhere: no node takes a task of it"
    )


def test_scaling_down_waits_until_the_rest_is_gone() -> None:
    """Tasks that are told to stop do not count."""
    tasks = [_task("running", 1), _task("running", 2, desired="shutdown")]

    assert settling.judge(_service(1), tasks, Watch(restarts=False), 0).settled


@pytest.mark.parametrize(
    ("states", "is_failing"),
    [
        (["failed", "failed"], False),
        (["failed", "rejected", "failed"], True),
        (["failed", "failed", "running", "failed"], False),
        (["running", "failed", "failed", "failed", "starting"], True),
        (["failed", "failed", "complete"], False),
    ],
)
def test_three_failures_in_a_row_in_one_slot_are_a_failure(
    states: list[str], *, is_failing: bool
) -> None:
    """A task that came up in between breaks the row; one that is only starting does not."""
    tasks = [_task(state, created=number) for number, state in enumerate(states)]

    assert is_failing is settling.judge(_service(), tasks, Watch(restarts=True), 0).failed


def test_failures_before_the_write_count_only_where_swarm_has_given_up() -> None:
    """A write that leaves the spec as it is, such as going on with a paused update, gets its own three tries."""
    old = [_task("failed", created=number) for number in range(3)]
    trying, new = _task("starting", created=3), [_task("failed", created=n) for n in (4, 5, 6)]
    watch = Watch(restarts=True, before=None)

    verdicts = [
        settling.judge(_service(), tasks, watch, 0).failed
        for tasks in ([*old, trying], [*old, *new[:2], trying], [*old, *new, trying], old)
    ]

    assert [False, False, True, True] == verdicts


def test_failures_of_different_slots_do_not_add_up() -> None:
    """Three slots that failed once each may all come up on the next try."""
    tasks = [_task("failed", slot) for slot in (1, 2, 3)]

    assert not settling.judge(_service(3), tasks, Watch(restarts=True), 0).failed


@pytest.mark.parametrize(
    ("policy", "failures"), [({"Condition": "none"}, 1), ({"MaxAttempts": 1}, 2), ({}, 3)]
)
def test_a_task_that_is_not_started_again_is_not_waited_for(
    policy: dict[str, Any], failures: int
) -> None:
    """Where Swarm gives up earlier than three times, so do we."""
    tasks = [_task("failed", created=number) for number in range(failures)]

    assert settling.judge(_service(restart=policy), tasks, Watch(restarts=True), 0).failed
    assert not settling.judge(_service(restart=policy), tasks[1:], Watch(restarts=True), 0).failed


def test_a_task_that_finds_no_node_is_told_and_waited_for() -> None:
    """A node may come; only the deadline decides."""
    tasks = [_task("pending", err="no suitable node (1 node not available)")]

    verdict = settling.judge(_service(), tasks, Watch(restarts=True), 0)

    assert not verdict.failed
    assert "0/1 running, task 1 pending: no suitable node (1 node not available)" == verdict.detail


def test_a_job_counts_only_its_present_iteration() -> None:
    """What an earlier one did is history."""
    job = _service(mode={"ReplicatedJob": {"TotalCompletions": 2, "MaxConcurrent": 2}})
    job["JobStatus"] = {"JobIteration": {"Index": 7}}
    done = [{**_task("complete", slot), "JobIteration": {"Index": 7}} for slot in (1, 2)]
    old = [{**_task("complete", slot), "JobIteration": {"Index": 3}} for slot in (1, 2)]

    assert not settling.judge(job, old, Watch(restarts=True), 0).settled
    assert settling.judge(job, [*old, *done], Watch(restarts=True), 0).settled


def test_log_frames_are_joined_and_plain_output_stays() -> None:
    """A container with a terminal writes no frames."""
    framed = b"\x01\x00\x00\x00\x00\x00\x00\x03one\x02\x00\x00\x00\x00\x00\x00\x03\ntw"

    assert b"one\ntw" == task_failures._joined(framed)  # noqa: SLF001 - the frames are the engine's, too rare to provoke
    assert b"plain" == task_failures._joined(b"plain")  # noqa: SLF001 - likewise


def test_a_task_that_ended_with_a_code_of_its_own_explains_a_rollback() -> None:
    """Seen on 20.10.24: Swarm may call the task that failed an update shut down, as it does with those that it stops.

    The two cannot be told apart by their state, and which of them Swarm writes is a race that no test can win.
    """

    def stopped(code: int | None, created: int) -> dict[str, Any]:
        task = _task("shutdown", created=created, desired="shutdown")
        task["Status"]["ContainerStatus"] = {"ExitCode": code}
        return task

    of_swarm = [stopped(code, 9) for code in (None, 0, 137, 143)]

    assert task_failures._ended_by_itself(of_swarm) is None  # noqa: SLF001 - see above
    older, newest = stopped(3, 1), stopped(4, 2)
    assert task_failures._ended_by_itself([newest, *of_swarm, older]) is newest  # noqa: SLF001 - see above
