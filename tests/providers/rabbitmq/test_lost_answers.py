"""A write that was carried out, and whose answer was lost on the way."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bizops.change import Status
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import carry_out, plan_for
from drills.cluster.writes import WriteGate

pytestmark = pytest.mark.integration

NEVER = 99
SECONDS = 4.0


def fall_silent() -> None:
    """Keep a client waiting for longer than it does."""
    time.sleep(SECONDS + 1)


@pytest.mark.parametrize("queue_type", ["classic", "quorum"])
@pytest.mark.parametrize(("is_forwarded", "writes"), [(True, 0), (False, 1)])
def test_a_queue_that_was_made_is_found_and_one_that_was_not_is_made(
    broker: Any, queue_type: str, *, is_forwarded: bool, writes: int
) -> None:
    """Where its node died behind the first request, 4.0.5 would hold a second one back for a minute."""
    resources = broker.resources({"queues": {"own_a": {"type": queue_type, "arguments": {}}}})
    alive = f"http://127.0.0.1:{broker.http}"
    with (
        WriteGate(alive, 0, fall_silent, is_forwarded=is_forwarded) as first,
        WriteGate(alive, NEVER, lambda: None, is_forwarded=True) as second,
    ):
        connection = Connection.model_validate({"url": [first.url, second.url]})
        live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=SECONDS))
        result = carry_out(live, plan_for(live, resources, broker.scope))
        live.close()

    assert first.writes == 1
    assert [Status.APPLIED] == [outcome.status for outcome in result.outcomes]
    assert ["own_a"] == [queue["name"] for queue in broker.listing("queues")]
    assert second.writes == writes
