"""What a change of a service does to its tasks; pure.

Swarm replaces tasks where the task template or the endpoint spec differs, and for nothing else: replicas, service
labels and update settings restart nothing (swarmkit `manager/orchestrator/task.go`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Effect, EffectKind
from bizops.providers.swarm.spec.field_table import FORCE_UPDATE, OWNER, UPDATE_STATUS
from bizops.providers.swarm.spec.spec_edit import shape_of
from bizops.providers.swarm.spec.structured_fields import mode_of
from bizops.quantity import Duration

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bizops.change import Change, FieldChange
    from bizops.providers.swarm.spec.field_codecs import RawSpec
    from bizops.resource import Path

_PLACEMENT = ("deploy", "placement")
_CONSTRAINTS = (*_PLACEMENT, "constraints")
_REPLICAS = ("deploy", "replicas")
_MONITOR = Duration(5000)


def of_service(change: Change) -> Iterable[Effect]:
    """Give what a reader must know of a change of a service before saying yes."""
    if change.action in {Action.CREATE, Action.DELETE}:
        return ()
    if change.action is Action.REPLACE:
        return _replacement(change)
    return _update(change)


def forcing(fields: Iterable[FieldChange]) -> tuple[str, ...]:
    """Give the declared names of the fields that make Swarm replace tasks, each first segment once."""
    found: dict[str, None] = {}
    for field in fields:
        if restarts(field.path):
            found[_name(field.path)] = None
    return tuple(found)


def restarts(path: Path) -> bool:
    """True where a change at this path makes Swarm replace tasks."""
    return path != (OWNER,) and (path in {UPDATE_STATUS, FORCE_UPDATE} or shape_of(path).restarts)


def _name(path: Path) -> str:
    return ".".join(path[:2]) if path[0] == "deploy" else path[0]


def _replacement(change: Change) -> Iterator[Effect]:
    forced = " and ".join(field.name for field in change.fields if field.forces)
    text = f"RESTARTS every task: the service is removed and created anew (forced by {forced})"
    yield Effect(EffectKind.RESTART, text, (("forced_by", (forced,)),))


def _update(change: Change) -> Iterator[Effect]:
    spec: RawSpec = (change.observed.raw or {}).get("Spec") or {}
    forced = forcing(change.fields)
    yield from _last_ones(change)
    before, after = _replicas(spec, change)
    if mode_of(spec)[0].endswith("-job"):
        yield _run_again(change)
        return
    if forced and not _is_only_placement(change):
        yield _restart(spec, change, forced, (min(before, after), before))
    elif forced:
        yield Effect(EffectKind.NOTE, _placed_anew(change))
    scaling = _scaling(before, after)
    if not forced:
        text = f"restarts nothing, {scaling}" if scaling else "restarts nothing"
        yield Effect(EffectKind.NOTE, text, (("starts", max(0, after - before)),))
    elif scaling:
        yield Effect(EffectKind.NOTE, scaling, (("starts", max(0, after - before)),))


def _last_ones(change: Change) -> Iterator[Effect]:
    """Say where tasks lose the last of what they may count on."""
    live = [path for path, field in change.observed.fields if path[0] == "environment"]
    gone = {field.path for field in change.fields if field.after in {None, ()} and field.before}
    lost = [key for key in ("volumes", "secrets") if (key,) in gone]
    if live and gone.issuperset(live) and not _adds(change, "environment"):
        lost.append("environment")
    for key in lost:
        text = f"takes away the last of its {key}: the tasks start anew without"
        yield Effect(EffectKind.WARNING, text, (("field", key),))


def _adds(change: Change, key: str) -> bool:
    return any(field.path[0] == key and field.after is not None for field in change.fields)


def _run_again(change: Change) -> Effect:
    """Swarm begins a new iteration of a job with every update, whatever is in it (swarmkit `controlapi/service.go`)."""
    names = tuple(dict.fromkeys(_name(field.path) for field in change.fields))
    text = f"RESTARTS every task: any change runs a job again (forced by {' and '.join(names)})"
    return Effect(EffectKind.RESTART, text, (("forced_by", names),))


def _is_only_placement(change: Change) -> bool:
    """Swarm leaves a task alone where only the placement differs and its node still meets the constraints.

    That excepts all of the placement, not the constraints alone (swarmkit `IsTaskDirtyPlacementConstraintsOnly`).
    """
    paths = [field.path for field in change.fields if restarts(field.path)]
    return all(path[:2] == _PLACEMENT for path in paths)


def _placed_anew(change: Change) -> str:
    if any(field.path == _CONSTRAINTS for field in change.fields):
        return "restarts only tasks on nodes that no longer fit (deploy.placement)"
    return "restarts nothing: it counts for tasks that are placed from now on (deploy.placement)"


def _replicas(spec: RawSpec, change: Change) -> tuple[int, int]:
    mode, options = mode_of(spec)
    if mode != "replicated":
        tasks = dict(change.observed.counts).get("desired", 0)
        return tasks, tasks
    before = int(options.get("Replicas", 1))
    wanted = {field.path: field.after for field in change.fields}
    after = wanted.get(_REPLICAS)
    return before, before if after is None else int(after)


def _scaling(before: int, after: int) -> str:
    if after > before:
        return f"starts {_tasks(after - before)}"
    return f"stops {_tasks(before - after)}" if after < before else ""


def _restart(
    spec: RawSpec, change: Change, forced: tuple[str, ...], replaced: tuple[int, int]
) -> Effect:
    """Say how many tasks are replaced (and of how many), in what steps, and how long that takes at least."""
    tasks, there = replaced
    data = (("forced_by", forced), ("of", there), ("tasks", tasks))
    names = " and ".join(forced)
    if tasks == 0:
        return Effect(
            EffectKind.NOTE, f"restarts nothing: it has no tasks (forced by {names})", data
        )
    config = spec.get("UpdateConfig")
    config = {"Parallelism": 1} if config is None else config
    wanted = {
        f.path[-1]: f.after for f in change.fields if f.path[:2] == ("deploy", "update_config")
    }
    at_once = int(wanted.get("parallelism", config.get("Parallelism", 0))) or tasks
    order = wanted.get("order", config.get("Order", "stop-first"))
    delay = _span(wanted.get("delay"), config.get("Delay"), Duration(0))
    monitor = _span(wanted.get("monitor"), config.get("Monitor"), _MONITOR)
    steps = -(-tasks // at_once)
    least = Duration((steps - 1) * delay + monitor)
    pace = {1: "one at a time", tasks: "all at once"}.get(at_once, f"{at_once} at a time")
    if tasks == 1:
        pace = "one task"
    which = f"{tasks} of {_tasks(there)}"
    if forced == UPDATE_STATUS:  # Swarm went on with a part of them before it paused
        which, least = f"those of {_tasks(there)} that do not run this spec yet", monitor
    text = f"RESTARTS {which} (forced by {names}), {pace}, {order}, {_about(least)} at least"
    return Effect(EffectKind.RESTART, text, data)


def _span(declared: Duration | None, raw: int | None, default: Duration) -> Duration:
    if declared is not None:
        return declared
    return Duration(raw // 1_000_000) if raw else default


def _tasks(number: int) -> str:
    return "1 task" if number == 1 else f"{number} tasks"


def _about(span: Duration) -> str:
    """Print a lower bound as people say it: seconds up to two minutes, then minutes."""
    seconds = max(1, int(span) // 1000)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"  # noqa: PLR2004
