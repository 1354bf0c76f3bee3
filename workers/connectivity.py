"""What a worker reaches and what not: one log line for each change, and one for all that is away at start."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LOG = logging.getLogger(__name__)
FIRST_LOOK = 6.0
"""Seconds in which everything has been looked for once: longer than any first time-out."""
REASON_PAUSE = 30.0
"""Seconds for which another reason for the same state is not worth a line."""


class Connectivity:
    """The last word about each system: why it is away, empty where it is there. May be used from any thread."""

    def __init__(self, systems: Sequence[str]) -> None:
        self._guard = threading.Lock()
        self._now: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._said_at: dict[str, float] = {}
        self.systems = tuple(systems)
        self._begun = time.monotonic()

    def report(self, system: str, reason: str) -> None:
        """Say that a system is there (an empty reason), or why it is not."""
        with self._guard:
            self._now[system] = reason

    def has(self, system: str) -> bool:
        """Whether a system was there when it was last asked."""
        with self._guard:
            return self._now.get(system) == ""

    def why(self, system: str) -> str | None:
        """Give the last word about a system: why it is away, empty where it is there, None before the first."""
        with self._guard:
            return self._now.get(system)

    def flush(self) -> None:
        """Log what changed between there and away since the last time; at first, once all is known."""
        with self._guard:
            now = dict(self._now)
        is_early = time.monotonic() - self._begun < FIRST_LOOK
        if not self._said and len(now) < len(self.systems) and is_early:
            return
        changed = {
            system: reason for system, reason in now.items() if self._is_news(system, reason)
        }
        self._said |= changed
        self._said_at |= dict.fromkeys(changed, time.monotonic())
        away = {system: reason for system, reason in changed.items() if reason}
        if away:
            LOG.warning("away", extra=away)
        if connected := [system for system in changed if system not in away]:
            LOG.info("connected", extra={"systems": connected})

    def _is_news(self, system: str, reason: str) -> bool:
        """Whether a state is new, or has had another reason for a while: clients word one thing in many ways."""
        if system not in self._said or bool(reason) != bool(self._said[system]):
            return True
        is_fresh = time.monotonic() - self._said_at[system] < REASON_PAUSE
        return reason != self._said[system] and not is_fresh
