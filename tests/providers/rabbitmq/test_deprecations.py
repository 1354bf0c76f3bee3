"""What a plan says of features that are on their way out is what this broker does with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.providers.rabbitmq.conftest import Broker

pytestmark = pytest.mark.integration

QUEUE = {"durable": True, "auto_delete": False}
POLICY = {"pattern": "^own_x$", "apply-to": "queues", "priority": 0}


@pytest.mark.parametrize(
    ("declared", "kind", "body"),
    [
        ({"durable": False}, "queues", {**QUEUE, "durable": False}),
        *(
            ({"arguments": arguments}, "queues", {**QUEUE, "arguments": arguments})
            for arguments in (
                {"x-queue-master-locator": "client-local"},
                {"x-queue-version": 1},
                {"x-queue-version": 2},
                {"x-queue-mode": "lazy"},
            )
        ),
        *(
            (
                {"pattern": "^own_x$", "apply_to": "queues", "definition": definition},
                "policies",
                {**POLICY, "definition": definition},
            )
            for definition in (
                {"ha-mode": "all"},
                {"queue-master-locator": "min-masters"},
                {"queue-mode": "lazy"},
            )
        ),
        (
            {"pattern": f"^{'é' * 511}.$", "apply_to": "queues", "definition": {"expires": 9000}},
            "policies",
            {**POLICY, "pattern": f"^{'é' * 511}.$", "definition": {"expires": 9000}},
        ),
    ],
)
def test_r6_a_plan_refuses_what_the_broker_refuses_and_no_more(
    broker: Broker, declared: dict[str, Any], kind: str, body: dict[str, Any]
) -> None:
    """Whatever its version and its configuration."""
    plan = broker.plan({kind: {"own_x": declared}})
    answer = broker.admin.put(broker.url(kind, broker.vhost, "own_x"), json=body, timeout=20)

    assert bool(plan.refusals) == (not answer.ok), (plan.refusals, answer.text)
    if plan.refusals:
        assert plan.refusals[0].remedies


def test_r6_what_is_there_already_is_warned_of_and_not_refused(broker: Broker) -> None:
    """One line for each feature, however many queues use it."""
    names = ["own_a", "own_b", "own_c"]
    for name in names:
        broker.put("queues", name, {"durable": False, "auto_delete": False})

    plan = broker.plan({"queues": {name: {"durable": False} for name in names}})

    assert plan.is_empty
    assert not plan.refusals
    (warning,) = [text for text in plan.warnings if "durable" in text]
    assert warning.startswith("rabbitmq.queue/own_a and 2 more: ")
    assert "(transient_nonexcl_queues) is deprecated" in warning
