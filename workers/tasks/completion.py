"""How the life of a task in a worker ends: finished, tried again later, dead-lettered, or given back.

Each is told first, then published and confirmed, then noted in the task's record, then acknowledged: whatever ends the
process in between, the message comes again, and nothing is lost.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from workers.errors import PermanentError, StoreAwayError
from workers.events import envelopes
from workers.protocol.dead_letter_reason import DeadLetterReason
from workers.protocol.retries import TIERS, tier_for
from workers.redaction import beginning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.amqp.consumer import Consumer
    from workers.errors import RunError
    from workers.metrics import Metrics
    from workers.redaction import Redactor
    from workers.tasks.message import Message
    from workers.tasks.publishing import Publishing
    from workers.tasks.store import LeaseReply, LeaseRequest, TaskStore

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CompletionContext:
    """What an ending needs: who tells, settles, publishes, remembers, counts.

    `tell` delivers events, and gives whether those of the task wait in the outbox now.
    """

    tell: Callable[[Message, Sequence[envelopes.Event]], bool]
    consumer: Consumer
    outlets: Publishing
    store: TaskStore
    metrics: Metrics


class Completion:
    """Ends the lives of one agent's tasks; every method may raise GoneError, after which the message comes again."""

    def __init__(
        self,
        exits: CompletionContext,
        agent: str,
        worker: str,
        max_attempts: int,
        redactor: Redactor,
    ) -> None:
        self._redactor = redactor
        self._exits = exits
        self._agent = agent
        self._worker = worker
        self._max_attempts = max_attempts

    def finish(
        self, message: Message, claim: LeaseRequest, grant: LeaseReply, outcome: str
    ) -> None:
        """Deliver a result's events, unless they are, and acknowledge."""
        if not grant.is_done:
            if outcome == "reused":
                self._exits.metrics.events_repeated.inc(len(grant.result))
            self._exits.tell(message, grant.result)
            try:
                self._exits.store.mark_done(claim)
            except StoreAwayError as error:
                LOG.debug("not_marked_done", extra={"reason": str(error)})
        self.settle(message, outcome)

    def fail(
        self, message: Message, claim: LeaseRequest, failure: RunError, effort: envelopes.Effort
    ) -> None:
        """End a failed attempt that counts: another one later, or a dead letter where there is none."""
        is_permanent = isinstance(failure, PermanentError)
        said = self._say(str(failure))
        error_class = self._redactor.redact(failure.error_class)
        if is_permanent or message.attempt >= self._max_attempts:
            reason = "permanent" if is_permanent else "exhausted"
            obituary = DeadLetterReason(reason, error_class, str(failure))
            self.bury(message, obituary, claim, effort)
            return
        tier = tier_for(message.attempt, getattr(failure, "retry_after", None))
        why = {"error_class": error_class, "reason": said}
        LOG.warning("task_retried", extra={**why, "tier": tier.name})
        subject = self.subject(message, claim.task_id)
        told = envelopes.failed(subject, effort, error_class, said, None)
        is_outboxed = self._exits.tell(message, told)
        following = message.attempt + 1
        self._exits.outlets.put_back(message, tier, attempt=following, is_outboxed=is_outboxed)
        self._release(claim, following)
        self.settle(message, "retried")

    def bury(
        self,
        message: Message,
        obituary: DeadLetterReason,
        claim: LeaseRequest,
        effort: envelopes.Effort | None = None,
    ) -> None:
        """Dead-letter a message."""
        obituary = replace(obituary, error=self._say(obituary.error))
        reason, error_class, error = obituary.reason, obituary.error_class, obituary.error
        LOG.warning(
            "task_dead_lettered",
            extra={"reason": reason, "error_class": error_class, "error": error},
        )
        subject = self.subject(message, claim.task_id)
        told = envelopes.failed(subject, effort or envelopes.Effort(), error_class, error, reason)
        is_outboxed = self._exits.tell(message, told)
        self._exits.outlets.dead_letter(message, obituary, is_outboxed=is_outboxed)
        if obituary.closes_record:
            self._release(claim, message.attempt, dead=reason)
        self.settle(message, "dead_lettered", reason=reason)

    def bury_again(self, message: Message) -> None:
        """Dead-letter a message whose dead-letter queue refused it before; all else about it is done."""
        self._exits.outlets.dead_letter_again(message)
        self.settle(message, "dead_lettered")

    def park(self, message: Message, *, is_unguarded: bool) -> None:
        """Look again in the shortest wait: another copy of the task runs now, or nobody can tell."""
        self._exits.outlets.put_back(message, TIERS[0], is_parked=True, is_unguarded=is_unguarded)
        self.settle(message, "parked")

    def postpone(self, message: Message, claim: LeaseRequest, seconds: float) -> None:
        """Let others go first, for at least `seconds`, and count no attempt: at its queue's head it would be next.

        So a task that the provider never takes does not keep the breaker open for all.
        """
        self._exits.outlets.put_back(message, tier_for(1, seconds))
        self._release(claim, message.attempt)
        self.settle(message, "postponed")

    def give_back(self, message: Message, claim: LeaseRequest) -> None:
        """Return a task to its queue as if it had not been begun."""
        self._release(claim, message.attempt)
        self.settle(message, "returned", requeue=True)

    def settle(
        self, message: Message, outcome: str, *, requeue: bool = False, reason: str = ""
    ) -> None:
        """Acknowledge or return a message, and count it."""
        self._exits.consumer.settle(message.delivery, requeue=requeue)
        attempt = message.attempt if outcome in {"completed", "dead_lettered"} else 0
        self._exits.metrics.settle(outcome, reason=reason, attempt=attempt)

    def subject(self, message: Message, task_id: str) -> envelopes.Subject:
        """Give whose events they are."""
        return envelopes.Subject(
            task_id=task_id,
            queue=message.delivery.queue,
            agent=self._agent,
            worker=self._worker,
            trace_id=message.trace_id,
            attempt=message.attempt,
            replays=message.replays,
            content=hashlib.sha256(message.delivery.body).hexdigest(),
        )

    def _say(self, error: str) -> str:
        """Give an error as it may be told: in time, and in any encoding that an event or a header has."""
        said = self._redactor.redact(beginning(error))
        return said.encode("utf-8", "backslashreplace").decode()

    def _release(self, claim: LeaseRequest, attempt: int, dead: str = "") -> None:
        try:
            self._exits.store.release(claim, attempt=attempt, dead=dead)
        except StoreAwayError as error:
            LOG.debug("not_released", extra={"reason": str(error)})
