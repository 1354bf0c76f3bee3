"""How the last update of a service ended, in words; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PAUSED = {"paused": "paused", "rollback_paused": "rollback paused"}
"""States in which not every task runs the spec, and Swarm does nothing about it."""
UNSETTLED = frozenset({"updating", "paused", "rollback_started", "rollback_paused"})
"""States in which not every task runs the spec, or Swarm may set it back."""
ROLLED_BACK = "rollback_completed"
UPDATES = {
    "updating": "an update is under way",
    "paused": "its last update is paused: not every task runs this spec",
    "rollback_started": "Swarm is rolling it back",
    "rollback_completed": "Swarm rolled its last update back",
    "rollback_paused": "its rollback is paused: not every task runs this spec",
}


def is_history(state: str, *, is_as_declared: bool) -> bool:
    """True of a rollback that ended with what is declared: Swarm keeps its status until the next update."""
    return state == ROLLED_BACK and is_as_declared


def notes(raw: Mapping[str, Any], *, is_as_declared: bool, error: str = "") -> Iterator[str]:
    """Tell where the last update has not ended well: the spec alone does not show it. `error` is the last task's."""
    update = raw.get("UpdateStatus") or {}
    state = update.get("State", "")
    if state in UPDATES and not is_history(state, is_as_declared=is_as_declared):
        said = update.get("Message", "") if state.endswith("paused") else ""
        said = error if state == ROLLED_BACK else said
        yield f"{UPDATES[state]} ({said})" if said else UPDATES[state]
