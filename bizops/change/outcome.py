"""What was done: how each step ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bizops.change.plan import Step


class Status(Enum):
    """How a step ended. RETRY: it may pass on another try. RUNNING: written, still settling when we stopped."""

    APPLIED = "applied"
    FAILED = "failed"
    RETRY = "retry"
    SKIPPED = "skipped"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `detail` is one line for people; `lines` are further ones (a task's last log lines).

    `seconds` from the first write until it settled. SKIPPED names the failed need in `detail`.
    """

    step: Step
    status: Status
    detail: str = ""
    lines: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Has what we wrote taken effect? Neither settled nor failed: ask again.

    `detail` is what a person waiting wants to know: `2/4 on the new spec, task 3 starting`. `unread` is True where the
    system failed us, so that nobody knows; `detail` says how.
    """

    settled: bool = False
    failed: bool = False
    detail: str = ""
    lines: tuple[str, ...] = ()
    unread: bool = False


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """Outcomes in the order in which they ended; `interrupted` where a signal stopped it."""

    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False

    @property
    def is_ok(self) -> bool:
        """True where everything that was to be done is done."""
        return not self.interrupted and all(
            outcome.status is Status.APPLIED for outcome in self.outcomes
        )
