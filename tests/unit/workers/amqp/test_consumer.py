from __future__ import annotations

from typing import TYPE_CHECKING

import pika

from workers.amqp.consumer import Consumer, Delivery, Requirements
from workers.amqp.link import Link
from workers.configuration.settings import load_settings
from workers.connectivity import Connectivity

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

QUEUE = "auto_orders"


def test_each_acknowledgement_is_sent_although_the_io_thread_overtook_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The I/O thread may have sent everything before the call that woke it comes back."""
    asked = []

    def call(_: Link, function: Callable[[], None]) -> bool:
        asked.append(function)
        function()
        return True

    monkeypatch.setattr(Link, "call", call)
    settings = load_settings({"ENGINE": "stub"})
    consumer = Consumer(
        settings, Connectivity(["rabbitmq"]), Requirements([QUEUE], []), lambda: None
    )
    consumer.subscribe(QUEUE, 2, lambda _: None)

    for tag in (1, 2):
        consumer.settle(
            Delivery(
                QUEUE,
                b"",
                pika.BasicProperties(),
                redelivered=False,
                tag=tag,
                generation=0,
                cluster="",
            )
        )

    assert len(asked) == 2
