"""The queues of the topology that workers share, beside those of their agents and of the retries."""

from __future__ import annotations

from typing import Final

OUTBOX: Final = "events.outbox"
"""Events wait here while Kafka is away, and one worker at a time brings them there."""
REFUSED: Final = f"{OUTBOX}.dlq"
"""Where events wait that Kafka refuses for good, until a person has mended what it refuses."""
