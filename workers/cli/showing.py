"""How dead letters look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from workers.cli import console
from workers.protocol.message_body import show

if TYPE_CHECKING:
    from workers.tasks.dead_letters import DeadLetter

HEADER = ("ID", "REASON", "ERROR CLASS", "ATTEMPTS", "AGE", "WORKER", "ERROR")
MOST_SHOWN = 128 << 20
"""Bytes of a body that is decompressed to be shown: RabbitMQ's own limit of a message."""
PROPERTIES = (
    "content_type",
    "content_encoding",
    "priority",
    "correlation_id",
    "reply_to",
    "message_id",
    "timestamp",
    "type",
    "app_id",
)


def print_list(counts: dict[str, int], found: list[DeadLetter]) -> None:
    """Print how many dead letters each queue has, and those that are to be shown."""
    for queue, count in counts.items():
        shown = [letter for letter in found if letter.message.delivery.queue == queue]
        print(f"{queue}.dlq: {count}" + (f", {len(shown)} shown" if len(shown) < count else ""))
        if shown:
            console.print_table(HEADER, [_row(letter) for letter in shown])


def _row(letter: DeadLetter) -> tuple[str, ...]:
    return (
        letter.task_id,
        letter.reason,
        letter.error_class or "-",
        str(letter.attempts),
        console.age(letter.age),
        letter.worker or "-",
        letter.error or "-",
    )


def describe(letter: DeadLetter) -> dict[str, Any]:
    """Give a dead letter with all that its message holds."""
    delivery = letter.message.delivery
    given = {name: getattr(delivery.properties, name) for name in PROPERTIES}
    headers = json.loads(json.dumps(delivery.properties.headers or {}, default=str))
    return {
        **letter.to_json(),
        "headers": headers,
        "properties": {name: value for name, value in given.items() if value is not None},
        "body": show(delivery.body, delivery.properties.content_encoding, MOST_SHOWN),
    }


def print_letter(letter: DeadLetter) -> None:
    """Print all that a dead letter's message holds."""
    full = describe(letter)
    body, headers = full.pop("body"), full.pop("headers")
    properties = full.pop("properties")
    for name, value in {**headers, **properties, **full}.items():
        print(f"{console.plain(name)}: {console.plain(str(value))}")
    print()
    print("\n".join(console.plain(line) for line in _pretty(body).splitlines()))


def _pretty(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return body
