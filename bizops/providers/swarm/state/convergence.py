"""How a service stands against what it is to run; pure.

`ServiceStatus`, which the engine counts, holds every task that was last heard running: also those that are being
stopped, and those of a node that is gone (swarmkit `controlapi/service.go`, tried on 20.10 and 28.5). So its numbers
are taken only where every node is ready; else the tasks are counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.providers.swarm.spec.structured_fields import mode_of
from bizops.providers.swarm.state import placement
from bizops.providers.swarm.state.settling import monitor
from bizops.providers.swarm.state.tasks import (
    FAILED,
    age,
    desired,
    ends,
    error_of,
    finished,
    is_moving,
    is_running,
    is_wanted,
    last_error,
    last_failure,
    of_this_iteration,
    of_this_spec,
    off_nodes,
    progress,
    running,
    slot_of,
    state_of,
    unplaced,
)
from bizops.providers.swarm.state.update_status import ROLLED_BACK, UNSETTLED, UPDATES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from bizops.providers.swarm.engine.nodes import Nodes

    Raw = Mapping[str, Any]

_STOPPING = frozenset({"assigned", "accepted", "preparing", "ready", "starting", "running"})


@dataclass(frozen=True, slots=True)
class Convergence:
    """How many tasks run, and how many are to run.

    `problem` says that some do not and which nodes are missing, "" where all do or have ended well; `error` is the
    last task's own, in the engine's words. `rollout` says how far an update or its rollback is, "" where none is under
    way or all tasks run the spec. `lasts` is False where that is a moment of something that goes on. `is_over`
    is True where Swarm starts nothing more. `has_ended_well` is True where all tasks that are to end have done so.
    """

    running: int
    wanted: int
    problem: str = ""
    rollout: str = ""
    error: str = ""
    missing: str = ""
    lasts: bool = False
    is_over: bool = False
    has_ended_well: bool = False

    @property
    def degraded(self) -> str:
        """Give the whole story of what will not pass by itself, else how far a rollout is, or ""."""
        if not self.lasts:
            return self.rollout
        text = f"{self.problem}: {self.error}" if self.error else self.problem
        return "; ".join(filter(None, (text, self.missing)))

    @property
    def trouble(self) -> str:
        """Give the problem and the missing nodes, for a reader who sees the error beside it."""
        return "; ".join(filter(None, (self.problem or self.rollout, self.missing)))


def is_told(service: Raw, tasks: Sequence[Raw], now: float) -> bool:
    """True where the engine's numbers say that all is well; where not, the tasks say why.

    `tasks` are those that are to run. One that came up a moment ago may be the next of many that fail.
    """
    counts = service.get("ServiceStatus") or {}
    state = (service.get("UpdateStatus") or {}).get("State", "")
    if mode_of(service["Spec"])[0] == "global" and _most_attempts(service["Spec"]):
        # The engine counts what it wants to run, and where it has given up it wants nothing.
        return False
    is_settled = state not in UNSETTLED | {ROLLED_BACK}
    is_well = counts.get("RunningTasks", 0) >= desired(service, ()) and is_settled
    return is_well and not any(_is_new(service["Spec"], task, now) for task in tasks)


def told(service: Raw) -> Convergence:
    """Give the engine's own numbers. Right where all nodes are ready and `is_told`."""
    counts = service.get("ServiceStatus") or {}
    return Convergence(counts.get("RunningTasks", 0), desired(service, ()))


def counted(
    service: Raw,
    tasks: Sequence[Raw],
    nodes: Nodes,
    now: float,
    up_to_date: Collection[str] = (),
) -> Convergence:
    """Count the tasks on nodes that are ready. `tasks` are all of this service, those that ended too.

    `up_to_date` are the ids of those on its present spec, where it is moving. `now` is in seconds since 1970, by the
    managers' clock.
    """
    spec = service["Spec"]
    current = of_this_spec(service, of_this_iteration(service, tasks)) if ends(spec) else tasks
    heard = off_nodes(current, {node.identity for node in nodes if not node.is_ready})
    steady = [task for task in heard if not _is_doubtful(service, task, heard, now)]
    up, wanted = running(steady), _wanted(service, heard)
    done = finished(current) if ends(spec) else 0
    waits = unplaced(heard)
    rollout = "" if ends(spec) else _rollout(service, steady, up_to_date, wanted)
    if up + done >= wanted and not waits:
        error = last_error(heard)
        return Convergence(up, wanted, rollout=rollout, error=error, has_ended_well=done > 0)
    problem = f"{up} of {wanted} {'task runs' if wanted == 1 else 'tasks run'}"
    if ends(spec):
        problem = f"{done} of {wanted} {'task has' if wanted == 1 else 'tasks have'} ended well"
    if up + done >= wanted:
        problem = f"{problem}, and another is to"
    is_over = not waits and _has_given_up(service, heard, wanted)
    return Convergence(
        up,
        wanted,
        problem,
        rollout,
        _cause(steady),
        _missing(spec, nodes),
        lasts=is_over or _lasts(service, heard, nodes),
        is_over=is_over,
    )


def _rollout(service: Raw, tasks: Sequence[Raw], up_to_date: Collection[str], wanted: int) -> str:
    """Say how many tasks run the present spec while Swarm still replaces others."""
    up = running([task for task in tasks if task.get("ID") in up_to_date])
    if not is_moving(service) or up >= wanted:
        return ""
    what = UPDATES[(service.get("UpdateStatus") or {}).get("State", "")]
    return f"{what}: {up} of {wanted} {'task runs' if wanted == 1 else 'tasks run'} this spec"


def _is_new(spec: Raw, task: Raw, now: float) -> bool:
    """True where a task runs, and has not done so for as long as Swarm would watch it after an update."""
    return is_running(task) and age(task, now) < monitor(spec)


def _is_doubtful(service: Raw, task: Raw, tasks: Sequence[Raw], now: float) -> bool:
    """True where a task came up a moment ago in the place of one that failed on this spec: it may fail as that did."""
    spec = service["Spec"]
    if ends(spec) or not _is_new(spec, task, now):
        return False
    in_its_place = [each for each in tasks if slot_of(each) == slot_of(task) and each != task]
    last = max(
        of_this_spec(service, in_its_place), key=lambda t: t.get("CreatedAt", ""), default={}
    )
    return state_of(last) in FAILED


def _has_given_up(service: Raw, heard: Sequence[Raw], wanted: int) -> bool:
    """True where a task failed and no other is to come in its place: what ends once, or may fail so often only."""
    if is_moving(service) or last_failure(heard) is None:
        return False
    going = {slot_of(task) for task in heard if is_wanted(task) and state_of(task) not in FAILED}
    if ends(service["Spec"]):
        return not going
    return bool(_most_attempts(service["Spec"])) and len(going) < wanted


def _most_attempts(spec: Raw) -> int:
    """Give how often Swarm starts a task again, 0 where without end."""
    policy = (spec.get("TaskTemplate") or {}).get("RestartPolicy") or {}
    return int(policy.get("MaxAttempts") or 0)


def _wanted(service: Raw, heard: Sequence[Raw]) -> int:
    """Give how many tasks are to run: of a global service, on the nodes that are ready alone.

    Where it has given up on a node, the last task there failed, and none is wanted.
    """
    if mode_of(service["Spec"])[0] != "global":
        return desired(service, heard)
    last: dict[object, Raw] = {}
    for task in sorted(heard, key=lambda t: t.get("CreatedAt", "")):
        last[slot_of(task)] = task
    given_up = sum(not is_wanted(t) and state_of(t) in FAILED for t in last.values())
    return sum(is_wanted(task) for task in heard) + given_up


def _lasts(service: Raw, heard: Sequence[Raw], nodes: Nodes) -> bool:
    """True where time alone will not help: what ends has its own story, and a rollout waits for tasks that stop.

    A task without a place waits for none that stops on a node which takes no tasks: it makes room for nobody.
    """
    stopping = [t for t in heard if not is_running(t) and _is_stopping(t)]
    makes_room = off_nodes(stopping, {node.identity for node in nodes if not node.takes_tasks})
    if is_moving(service) or ends(service["Spec"]) or (stopping and not makes_room):
        return bool(unplaced(heard)) and not makes_room
    return not stopping


def _is_stopping(task: Raw) -> bool:
    return not is_wanted(task) and state_of(task) in _STOPPING


def _missing(spec: Raw, nodes: Nodes) -> str:
    """Name the nodes that would take a task of this service if they were well."""
    constraints = ((spec.get("TaskTemplate") or {}).get("Placement") or {}).get("Constraints") or ()
    fitting = [node for node in nodes if placement.allows(constraints, node)]
    return ", ".join(f"node {node.trouble}" for node in fitting if node.trouble)


def _cause(heard: Sequence[Raw]) -> str:
    """Give why a task has no node, else how the last one in a slot without a running task failed, else what it does."""
    if said := unplaced(heard):
        return said
    up = {slot_of(task) for task in heard if is_running(task)}
    failed = last_failure([task for task in heard if slot_of(task) not in up])
    return error_of(failed) if failed else progress(heard)
