"""What goes with a queue that is deleted or replaced, in words with numbers; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import DataAtRisk

if TYPE_CHECKING:
    from bizops.providers.rabbitmq.api.amqp_counts import Count
    from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Vhost
    from bizops.resource import Address

_GONE = "nothing: it is gone already"


def stake(
    address: Address, vhost: Vhost, counts: dict[str, Count | None] | None, why: str
) -> DataAtRisk:
    """Weigh one queue.

    `counts` is what AMQP said, None where it did not answer, for the reason in `why`. A classic queue without
    messages and consumers may go: its deletion is guarded by the broker. Quorum queues and streams cannot be guarded,
    so they always need consent.
    """
    name = address.name
    queue = vhost.queues.get(name)
    if queue is None:
        return DataAtRisk(address, needs_consent=False, text=_GONE)
    if queue.away:
        return DataAtRisk(address, needs_consent=True, text=f"what lies {queue.away}")
    bindings = sum(b.is_to_queue and b.destination == name for b in vhost.bindings)
    count = counts.get(name) if counts is not None else None
    messages, consumers = _known(queue, count)
    parts = [
        _number(consumers, "consumer"),
        _number(bindings, "binding"),
    ]
    text = f"{_number(messages, 'message')} ({', '.join(parts)})"
    if messages is None or consumers is None:
        text += f"; {why or _unknown(queue)}"
    is_harmless = queue.type == "classic" and messages == 0 and consumers == 0
    return DataAtRisk(address, not is_harmless, text, tuple(_remedies(queue, messages, consumers)))


def _known(queue: LiveQueue, count: Count | None) -> tuple[int | None, int | None]:
    """Give messages, with those that wait for an acknowledgement, and consumers; None where nobody knows."""
    if count is None:
        return queue.messages, None
    if queue.type == "stream":
        return None, count.consumers
    return max(count.messages, queue.messages or 0), count.consumers


def _unknown(queue: LiveQueue) -> str:
    """Say why the broker answered and there is no number all the same."""
    if queue.type == "stream":
        return "the broker tells 0 for any stream"
    return "the broker did not tell"


def _remedies(queue: LiveQueue, messages: int | None, consumers: int | None) -> list[str]:
    remedies = []
    if messages and queue.type == "classic":
        remedies.append("drain it and plan again")
    if consumers and queue.type == "classic":
        remedies.append("stop its consumers and plan again")
    return remedies


def _number(count: int | None, noun: str) -> str:
    if count is None:
        return f"an unknown number of {noun}s"
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
