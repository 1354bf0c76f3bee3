"""A service and its tasks, as the engine gives them; pure.

`tasks` may hold the tasks of older specs and of nodes that are gone: whoever counts chooses first.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from bizops.providers.swarm.spec.structured_fields import mode_of

Raw = Mapping[str, Any]

GOING = frozenset({"new", "pending", "assigned", "accepted", "preparing", "ready", "starting"})
FAILED = frozenset({"failed", "rejected"})


def desired(service: Raw, tasks: Sequence[Raw]) -> int:
    """Give how many tasks the service should have; for a global one as many as the engine has made or wants."""
    mode, options = mode_of(service["Spec"])
    if mode == "replicated":
        replicas = options.get("Replicas")
        return 1 if replicas is None else int(replicas)
    status = service.get("ServiceStatus") or {}
    return max(int(status.get("DesiredTasks", 0)), sum(is_wanted(task) for task in tasks))


def ends(spec: Raw) -> bool:
    """True where tasks are to end: of a job, and where one that ended well is not started again."""
    return mode_of(spec)[0].endswith("-job") or is_one_shot(spec)


def is_one_shot(spec: Raw) -> bool:
    """True where a task that ended well is not started again."""
    policy = (spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    return policy.get("Condition") in {"none", "on-failure"}


def is_moving(service: Raw) -> bool:
    """True while Swarm replaces tasks."""
    state = (service.get("UpdateStatus") or {}).get("State", "")
    return state in {"updating", "rollback_started"}


def of_this_iteration(service: Raw, tasks: Sequence[Raw]) -> list[Raw]:
    """Leave out the tasks of a job's earlier runs; what is no job has one run only."""
    if "JobStatus" not in service:
        return list(tasks)
    iteration = ((service["JobStatus"] or {}).get("JobIteration") or {}).get("Index")
    return [task for task in tasks if (task.get("JobIteration") or {}).get("Index") == iteration]


def of_this_spec(service: Raw, tasks: Sequence[Raw]) -> list[Raw]:
    """Leave out the tasks of earlier specs: what ended well on one of those has not run as it is declared now."""
    template = service["Spec"].get("TaskTemplate") or {}
    return [task for task in tasks if is_of(template, task.get("Spec") or {})]


def is_of(template: Raw, spec: Raw) -> bool:
    """True where a task has the spec of its service, by what makes Swarm replace it: the engine fills in the rest."""
    keys = ("ContainerSpec", "ForceUpdate")
    return all((template.get(key) or {}) == (spec.get(key) or {}) for key in keys)


def off_nodes(tasks: Sequence[Raw], nodes: Collection[str]) -> list[Raw]:
    """Leave out the tasks of these nodes, by id: nobody knows whether what they last said is still so."""
    return [task for task in tasks if task.get("NodeID", "") not in nodes]


def state_of(task: Raw) -> str:
    """Give the state that a task was last heard to be in."""
    return str((task.get("Status") or {}).get("State", ""))


def error_of(task: Raw) -> str:
    """Give the engine's words for what is wrong with a task, or ""."""
    return str((task.get("Status") or {}).get("Err", ""))


def slot_of(task: Raw) -> object:
    """Give what a task and those that came before it in its place have in common."""
    return task.get("Slot") or task.get("NodeID")


def is_wanted(task: Raw) -> bool:
    """True where Swarm means the task to run, now or when its turn comes."""
    return task.get("DesiredState") in {"running", "ready", "accepted"}


def is_running(task: Raw) -> bool:
    """True where a task runs and is to go on: one that is being stopped, or left behind, does not count."""
    return state_of(task) == "running" and (
        is_wanted(task) or task.get("DesiredState") == "complete"
    )


def age(task: Raw, now: float) -> float:
    """Give for how many seconds a task has been in its state, by the managers' clock; endless where `now` is 0."""
    if not now:
        return math.inf
    try:
        return now - datetime.fromisoformat(f"{task.get('UpdatedAt', '')[:19]}+00:00").timestamp()
    except ValueError:
        return math.inf


def running(tasks: Sequence[Raw]) -> int:
    """Count the tasks that run and are to go on."""
    return sum(is_running(task) for task in tasks)


def finished(tasks: Sequence[Raw]) -> int:
    """Count the slots in which a task ended well."""
    return len({slot_of(task) for task in tasks if state_of(task) == "complete"})


def last_failure(tasks: Sequence[Raw]) -> Raw | None:
    """Give the task that failed last, or None."""
    failed = [task for task in tasks if state_of(task) in FAILED]
    return max(
        failed, key=lambda task: (task.get("Status") or {}).get("Timestamp", ""), default=None
    )


def unplaced(tasks: Sequence[Raw]) -> str:
    """Give why the scheduler finds no node for a task, in the engine's words, or ""."""
    stuck = (error_of(task) for task in tasks if state_of(task) == "pending" and is_wanted(task))
    return next(filter(None, stuck), "")


def last_error(tasks: Sequence[Raw]) -> str:
    """Give why a task cannot start (no node takes it), else why the last one failed, in the engine's words; or ""."""
    stuck = [error_of(task) for task in tasks if state_of(task) in GOING and is_wanted(task)]
    return next(filter(None, stuck), "") or error_of(last_failure(tasks) or {})


def progress(tasks: Sequence[Raw]) -> str:
    """Say what the first task that is not up yet is doing, and what the engine says about it; or ""."""
    going = [task for task in tasks if state_of(task) in GOING and is_wanted(task)]
    if not going:
        return ""
    task = min(going, key=lambda task: (task.get("Slot") or 0, task.get("CreatedAt", "")))
    name = f"task {task['Slot']}" if task.get("Slot") else "a task"
    said = error_of(task)
    return f"{name} {state_of(task)}: {said}" if said else f"{name} {state_of(task)}"


def restarts_of(raw: Mapping[str, Any]) -> int:
    """Give how often the tasks of a live service were started anew on request; a user may have done so, too."""
    return int((raw["Spec"].get("TaskTemplate") or {}).get("ForceUpdate") or 0)
