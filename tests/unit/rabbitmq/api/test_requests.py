"""What is written one after the other, and what side by side."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, Change, Status, Step, Write
from bizops.providers.rabbitmq.api import requests
from bizops.providers.rabbitmq.api.client import Answer
from bizops.providers.rabbitmq.api.retry_time import Unanswered
from bizops.providers.rabbitmq.api.writer import Writer
from bizops.providers.rabbitmq.naming.names import (
    PROVIDER,
    exchange_address,
    policy_address,
    queue_address,
)
from bizops.resource import absent


def created(address: Any) -> Step:
    return Step(Action.CREATE, Change(address, Action.CREATE, None, absent(address)))


def deleted(address: Any) -> Change:
    return Change(address, Action.DELETE, None, absent(address))


def test_new_policies_come_first_and_old_ones_last_one_by_one_and_all_else_side_by_side() -> None:
    """Declared and derived policies never meet at the broker, which may mix up two at once."""
    first, second = (
        Step(Action.DELETE, write=Write(PROVIDER, name, Action.DELETE, name)) for name in "ab"
    )
    derived = Step(Action.CREATE, write=Write(PROVIDER, "c", Action.CREATE, "c"))
    declared = created(policy_address("p"))
    queues = [created(queue_address(name)) for name in "qr"]

    phases = list(requests.phases([first, queues[0], declared, queues[1], second, derived]))

    assert phases == [[[declared, derived]], [[queues[0]], [queues[1]]], [[first, second]]]
    assert [[[queues[0]]]] == list(requests.phases([queues[0]]))


def test_exchanges_go_one_by_one_after_the_queues() -> None:
    """An exchange and what is bound to it that go at the same time get in each other's way at the broker."""
    addresses = [exchange_address("x"), queue_address("q"), exchange_address("y")]
    x, queue, y = (Step(Action.DELETE, change=deleted(address)) for address in addresses)

    assert [[[queue]], [[x, y]]] == list(requests.phases([x, queue, y]))


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (False, "not sent: no answer"),
        (
            True,
            "sent before and not answered, so it may be written or not; not sent again: no answer",
        ),
    ],
)
def test_r4_what_was_sent_once_and_not_answered_is_not_called_unsent(
    sent: bool, words: str
) -> None:
    """A node that hangs may carry it out when it wakes."""
    step, unanswered = created(queue_address("q")), Unanswered(1.0)
    unanswered.miss(0.0, "no answer")
    if sent:
        unanswered.sent.add(step.key)
    writer = Writer(None, unanswered, "/", lambda: False)  # type: ignore[arg-type] # nothing is sent

    assert writer.unsent(step).detail == words


POLICY = Step(Action.CREATE, write=Write(PROVIDER, "p", Action.CREATE, "policy p"))
OLD_POLICY = Step(Action.DELETE, write=Write(PROVIDER, "p", Action.DELETE, "policy p"))
OLD_QUEUE = Step(Action.DELETE, change=deleted(queue_address("q")))


@pytest.mark.parametrize(
    ("step", "is_sent", "status", "words"),
    [
        (POLICY, True, Status.RETRY, "; it may be written or not, plan again"),
        (created(exchange_address("x")), True, Status.RETRY, "; it may be written or not, plan again"),
        (OLD_POLICY, True, Status.RETRY, "; it may be deleted or not, plan again"),
        (OLD_QUEUE, True, Status.FAILED, "; it may be deleted or not, plan again"),
        (POLICY, False, Status.RETRY, ""),
        (OLD_QUEUE, False, Status.RETRY, ""),
    ],
)  # fmt: skip
def test_every_write_that_was_sent_and_not_answered_may_be_done(
    step: Step, *, is_sent: bool, status: Status, words: str
) -> None:
    """Only a queue's deletion is not sent twice."""
    found = requests.unanswered(step, Answer(0, "no answer", is_sent=is_sent), Status.RETRY)

    assert (found.status, found.detail) == (status, f"no answer{words}")
