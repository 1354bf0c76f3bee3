"""`bizops` with one more system: things in a JSON file. Carried out as a process of its own by the tests beside it.

IN_MEMORY holds the path of a JSON file: `things` (name to settings), `fails` (name to words), `problem`, `settles`
(name to looks), `weights` (name to what would go), `degraded` (name to why), `stuck` (names), `read_seconds`,
`loses_lock` (true where the lock is lost at its first renewal). The file is written back at the end.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bizops.cli import main
from bizops.errors import LockLostError, UnreachableError
from bizops.provider import never
from bizops.testing.fake import FakeProvider, fake_definition, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bizops.change import Outcome, Step
    from bizops.provider import Health, Lease, Observations, Scope
    from bizops.resource import Resource


class Lost:
    """A lock that somebody else has at the first renewal."""

    seconds = 1.0

    def take(self) -> str:
        """Take it."""
        return ""

    def renew(self, within: float) -> None:
        """Find that it is lost."""
        del within
        message = "the lock was lost to somebody@elsewhere:1"
        raise LockLostError(message)

    def release(self) -> None:
        """Have nothing to give back."""

    def break_open(self) -> str:
        """Name who has it."""
        return "somebody@elsewhere:1"


class Kept(FakeProvider):
    """The fake provider, read from a file and written back with every change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: dict[str, Any] = json.loads(path.read_text())
        super().__init__(
            things=_things(self._state),
            fails={name: list(words) for name, words in self._state.get("fails", {}).items()},
            problem=self._state.get("problem", ""),
            settles=self._state.get("settles", {}),
            weights=self._state.get("weights", {}),
            unread=frozenset(self._state.get("unread", ())),
            degraded=self._state.get("degraded", {}),
            stuck=frozenset(self._state.get("stuck", ())),
        )

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Observe what the file holds by now, as slowly as told; a file beside it says that it has begun."""
        self._state = json.loads(self._path.read_text())
        self.things, self.problem = _things(self._state), self._state.get("problem", "")
        self._path.with_name("reading").touch()
        time.sleep(self._state.get("read_seconds", 0))
        return super().observe(resources, scope)

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Fail as reading fails."""
        if self.problem:
            raise UnreachableError(self.problem)
        return super().status(resources, scope)

    def lease(self, topology: str, holder: str) -> Lease | None:  # type: ignore[override] - the base offers none
        """Offer a lock where it is to be lost."""
        del topology, holder
        return Lost() if self._state.get("loses_lock") else None

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Apply, and keep what came of it."""
        outcomes = super().apply(steps, is_stopped)
        self._state["things"] = {
            name: {".".join(path): value for path, value in settings.items()}
            for name, settings in self.things.items()
        }
        self._path.write_text(json.dumps(self._state))
        return outcomes


def _things(state: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {tuple(key.split(".")): value for key, value in settings.items()}
        for name, settings in state.get("things", {}).items()
    }


if __name__ == "__main__":
    kept = Kept(Path(os.environ["IN_MEMORY"]))
    with installed(fake_definition(lambda: kept)):
        main()
