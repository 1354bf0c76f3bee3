"""One deadline for all that belongs together."""

from __future__ import annotations

import time


class Deadline:
    """So many seconds from now, for a whole reading."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._started = time.monotonic()

    @property
    def left(self) -> float:
        """The seconds that are left, and never none: the clients take 0 for no limit."""
        return max(0.1, self.seconds - self.spent)

    @property
    def spent(self) -> float:
        """The seconds since it was set."""
        return time.monotonic() - self._started

    @property
    def is_over(self) -> bool:
        """True where no time is left."""
        return self.spent >= self.seconds

    def extend(self) -> None:
        """Start anew, as something was answered: a large cluster that answers bit by bit is not cut off."""
        self._started = time.monotonic()
