"""Why a server is not up: how its container ended, and what it said last."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docker.models.containers import Container

TAIL_LINES = 300
REASON_LENGTH = 160
# In the order in which they tell more: what the JVM lacked, what a server gave up for, what it complained of.
TELLING = (
    re.compile(r"OutOfMemoryError: [\w ]+"),
    re.compile(r"(?:FATAL|CRITICAL|panic:|BOOT FAILED|Cannot allocate|[Nn]o space left).*"),
    re.compile(r"(?:\bERROR\b|\[error\] <[\d.]+>(?=.*\w{3})|\b[Ee]rror:|Caused by:|Exception:).*"),
)
TIMESTAMP = re.compile(r"^\[?\d{4}-\d\d-\d\d[T ][\d:.,]+(?:[+-]\d\d:?\d\d|Z)?\]?\s*")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
SIGNALS = 128
SIGKILL = SIGNALS + 9
# After SIGTERM a server ends with 0, or as the JVM does.
STOPPED = frozenset({0, SIGNALS + 15})
MINUTE, HOUR, DAY = 60, 3600, 86400


def was_ended(container: Container) -> bool:
    """Tell whether somebody stopped or killed the container, or its engine did: it did not fail by itself."""
    state = container.attrs["State"]
    return not state["OOMKilled"] and state["ExitCode"] in {*STOPPED, SIGKILL}


def describe_end(container: Container) -> str:
    """Say since when a container is not running and why, such as `dead for 3 min: OutOfMemoryError: ...`."""
    state = container.attrs["State"]
    if state["Error"]:
        return f"cannot start: {_shorten(state['Error'])}"
    age = describe_age(state["FinishedAt"])
    if state["OOMKilled"]:
        return f"dead for {age}: the kernel killed it, its memory was used up"
    if state["ExitCode"] in STOPPED:
        return f"stopped {age} ago"
    if state["ExitCode"] == SIGKILL:
        return f"killed {age} ago"
    text = _read_log(container)
    reason = find_complaint(text) or find_last_line(text) or "it said nothing"
    return f"dead for {age}: {reason} (exit code {state['ExitCode']})"


def describe_run(container: Container) -> str:
    """Say since when a container runs whose server does not answer, and what that complained of."""
    age = describe_age(container.attrs["State"]["StartedAt"])
    complaint = find_complaint(_read_log(container))
    return f"runs for {age}" + (f", its log says: {complaint}" if complaint else "")


def _read_log(container: Container) -> str:
    since = _parse(container.attrs["State"]["StartedAt"])
    content: Any = container.logs(tail=TAIL_LINES, since=since)
    return COLOUR.sub("", bytes(content).decode(errors="replace"))


def find_complaint(log: str) -> str:
    """Give the last line that names a failure, of the most telling sort that there is; "" without one."""
    for pattern in TELLING:
        for line in reversed(log.splitlines()):
            if found := pattern.search(line):
                return _shorten(found.group())
    return ""


def find_last_line(log: str) -> str:
    """Give the last line that is no frame of a stack trace, without its time; "" when there is none."""
    for line in reversed(log.splitlines()):
        if line.strip() and not line[0].isspace():
            return _shorten(TIMESTAMP.sub("", line))
    return ""


def _shorten(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= REASON_LENGTH else words[: REASON_LENGTH - 1] + "…"


def describe_age(moment: str) -> str:
    """Give the time since a moment of the engine (RFC 3339, nanoseconds) in its largest unit."""
    seconds = max(0, int((datetime.now(UTC) - _parse(moment).replace(tzinfo=UTC)).total_seconds()))
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _parse(moment: str) -> datetime:
    # Whole seconds, in UTC without saying so, as docker-py takes them.
    return datetime.fromisoformat(moment[:19])
