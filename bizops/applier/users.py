"""The users that a deletion waits for, looked at once more just before it is written.

Each settled at its own time, and the deletion waits for the slowest: one that settled long before may have failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.applier.readiness import ask
from bizops.change import Action

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.change import Step
    from bizops.graph import Graph
    from bizops.provider import Provider

_STAYS = frozenset({Action.CREATE, Action.UPDATE})


class Users:
    """The steps of all users that stay, by address; those that go are gone when the deletion's turn comes."""

    def __init__(self, steps: Graph, providers: Mapping[str, Provider]) -> None:
        self._providers = providers
        self._steps = {
            step.change.address: step
            for step in steps.steps.values()
            if step.change is not None and step.action in _STAYS
        }

    def trouble(self, step: Step) -> str:
        """Say which user of what this step deletes does not run any more, or ""."""
        if step.change is None or step.action is not Action.DELETE:
            return ""
        users = [self._steps[user] for user in step.change.waits if user in self._steps]
        for name in sorted({user.provider for user in users}):
            mine = [user for user in users if user.provider == name]
            for user, seen in zip(mine, ask(self._providers[name], mine), strict=True):
                if not seen.settled:
                    return f"{user.key[0]} used it, and has not stayed settled: {seen.detail}"
        return ""
