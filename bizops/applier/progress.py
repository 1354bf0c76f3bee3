"""What an apply tells while it works, how fast it goes about it, and how it is stopped."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bizops.change import Outcome, Step


class Listener:
    """Hears of every step, from the threads of the providers, one call at a time. Does nothing by itself."""

    def started(self, step: Step) -> None:
        """Hear that a step is being written."""

    def waiting(self, step: Step, detail: str, seconds: float) -> None:
        """Hear what a written step is still waiting for, and for how long it has."""

    def ended(self, outcome: Outcome) -> None:
        """Hear how a step ended."""


class Stop:
    """How far an apply is told to stop, looked at by every wait.

    Level 1 starts nothing more, level 2 no longer waits for what was written, level 3 does not wait for anything.
    """

    def __init__(self) -> None:
        self.level = 0
        self.reason = ""
        self.changed = threading.Event()

    def ask(self, level: int, reason: str) -> None:
        """Raise the level; a lower one never takes it back."""
        if level > self.level:
            self.level, self.reason = level, reason
            self.changed.set()

    def check(self) -> None:
        """Raise KeyboardInterrupt at level 3."""
        if self.level > 2:  # noqa: PLR2004 - see above
            raise KeyboardInterrupt(self.reason)


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds between two looks at what settles, at first and at most; per step until it counts as failed.

    `tries` bounds how often a step that may pass is written again, after `backoff` seconds, doubled each time.
    `silence` is for how many seconds a system may fail us: after that, no step that met it is written again, and what
    was written counts as failed where it cannot be looked at.
    """

    first_look: float = 0.02
    look: float = 0.5
    settle_timeout: float = 300.0
    tries: int = 5
    backoff: float = 0.25
    silence: float = 15.0

    def delay(self, tried: int) -> float:
        """Give the seconds before the next try: doubled each time, and anywhere from half of it to all of it."""
        return self.backoff * float(2**tried) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
