"""What a change of settings does to messages that wait, in words with numbers; pure.

What happens is tried on 3.10.8 and 4.0.5, classic and quorum queues:
a lower limit drops from the head at once, also where publishers are rejected beyond it; a message keeps the expiry
that it got when it was published, and one published while no TTL applied stays and holds up those behind it; a queue
that expires takes its messages along without dead-lettering them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.live.effective_settings import SMALLER

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.providers.rabbitmq.live.effective_settings import Setting
    from bizops.providers.rabbitmq.live.queue_state import QueueState


def losses(
    seen: QueueState,
    before: Mapping[str, Setting],
    after: Mapping[str, Setting],
    keys: Collection[str] | None = None,
) -> list[str]:
    """Give what would be lost by these settings, or by all; nothing where the queue is known to be empty."""
    if seen.is_known_empty:
        return []
    asked = sorted({*before, *after} if keys is None else keys)
    return [text for key in asked for text in _loss(key, seen, before, after)]


def is_lower(key: str, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> bool:
    """True where a limit becomes stricter; no limit is the largest."""
    return _number(key, after) < _number(key, before)


def _number(key: str, settings: Mapping[str, Setting]) -> float:
    setting = settings.get(key)
    if setting is None or (key == "delivery-limit" and setting.value < 0):
        return float("inf")
    return float(setting.value)


def _loss(
    key: str, seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]
) -> Iterator[str]:
    if key == "overflow":
        yield from _overflow(seen, before, after)
    elif key == "delivery-limit":
        if is_lower(key, before, after) and "dead-letter-exchange" not in after:
            yield (
                f"a message delivered more than {after[key].value} times is dropped, and there is "
                "no dead-letter exchange to take it"
            )
    elif key in SMALLER and is_lower(key, before, after):
        yield {
            "max-length": _length,
            "max-length-bytes": _bytes,
            "message-ttl": _ttl,
            "expires": _expires,
        }[key](seen, before, after)


def _length(seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> str:
    del before
    limit, waiting = after["max-length"].value, _count(seen)
    if waiting is None:
        away = seen.queue.away if seen.queue is not None else ""
        why = f": it lies {away}" if away else ""
        return f"it drops what waits beyond {limit} messages{_fate(after)}; how many wait is not known{why}"
    if waiting <= limit:
        return f"{waiting} messages wait; from {limit} on it drops the first of them{_fate(after)}"
    return f"it drops {waiting - limit} of {waiting} messages{_fate(after)}"


def _bytes(seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> str:
    del before
    limit = after["max-length-bytes"].value
    return f"it drops what waits beyond {limit}, of {waiting_text(seen)}{_fate(after)}"


def _ttl(seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> str:
    kept = before["message-ttl"].value if "message-ttl" in before else "for ever"
    return (
        f"messages published from now on live {after['message-ttl'].value}, not {kept}, behind "
        f"{waiting_text(seen)}{_fate(after)}"
    )


def _expires(seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]) -> str:
    del before
    return (
        f"the queue is deleted with {waiting_text(seen)} once nobody has used it for "
        f"{after['expires'].value}; nothing is dead-lettered then"
    )


def _overflow(
    seen: QueueState, before: Mapping[str, Setting], after: Mapping[str, Setting]
) -> Iterator[str]:
    limits = {"max-length", "max-length-bytes"}
    mode = after["overflow"].value if "overflow" in after else None
    if mode is None or mode == before["overflow"].value or not limits & {*before, *after}:
        return
    if mode == "drop-head":
        yield f"beyond its limit it drops the first of {waiting_text(seen)}{_fate(after)}"
    else:
        yield f"beyond its limit it rejects what is published, behind {waiting_text(seen)}"


def _count(seen: QueueState) -> int | None:
    return seen.queue.messages if seen.queue is not None else 0


def waiting_text(seen: QueueState) -> str:
    """Give how many messages wait, or that nobody knows: the listing counts classic queues that it reaches."""
    waiting = _count(seen)
    if waiting is None and seen.queue is not None and seen.queue.away:
        return f"the messages that wait {seen.queue.away}"
    if waiting is None:
        return "the messages that wait (how many is not known)"
    return f"the {waiting} that wait"


def _fate(after: Mapping[str, Setting]) -> str:
    """Say where dropped or expired messages go, where they go anywhere."""
    target = after.get("dead-letter-exchange")
    return f" (dead-lettered to {target.value or 'the default exchange'})" if target else ""
