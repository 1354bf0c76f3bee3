"""Why a service did not come up: the failing task's error and the last lines of its log."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.providers.swarm.engine import nodes
from bizops.providers.swarm.state.tasks import desired, last_failure, running

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.providers.swarm.engine.client import Engine

_LINES = 5
_SECONDS = 3.0
_LONGEST_LINE = 400
_TOLD_SECONDS, _PAUSE = 2.0, 0.2
_OF_A_STOP = frozenset({None, 0, 137, 143})
"""Codes of a task that Swarm stopped, by SIGTERM or SIGKILL, or that has none."""
_HEADER = 8
"""Bytes before each piece of output: its stream, three zeros, its length."""


def lines(engine: Engine, service: Mapping[str, Any]) -> tuple[str, ...]:
    """Give lines for people; what cannot be found out is left out, for the failure itself is known already."""
    try:
        tasks, failed = _found(engine, service)
        if failed is None:
            return _stuck(tasks)
        said = _log(engine, failed)
        names = {node.identity: node.name for node in nodes.parsed(engine.get("/nodes"))}
    except errors.ProviderError:
        return ()
    head = _what_happened(service, failed, names)
    shown = [f"  {line}" for line in said]
    end = "; its last lines:" if len(said) > 1 else "; its last line:" if said else ""
    return (f"{head}{end}", *shown, *_aftermath(service, tasks))


def _found(
    engine: Engine, service: Mapping[str, Any]
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any] | None]:
    """Give the tasks, and the one that failed last. Swarm may have set a service back before its state is told."""
    end = time.monotonic() + _TOLD_SECONDS
    while True:
        tasks = engine.get("/tasks", filters={"service": {service["ID"]: True}})
        failed = last_failure(tasks) or _ended_by_itself(tasks)
        if failed or not _is_set_back(service) or time.monotonic() > end:
            return tasks, failed
        time.sleep(_PAUSE)


def _ended_by_itself(tasks: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Give the newest task that ended with a code of its own, though it counts as one that was shut down."""
    ended = [
        task
        for task in tasks
        if (task.get("Status") or {}).get("State") == "shutdown"
        and ((task.get("Status") or {}).get("ContainerStatus") or {}).get("ExitCode")
        not in _OF_A_STOP
    ]
    return max(ended, key=lambda task: task.get("CreatedAt", ""), default=None)


def _is_set_back(service: Mapping[str, Any]) -> bool:
    return str((service.get("UpdateStatus") or {}).get("State", "")).startswith("rollback")


def _stuck(tasks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    said = {(task.get("Status") or {}).get("Err", "") for task in tasks} - {""}
    return tuple(sorted(said))


def _what_happened(
    service: Mapping[str, Any], task: Mapping[str, Any], names: Mapping[str, str]
) -> str:
    """Say which task, where, and how it ended."""
    status = task.get("Status") or {}
    name = f"{service['Spec']['Name']}.{task.get('Slot') or names.get(task.get('NodeID', ''), '?')}"
    node = names.get(task.get("NodeID", ""), "")
    place = f" on {node}" if node else ""
    error = status.get("Err", "")
    code = (status.get("ContainerStatus") or {}).get("ExitCode")
    if status.get("State") == "rejected":
        return f"task {name}{place} was rejected: {error}"
    if "unhealthy container" in error:
        return f"task {name}{place} was killed{_lived(task)}: its health check failed"
    if code and (not error or "non-zero exit" in error):
        return f"task {name}{place} exited {code}{_lived(task)}"
    return f"task {name}{place} failed: {error}"


def _lived(task: Mapping[str, Any]) -> str:
    """Give ` after 4 s`, from the task's creation to its end."""
    ended = _moment((task.get("Status") or {}).get("Timestamp", ""))
    began = _moment(task.get("CreatedAt", ""))
    if began is None or ended is None or ended < began:
        return ""
    return f" after {(ended - began).total_seconds():.0f} s"


def _moment(text: str) -> datetime | None:
    """Read the engine's time; its nanoseconds are more than Python takes."""
    try:
        return datetime.fromisoformat(text[:19] + "+00:00")
    except ValueError:
        return None


def _aftermath(service: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    if not _is_set_back(service):
        return ()
    return (f"{running(tasks)}/{desired(service, tasks)} run the old spec now",)


def _log(engine: Engine, task: Mapping[str, Any]) -> list[str]:
    """Give the last lines that a task wrote; none where its log driver does not tell."""
    try:
        raw = engine.content(
            f"/tasks/{task['ID']}/logs", _SECONDS, stdout="1", stderr="1", tail=str(_LINES)
        )
    except errors.ProviderError:
        return []
    text = _joined(raw).decode(errors="replace")
    return [line[:_LONGEST_LINE] for line in text.splitlines() if line.strip()][-_LINES:]


def _joined(raw: bytes) -> bytes:
    """Take the headers out of the stream; one without headers comes from a terminal and stays as it is."""
    if raw[:1] not in {b"\x00", b"\x01", b"\x02"} or raw[1:4] != b"\x00\x00\x00":
        return raw
    pieces = []
    while len(raw) >= _HEADER:
        length = int.from_bytes(raw[4:_HEADER], "big")
        pieces.append(raw[_HEADER : _HEADER + length])
        raw = raw[_HEADER + length :]
    return b"".join(pieces)
