"""What a quorum queue holds, which the cheap listing does not tell, is asked where it decides."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Status
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import plan_for

pytestmark = pytest.mark.integration

UNKNOWN = "it drops what waits beyond 10 messages; how many wait is not known"


def quorum(**settings: Any) -> dict[str, Any]:
    return {"queues": {"own_q": {"type": "quorum", **settings}}}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"max_length": 10}),
        ({"max_length": 100}, {"max_length": 10}),
        ({}, {"max_length_bytes": "10b"}),
        ({"message_ttl": "2h"}, {"message_ttl": "1h"}),
        ({}, {"expires": "1h"}),
        ({"delivery_limit": 10}, {"delivery_limit": 5}),
        ({"max_length": 9}, {"max_length": 9, "overflow": "reject-publish"}),
    ],
)
def test_an_empty_quorum_queue_is_made_stricter_without_a_question(
    broker: Any, before: dict[str, Any], after: dict[str, Any]
) -> None:
    """Nothing can be lost; with one message in it the same change asks."""
    broker.converge(quorum(**before))

    empty = broker.plan(quorum(**after))
    broker.publish("own_q", 1)
    filled = broker.plan(quorum(**after))

    assert not empty.refusals
    assert ["rabbitmq.queue/own_q"] == [str(r.address) for r in filled.refusals]
    broker.ctl("purge_queue", "own_q")
    broker.converge(quorum(**after))
    assert broker.plan(quorum(**after)).is_empty


def test_the_refusal_gives_the_numbers(broker: Any) -> None:
    """As for a classic queue."""
    broker.converge(quorum())
    broker.publish("own_q", 100)

    plan = broker.plan(quorum(max_length=10))

    assert ["it drops 90 of 100 messages"] == [refusal.why for refusal in plan.refusals]


@pytest.mark.parametrize("is_got", [True, False], ids=["got", "consumed"])
def test_messages_that_are_not_acknowledged_count(broker: Any, *, is_got: bool) -> None:
    """They are not ready, so the broker tells 0 messages; but they may come back."""
    broker.converge(quorum())
    broker.publish("own_q", 20)
    with broker.channel() as channel:
        if is_got:
            for _ in range(20):
                channel.basic_get("own_q")
        else:
            taken: list[object] = []
            tag = channel.basic_consume("own_q", lambda *_: taken.append(_))
            for _ in range(100):
                if len(taken) == 20:
                    break
                channel.connection.process_data_events(0.1)
            channel.basic_cancel(tag)
        assert broker.count("own_q") == 0

        plan = broker.plan(quorum(max_length=10))

    assert [UNKNOWN] == [refusal.why for refusal in plan.refusals]


def test_messages_that_came_since_the_plan_are_not_dropped(broker: Any) -> None:
    """It is counted once more just before the write."""
    broker.converge(quorum())
    plan = broker.plan(quorum(max_length=10))
    broker.publish("own_q", 100)

    result = broker.carry_out(plan)

    failed = [o.detail for o in result.outcomes if o.status is Status.FAILED]
    assert failed == ["messages came into own_q since the plan was made; plan again"]
    assert broker.count("own_q") == 100


def test_where_amqp_does_not_answer_nothing_is_taken_for_empty(broker: Any) -> None:
    """The plan is made all the same, and asks."""
    broker.converge(quorum())
    connection = Connection.model_validate(
        {"url": f"http://127.0.0.1:{broker.http}", "amqp_url": "amqp://127.0.0.1:9"}
    )
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=3))

    plan = plan_for(live, broker.resources(quorum(max_length=10)), broker.scope)

    assert [UNKNOWN] == [effect.text for effect in plan.changes[0].effects]
    live.close()


def test_a_stream_that_goes_is_not_called_empty(broker: Any) -> None:
    """The broker tells 0 messages for any stream."""
    broker.converge({"queues": {"own_s": {"type": "stream"}}})
    broker.publish("own_s", 5)

    (refusal,) = broker.plan({"queues": {"own_s": {"type": "classic"}}}).refusals

    assert refusal.why == (
        "it would delete an unknown number of messages (0 consumers, 0 bindings); "
        "the broker tells 0 for any stream"
    )
