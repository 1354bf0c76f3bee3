"""When a task is tried again: four fixed waits, each a queue of the topology with a TTL that leads back. Pure.

A queue for each wait, not a TTL for each message: RabbitMQ expires messages at the head of a queue only, so a short
wait behind a long one would take as long.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """A wait in seconds, and the exchange and queue of that name.

    The exchange is a fanout, so that a message keeps the routing key that leads it back: its work queue's name.
    """

    name: str
    seconds: float


TIERS = (
    Tier("retry.5s", 5),
    Tier("retry.30s", 30),
    Tier("retry.2m", 120),
    Tier("retry.10m", 600),
)


def tier_for(attempt: int, retry_after: float | None = None) -> Tier:
    """Give the wait after a failed attempt, counted from 1; at least `retry_after` seconds if a tier has as much."""
    wanted = TIERS[min(attempt, len(TIERS)) - 1]
    if retry_after is None or retry_after <= wanted.seconds:
        return wanted
    return next((tier for tier in TIERS if tier.seconds >= retry_after), TIERS[-1])
