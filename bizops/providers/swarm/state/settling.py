"""Has what we wrote taken effect? The judgement over one service and its tasks; pure.

Sources: docker/cli `service/progress` and swarmkit `orchestrator/update`. `tasks` are always those of the service's
present spec (the engine's filter `_up-to-date`), so that tasks of older specs never count.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bizops.change import Readiness
from bizops.providers.swarm.spec.structured_fields import mode_of
from bizops.providers.swarm.state.tasks import (
    FAILED,
    desired,
    finished,
    is_one_shot,
    is_wanted,
    of_this_iteration,
    progress,
    running,
    slot_of,
    state_of,
)

Raw = Mapping[str, Any]

IN_A_ROW = 3
"""So many failed or rejected tasks one after the other in one slot are a failure."""
_MONITOR = 5.0
_NOWHERE = "runs nowhere: no node takes a task of it"
"""Of a global service: Swarm makes tasks for the nodes that meet its constraints alone, and none may."""
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
    if found := _of_rollout(service, tasks, state, update):
        return found
    mode = mode_of(spec)[0]
    if mode.endswith("-job"):
        return _job(service, tasks)
    wanted = desired(service, tasks)
    if watch.before is None:
        watch.before = frozenset(task["ID"] for task in tasks if state_of(task) in FAILED)
    if failing_slot(spec, tasks, watch.before) and not _swarm_decides(spec, state):
        return Readiness(
            failed=True, detail=f"{running(tasks)}/{wanted} running, and the tasks keep failing"
        )
    ended = finished(tasks) if is_one_shot(spec) else 0
    up = running(tasks) + ended
    new = " on the new spec" if watch.restarts and state else ""
    is_nowhere = wanted == 0 and mode == "global"
    detail = _NOWHERE if is_nowhere else f"{up}/{wanted} running{new}"
    if ended:
        detail = f"{ended}/{wanted} ended well"
    if up != wanted:
        watch.stable_since = None
        return Readiness(detail=_going_on(detail, tasks))
    if wanted == 0 and mode == "replicated":
        return Readiness(settled=True, detail="0/0 running")
    if not watch.restarts or (state == "completed" and not _fails(tasks, watch.before)):
        return Readiness(settled=True, detail=detail)
    watch.stable_since = now if watch.stable_since is None else watch.stable_since
    left = monitor(spec) - (now - watch.stable_since)
    if state == "updating" or left > 0:
        return Readiness(detail=f"{detail}, watched for {monitor(spec):g} s")
    return Readiness(settled=True, detail=detail if is_nowhere or ended else f"{detail}, stable")


def _of_rollout(service: Raw, tasks: Sequence[Raw], state: str, update: Raw) -> Readiness | None:
    """Say what Swarm itself has decided about the update, or None where it has not."""
    if state == "paused" and _has_ended_well(service, tasks):
        return Readiness(settled=True, detail=f"{desired(service, tasks)} ended well")
    if state in _REJECTED_BY_SWARM:
        return Readiness(failed=True, detail=_with(_REJECTED_BY_SWARM[state], update))
    if state == "rollback_started":
        return Readiness(detail=_with("Swarm is rolling back", update))
    return None


def _has_ended_well(service: Raw, tasks: Sequence[Raw]) -> bool:
    """True where tasks that are to end have done so: Swarm pauses an update for that, as "early termination of task".

    `tasks` are those of the present spec.
    """
    done = running(tasks) + finished(tasks)
    return is_one_shot(service["Spec"]) and done >= desired(service, tasks)


def _fails(tasks: Sequence[Raw], before: Collection[str]) -> bool:
    """True where a task of this spec has failed since the write: the engine may have heard of it too late.

    It calls an update completed once each task was up for the monitored time, and looks at none of them again
    (swarmkit `orchestrator/update`). So those that came in their place must stay up for that time, too.
    """
    return any(state_of(task) in FAILED and task.get("ID") not in before for task in tasks)


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
    return mode != "replicated" or desired(service, ()) > 0


def failing_slot(spec: Raw, tasks: Sequence[Raw], before: Collection[str] = ()) -> bool:
    """True where one slot has had failures and nothing else for the last few of its tasks that ended.

    Those in `before` do not count while Swarm still tries in that slot: their cause may be gone.
    """
    policy = (spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    attempts = policy.get("MaxAttempts") or IN_A_ROW
    enough = 1 if policy.get("Condition") == "none" else min(IN_A_ROW, attempts + 1)
    tried = {slot_of(task) for task in tasks if is_wanted(task)}
    for slot, ended in _ended_by_slot(tasks).items():
        counted = [task for task in ended if slot not in tried or task.get("ID") not in before]
        recent = counted[-enough:]
        if len(recent) == enough and all(state_of(task) in FAILED for task in recent):
            return True
    return False


def _job(service: Raw, tasks: Sequence[Raw]) -> Readiness:
    """A job has settled when its tasks of this iteration have ended well."""
    current = of_this_iteration(service, tasks)
    mode, options = mode_of(service["Spec"])
    total = options.get("TotalCompletions")
    wanted = (
        int(1 if total is None else total)
        if mode == "replicated-job"
        else len({t.get("NodeID") for t in current})
    )
    done = finished(current)
    detail = f"{done}/{wanted} done"
    if failing_slot(service["Spec"], current):
        return Readiness(failed=True, detail=f"{detail}, and the tasks keep failing")
    if done >= wanted and (current or not wanted):
        return Readiness(settled=True, detail=detail)
    return Readiness(detail=_going_on(detail, current))


def _ended_by_slot(tasks: Sequence[Raw]) -> dict[object, list[Raw]]:
    """Give the tasks that ended by themselves or came up, oldest first, for each slot."""
    found: dict[object, list[Raw]] = {}
    for task in sorted(tasks, key=lambda task: task.get("CreatedAt", "")):
        if state_of(task) in FAILED or state_of(task) in {"running", "complete"}:
            found.setdefault(slot_of(task), []).append(task)
    return found


def _going_on(detail: str, tasks: Sequence[Raw]) -> str:
    return ", ".join(filter(None, (detail, progress(tasks))))


def _with(words: str, update: Raw) -> str:
    """Add Swarm's message where it says more than the state does."""
    said = update.get("Message", "")
    return f"{words} ({said})" if said and "paused" in update.get("State", "") else words
