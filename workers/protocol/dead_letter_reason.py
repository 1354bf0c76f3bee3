"""Why a message is dead-lettered, as a worker writes it into the headers of the dead letter, and reads it there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

OBITUARY = ("reason", "error_class", "error", "worker", "queue", "dead_lettered_at")
"""The headers that make one."""
REASONS = ("invalid", "expired", "permanent", "exhausted", "poison", "internal", "conflict")
"""Every word for why a task is dead-lettered."""
IS_REFUSED = "refused"
"""The word for why an event is."""
MAX_HEADER = 1000
"""Characters of an error in a header: AMQP frames hold 128 KiB of all headers together."""


@dataclass(frozen=True, slots=True)
class DeadLetterReason:
    """Why a message is dead-lettered; `closes_record` where its task was begun."""

    reason: str
    error_class: str
    error: str
    closes_record: bool = True

    def headers(self, worker: str, queue: str) -> dict[str, object]:
        """Give it as headers: `worker` took the message from `queue`."""
        return {
            "reason": self.reason,
            "error_class": self.error_class,
            "error": self.error[:MAX_HEADER],
            "worker": worker,
            "queue": queue,
            "dead_lettered_at": timestamp_now(),
        }


def has_obituary(headers: Mapping[str, Any], queue: str) -> bool:
    """Whether headers say together why a message from this queue is dead.

    Their names are ordinary words, which anybody may use for something else.
    """
    texts = [headers.get(name) for name in OBITUARY]
    if not all(isinstance(text, str) for text in texts) or headers["queue"] != queue:
        return False
    try:
        datetime.fromisoformat(headers["dead_lettered_at"])
    except ValueError:
        return False
    return headers["reason"] in {*REASONS, IS_REFUSED}


def timestamp_now() -> str:
    """Give the time as headers and events have it, RFC 3339 in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
