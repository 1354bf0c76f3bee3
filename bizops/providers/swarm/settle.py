"""Has what we wrote taken effect? The judgement over one service and its tasks; pure.

Sources: docker/cli `service/progress` and swarmkit `orchestrator/update`. `tasks` are always those of the service's
present spec (the engine's filter `_up-to-date`), so that tasks of older specs never count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bizops.change import Readiness
from bizops.providers.swarm.special import mode_of

Raw = Mapping[str, Any]

IN_A_ROW = 3
"""So many failed or rejected tasks one after the other in one slot are a failure."""
_MONITOR = 5.0
_GOING = frozenset({"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"})
_FAILED = frozenset({"failed", "rejected"})
_REJECTED_BY_SWARM = {
    "paused": "PAUSED by Swarm",
    "rollback_completed": "ROLLED BACK by Swarm",
    "rollback_paused": "ROLLED BACK by Swarm, and the way back is paused too",
}


@dataclass(slots=True)
class Watch:
    """What is remembered of a service between two looks.

    `restarts`: tasks are replaced, so they must stay up for a while. `stable_since` is when all of them were first
    seen running, by the clock that is given to `judge`. `before` are the ids of tasks that had failed on this very
    spec when it was first looked at after the write, None until then; empty where the write made a new spec.
    """

    restarts: bool
    stable_since: float | None = None
    before: frozenset[str] | None = frozenset()


def judge(  # noqa: PLR0911 - one for each way in which it can stand
    service: Raw, tasks: Sequence[Raw], watch: Watch, now: float
) -> Readiness:
    """Say whether a service has settled, failed, or needs more time. `now` in seconds, of any steady clock."""
    spec, update = service["Spec"], service.get("UpdateStatus") or {}
    state = update.get("State", "")
    if state in _REJECTED_BY_SWARM:
        return Readiness(failed=True, detail=_with(_REJECTED_BY_SWARM[state], update))
    if state == "rollback_started":
        return Readiness(detail=_with("Swarm is rolling back", update))
    mode = mode_of(spec)[0]
    if mode.endswith("-job"):
        return _job(service, tasks)
    wanted = desired_tasks(service, tasks)
    if watch.before is None:
        watch.before = frozenset(task["ID"] for task in tasks if _state(task) in _FAILED)
    if failing_slot(spec, tasks, watch.before) and not _swarm_decides(spec, state):
        return Readiness(
            failed=True, detail=f"{_running(tasks)}/{wanted} running, and the tasks keep failing"
        )
    up = _running(tasks) + (_finished(tasks) if is_one_shot(spec) else 0)
    new = " on the new spec" if watch.restarts and state else ""
    detail = f"{up}/{wanted} running{new}"
    if up != wanted:
        watch.stable_since = None
        return Readiness(detail=", ".join([detail, *_progress(tasks)]))
    if wanted == 0 and mode == "replicated":
        return Readiness(settled=True, detail="0/0 running")
    if not watch.restarts or state == "completed":
        return Readiness(settled=True, detail=detail)
    watch.stable_since = now if watch.stable_since is None else watch.stable_since
    left = monitor(spec) - (now - watch.stable_since)
    if state == "updating" or left > 0:
        return Readiness(detail=f"{detail}, watched for {monitor(spec):g} s")
    return Readiness(settled=True, detail=f"{detail}, stable")


def _swarm_decides(spec: Raw, state: str) -> bool:
    """True while an update is under way that Swarm itself pauses or rolls back: its verdict says more than ours."""
    action = (spec.get("UpdateConfig") or {}).get("FailureAction", "pause")
    return state == "updating" and action != "continue"


def monitor(spec: Raw) -> float:
    """Give the seconds for which Swarm watches a new task; the engine's default is 5."""
    return ((spec.get("UpdateConfig") or {}).get("Monitor") or 0) / 1e9 or _MONITOR


def may_have_tasks(service: Raw) -> bool:
    """True where the tasks must be looked at: none are wanted only of a service scaled to none."""
    mode = mode_of(service["Spec"])[0]
    return mode != "replicated" or desired_tasks(service, ()) > 0


def desired_tasks(service: Raw, tasks: Sequence[Raw]) -> int:
    """Give how many tasks the service should have; for a global one as many as the engine has made or wants."""
    mode, options = mode_of(service["Spec"])
    if mode == "replicated":
        replicas = options.get("Replicas")
        return 1 if replicas is None else int(replicas)
    status = service.get("ServiceStatus") or {}
    return max(int(status.get("DesiredTasks", 0)), sum(_is_wanted(task) for task in tasks))


def missing_tasks(service: Raw, tasks: Sequence[Raw] = ()) -> str:
    """Say how many tasks are not there, or "". Those of `tasks` that were to end and ended well are not missing."""
    spec = service["Spec"]
    wanted = desired_tasks(service, ())
    missing = wanted - int((service.get("ServiceStatus") or {}).get("RunningTasks", 0))
    if ends(spec):
        missing -= _finished(tasks)
    return f"{missing} of {wanted} tasks do not run" if missing > 0 else ""


def ends(spec: Raw) -> bool:
    """True where tasks are to end: of a job, and where one that ended well is not started again."""
    return mode_of(spec)[0].endswith("-job") or is_one_shot(spec)


def is_moving(service: Raw) -> bool:
    """True while Swarm replaces tasks."""
    state = (service.get("UpdateStatus") or {}).get("State", "")
    return state in {"updating", "rollback_started"}


def is_one_shot(spec: Raw) -> bool:
    """True where a task that ended well is not started again."""
    policy = (spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    return policy.get("Condition") in {"none", "on-failure"}


def failing_slot(spec: Raw, tasks: Sequence[Raw], before: Collection[str] = ()) -> bool:
    """True where one slot has had failures and nothing else for the last few of its tasks that ended.

    Those in `before` do not count while Swarm still tries in that slot: their cause may be gone.
    """
    policy = (spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    attempts = policy.get("MaxAttempts") or IN_A_ROW
    enough = 1 if policy.get("Condition") == "none" else min(IN_A_ROW, attempts + 1)
    tried = {_slot(task) for task in tasks if _is_wanted(task)}
    for slot, ended in _ended_by_slot(tasks).items():
        counted = [task for task in ended if slot not in tried or task.get("ID") not in before]
        recent = counted[-enough:]
        if len(recent) == enough and all(_state(task) in _FAILED for task in recent):
            return True
    return False


def last_failure(tasks: Sequence[Raw]) -> Raw | None:
    """Give the task that failed last, or None."""
    failed = [task for task in tasks if _state(task) in _FAILED]
    return max(
        failed, key=lambda task: (task.get("Status") or {}).get("Timestamp", ""), default=None
    )


def last_error(tasks: Sequence[Raw]) -> str:
    """Give why a task cannot start (no node takes it), else why the last one failed, in the engine's words; or ""."""
    stuck = [_error(task) for task in tasks if _state(task) in _GOING and _is_wanted(task)]
    return next(filter(None, stuck), "") or _error(last_failure(tasks) or {})


def on_nodes_that_are_up(tasks: Sequence[Raw], down: Collection[str]) -> list[Raw]:
    """Leave out the tasks of nodes that are down: what they last said is not so any more."""
    return [task for task in tasks if task.get("NodeID", "") not in down]


def _job(service: Raw, tasks: Sequence[Raw]) -> Readiness:
    """A job has settled when its tasks of this iteration have ended well."""
    iteration = ((service.get("JobStatus") or {}).get("JobIteration") or {}).get("Index")
    current = [t for t in tasks if (t.get("JobIteration") or {}).get("Index") == iteration]
    mode, options = mode_of(service["Spec"])
    total = options.get("TotalCompletions")
    wanted = (
        int(1 if total is None else total)
        if mode == "replicated-job"
        else len({t.get("NodeID") for t in current})
    )
    done = _finished(current)
    detail = f"{done}/{wanted} done"
    if failing_slot(service["Spec"], current):
        return Readiness(failed=True, detail=f"{detail}, and the tasks keep failing")
    if done >= wanted and (current or not wanted):
        return Readiness(settled=True, detail=detail)
    return Readiness(detail=", ".join([detail, *_progress(current)]))


def _state(task: Raw) -> str:
    return str((task.get("Status") or {}).get("State", ""))


def _error(task: Raw) -> str:
    return str((task.get("Status") or {}).get("Err", ""))


def _is_wanted(task: Raw) -> bool:
    return task.get("DesiredState") in {"running", "ready", "accepted"}


def _running(tasks: Sequence[Raw]) -> int:
    return sum(_is_wanted(task) and _state(task) == "running" for task in tasks)


def _finished(tasks: Sequence[Raw]) -> int:
    return len({_slot(task) for task in tasks if _state(task) == "complete"})


def _slot(task: Raw) -> object:
    return task.get("Slot") or task.get("NodeID")


def _ended_by_slot(tasks: Sequence[Raw]) -> dict[object, list[Raw]]:
    """Give the tasks that ended by themselves or came up, oldest first, for each slot."""
    found: dict[object, list[Raw]] = {}
    for task in sorted(tasks, key=lambda task: task.get("CreatedAt", "")):
        if _state(task) in _FAILED or _state(task) in {"running", "complete"}:
            found.setdefault(_slot(task), []).append(task)
    return found


def _progress(tasks: Sequence[Raw]) -> list[str]:
    """Say what the first task that is not up yet is doing, and what the engine says about it."""
    going = [task for task in tasks if _state(task) in _GOING and _is_wanted(task)]
    if not going:
        return []
    task = min(going, key=lambda task: (task.get("Slot") or 0, task.get("CreatedAt", "")))
    status = task.get("Status") or {}
    slot = f"task {task['Slot']}" if task.get("Slot") else "a task"
    said = status.get("Err", "")
    return [f"{slot} {_state(task)}: {said}" if said else f"{slot} {_state(task)}"]


def _with(words: str, update: Raw) -> str:
    """Add Swarm's message where it says more than the state does."""
    said = update.get("Message", "")
    return f"{words} ({said})" if said and "paused" in update.get("State", "") else words
