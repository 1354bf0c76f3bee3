"""How long a broker that gives no answer is asked again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bizops.change import Outcome, Status

if TYPE_CHECKING:
    from bizops.change import Step

AGAIN = 5.0
"""Seconds in which a second try may begin, where the first one was not answered in time."""


class Unanswered:
    """Since when writes of one apply went without an answer. May be used from several threads.

    A request that was not answered may have been carried out, so nothing more is sent in the same batch. The next one
    may try again while less than `patience` seconds have passed, which covers the restart of a node behind a load
    balancer. After that the apply writes nothing more here, so that it ends soon.

    `sent` are the keys of steps that were sent and not answered: they may have been carried out.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._since: float | None = None
        self.reason = ""
        self.sent: set[tuple[str, str]] = set()

    @property
    def is_over(self) -> bool:
        """True where it has lasted too long to ask again."""
        return self._since is not None and time.monotonic() - self._since >= self._patience

    @property
    def status(self) -> Status:
        """How a step ends that met it."""
        return Status.FAILED if self.is_over else Status.RETRY

    def unsent(self, step: Step, reason: str) -> Outcome:
        """Give the outcome of a step that is not sent, because the broker did not answer others, or this one before."""
        how = "not sent"
        if step.key in self.sent:
            how = "sent before and not answered, so it may be written or not; not sent again"
        return Outcome(step, self.status, f"{how}: {reason}")

    def begin(self) -> None:
        """Ask again; what was heard before counts no more."""
        self.reason = ""

    def miss(self, since: float, reason: str) -> None:
        """Note a request that was begun at `since`, of `time.monotonic`, and was not answered."""
        self._since = min(since, self._since or since)
        self.reason = self.reason or reason

    def end(self) -> None:
        """Forget it where all was answered."""
        if not self.reason:
            self._since = None
