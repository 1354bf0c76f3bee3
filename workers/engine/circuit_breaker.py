"""The circuit breaker: a provider that fails again and again is left alone, and so are the tasks.

Closed, tasks run. Open, nothing is consumed: tasks stay in their queue, in order, and no attempt is counted. After a
pause one task is let through; its run closes the breaker, or opens it for twice as long.
"""

from __future__ import annotations

import threading
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_PAUSE = 300.0


class State(Enum):
    """Closed lets everything through, half-open one task, open nothing."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


class CircuitBreaker:
    """Counts failures of the provider in a row. `on_change` is called with the new state, outside of any lock."""

    def __init__(
        self,
        failures: int,
        pause: float,
        clock: Callable[[], float],
        on_change: Callable[[State], None],
    ) -> None:
        self._limit = failures
        self._first_pause = self._pause = pause
        self._clock = clock
        self._on_change = on_change
        self._guard = threading.Lock()
        self._failures = 0
        self._until = 0.0
        self.state = State.CLOSED

    def succeed(self) -> None:
        """The provider answered."""
        with self._guard:
            self._failures = 0
            is_change = self.state is not State.CLOSED
            self.state = State.CLOSED
            self._pause = self._first_pause
        if is_change:
            self._on_change(State.CLOSED)

    def fail(self, retry_after: float | None = None) -> bool:
        """The provider failed; gives whether the breaker is open now, so that the attempt should not be counted."""
        with self._guard:
            self._failures += 1
            was = self.state
            if was is State.CLOSED and self._failures < self._limit:
                return False
            if was is not State.OPEN:
                self._until = self._clock() + max(self._pause, min(retry_after or 0, LONGEST_PAUSE))
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self.state = State.OPEN
        if was is not State.OPEN:
            self._on_change(State.OPEN)
        return True

    @property
    def seconds_left(self) -> float:
        """Seconds until the next task is let through, 0 where it is now."""
        with self._guard:
            is_open = self.state is State.OPEN
            return max(0.0, self._until - self._clock()) if is_open else 0.0

    def tick(self) -> None:
        """Let one task through once the pause is over; called about once a second."""
        with self._guard:
            if self.state is not State.OPEN or self._clock() < self._until:
                return
            self.state = State.HALF_OPEN
        self._on_change(State.HALF_OPEN)
