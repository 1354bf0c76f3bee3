"""Declared policies beside derived ones: a queue may go from one sort to the other and is never without."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from bizops.change import Action, Status
from bizops.planner import Targeting

pytestmark = pytest.mark.integration

PRUNE = Targeting(prune=True)
OTHERS = ("rabbitmq.*",)


def own(**settings: Any) -> dict[str, Any]:
    return {"queues": {"own_a": settings}}


def policy(name: str = "own_p", **definition: Any) -> dict[str, Any]:
    body = {"pattern": "^own_a$", "apply_to": "queues", "priority": 5, "definition": definition}
    return {"policies": {name: body}}


class Publisher(threading.Thread):
    """Publishes to one queue as fast as it can until it is told to stop."""

    def __init__(self, broker: Any) -> None:
        super().__init__()
        self._broker = broker
        self._is_over = threading.Event()

    def run(self) -> None:
        with self._broker.channel() as channel:
            while not self._is_over.is_set():
                channel.basic_publish("", "own_a", b"x")

    def __enter__(self) -> None:
        self.start()
        time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        time.sleep(0.2)
        self._is_over.set()
        self.join()


@pytest.mark.parametrize("is_back", [False, True], ids=["to a policy", "back"])
def test_a_ttl_moves_between_a_queue_and_a_policy_without_a_gap(
    broker: Any, *, is_back: bool
) -> None:
    """A message that is published while no TTL applies would stay for ever."""
    ways = [own(message_ttl="1s"), own() | policy(**{"message-ttl": "1s"})]
    before, after = reversed(ways) if is_back else ways
    broker.own("policy", "own_*")
    broker.converge(before)

    with Publisher(broker):
        result = broker.carry_out(broker.plan(after, PRUNE), OTHERS)

    assert {Status.APPLIED} == {outcome.status for outcome in result.outcomes}
    assert broker.plan(after, PRUNE).is_empty
    deadline = time.monotonic() + 20
    while broker.count("own_a") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert broker.count("own_a") == 0


def test_a_policy_that_bites_where_the_queues_own_limit_goes_needs_consent(broker: Any) -> None:
    """The queue's own limit of 1000 and the policy's of 10 change in one plan: judged together."""
    broker.converge(own(max_length=1000))
    broker.publish("own_a", 100)
    after = own() | policy(**{"max-length": 10})

    refused = broker.plan(after)

    assert [("own_p", "queue own_a: it drops 90 of 100 messages")] == [
        (refusal.address.name, refusal.why) for refusal in refused.refusals
    ]
    assert not broker.plan(after, allow_data_loss=("rabbitmq.policy/own_p",)).refusals


def test_two_policies_that_go_together_are_judged_together(broker: Any) -> None:
    """Each alone leaves the other in place; without both the catch-all drops 90 of 100."""
    broker.own("policy", "own_*")
    broker.put("queues", "others", {})
    for name, priority in (("own_p", 5), ("own_r", 6)):
        broker.policy(name, {"max-length": 1000}, priority=priority)
    broker.policy("catch-all", {"max-length": 10})
    broker.publish("others", 100)

    plan = broker.plan({"exchanges": {"own_x": {}}}, PRUNE)

    why = "queue others: it drops 90 of 100 messages"
    assert [("own_p", why), ("own_r", why)] == [(r.address.name, r.why) for r in plan.refusals]
    assert broker.count("others") == 100


def test_a_policy_stays_while_the_one_in_its_place_cannot_be_written(broker: Any) -> None:
    """Renamed, but the broker refuses the new one: the old one keeps the catch-all off."""
    broker.own("policy", "own_*")
    broker.converge(own() | policy(**{"max-length": 1000}))
    broker.policy("catch-all", {"max-length": 10})
    broker.publish("own_a", 100)
    unknown = {"max-length": 1000, "no-such-key": 1}

    result = broker.carry_out(broker.plan(own() | policy("own_q", **unknown), PRUNE), OTHERS)

    failed = {o.step.key[0]: o.detail for o in result.outcomes if o.status is Status.FAILED}
    assert failed.keys() == {"rabbitmq.policy/own_p", "rabbitmq.policy/own_q"}
    assert failed["rabbitmq.policy/own_p"].startswith("stays: rabbitmq.policy/own_q may have to")
    assert broker.queues()["own_a"] == "own_p"
    assert broker.count("own_a") == 100


def test_a_renamed_policy_is_there_before_the_old_one_goes(broker: Any) -> None:
    """Both in one batch: the new one first, so the catch-all never applies."""
    broker.own("policy", "own_*")
    broker.converge(own() | policy("own_0", **{"max-length": 1000}))
    broker.policy("catch-all", {"max-length": 10})
    broker.publish("own_a", 100)

    for number in range(1, 6):
        after = own() | policy(f"own_{number}", **{"max-length": 1000})
        plan = broker.plan(after, PRUNE)
        assert {Action.CREATE, Action.DELETE} == {
            c.action for c in plan.changes if c.address.kind == "policy"
        }
        broker.carry_out(plan)
        assert broker.queues()["own_a"] == f"own_{number}"

    assert broker.count("own_a") == 100
