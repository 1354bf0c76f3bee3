"""Errors as people and programs read them: the system's words, where a setting came from, what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.errors import BizopsError, TopologyError
from bizops.render.plan_json import FORMAT_VERSION
from bizops.render.style import Style, count_text, list_text
from bizops.render.values import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.change import Plan, System
    from bizops.render.heading import Heading

_LABEL_WIDTH = 8


def error_text(error: BizopsError, style: Style, *, set_in: str = "", so: str = "") -> str:
    """Print `error: …` and beneath it where the setting stands, what follows, and what to try.

    The faults of a topology come first, each with its place, and the message is their sum.
    """
    if isinstance(error, TopologyError) and error.faults:
        return "\n".join([*(printable(fault) for fault in error.faults), printable(str(error))])
    return _block(str(error), style, (("set in", set_in), ("so", so), ("try", error.remedy)))


def unread_text(plan: Plan, style: Style, *, heading: Heading, command: str) -> str:
    """Print one error for each system that could not be read; empty where all were.

    `command` is what the user typed up to its targets, such as `bizops plan -e production`.
    """
    others = [system.provider for system in plan.systems if not system.problem]
    blocks = []
    for system in plan.systems:
        if not system.problem:
            continue
        ways = system.remedy.splitlines()
        if others:
            targets = " ".join(f"--target '{name}.*'" for name in others)
            ways.append(f"{command} {targets}")
        origins = dict(heading.origins)
        place = origins.get(system.setting or f"connections.{system.provider}", system.setting)
        notes = (("set in", place), ("so", _so(plan, system, others)), ("try", "\n".join(ways)))
        blocks.append(_block(f"{system.provider}: {system.problem}", style, notes))
    return "\n".join(blocks)


def _so(plan: Plan, system: System, others: Sequence[str]) -> str:
    lost = sum(observed.address.provider == system.provider for observed in plan.unreadable)
    verb = "was" if lost == 1 else "were"
    text = f"{count_text(lost, 'objects')} {verb} not compared"
    if not others:
        return text
    return f"{text}; {list_text(others)} {'was' if len(others) == 1 else 'were'}"


def _block(message: str, style: Style, notes: Sequence[tuple[str, str]]) -> str:
    """Print a message with labelled lines beneath; nothing is broken inside, so that commands can be copied."""
    lines = [f"{style.paint('error:', 'red', 'bold')} {printable(message)}"]
    for label, text in notes:
        for position, line in enumerate(printable(text).splitlines()):
            lead = label if position == 0 else ""
            lines.append(f"  {lead:<{_LABEL_WIDTH}}{line}")
    return "\n".join(lines)


def error_json(error: BizopsError) -> dict[str, Any]:
    """Give an error as a document of its own: JSON stands alone on stdout, also on failure."""
    faults = list(error.faults) if isinstance(error, TopologyError) else []
    return {
        "format_version": FORMAT_VERSION,
        "errored": True,
        "complete": False,
        "applyable": False,
        "error": {
            "type": type(error).__name__,
            "message": str(error),
            "remedy": error.remedy,
            "faults": faults,
        },
    }
