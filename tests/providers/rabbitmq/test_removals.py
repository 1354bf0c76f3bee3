"""What goes with something that is deleted: bindings of others, and the shelter that a policy gave."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, EffectKind, Status
from bizops.planner import Targeting

pytestmark = pytest.mark.integration

DESTROY = Targeting(destroy=True)


def shelter(**definition: Any) -> dict[str, Any]:
    """Declare a policy that stands over a queue of somebody else."""
    policy = {"pattern": "^oth", "apply_to": "queues", "priority": 10, "definition": definition}
    return {"policies": {"own_shelter": policy}}


def bind_exchanges(broker: Any, source: str, destination: str) -> None:
    url = broker.url("bindings", broker.vhost, "e", source, "e", destination)
    broker.admin.post(url, json={"routing_key": "k"}, timeout=20).raise_for_status()


def test_an_exchange_goes_with_the_bindings_of_others_that_the_plan_names(broker: Any) -> None:
    """What the plan says goes along does so, also where the other end goes at the same time."""
    declared = {"exchanges": {"own_x": {}, "own_y": {}}, "queues": {"own_a": {}}}
    broker.converge(declared)
    broker.put("queues", "others", {})
    for queue in ("others", "own_a"):
        broker.bind("own_x", queue, {"routing_key": "k"})
    bind_exchanges(broker, "own_x", "own_y")
    bind_exchanges(broker, "own_y", "amq.topic")

    plan = broker.plan(declared, DESTROY)
    result = broker.carry_out(plan)

    told = {change.address.name: [e.text for e in change.effects] for change in plan.changes}
    assert told["own_y"] == [
        "takes along bindings between exchanges: own_x -> own_y ('k'), own_y -> amq.topic ('k')"
    ]
    assert told["own_x"][1] == (
        "takes along rabbitmq.binding/own_x:k:others, rabbitmq.binding/own_x:k:own_a"
    )
    assert [] == [o.detail for o in result.outcomes if o.status is not Status.APPLIED]
    assert not [e for e in broker.listing("exchanges") if e["name"].startswith("own_")]
    assert set(broker.queues()) == {"others"}


def test_what_is_bound_to_each_other_goes_at_once(broker: Any) -> None:
    """At the same time, 3.10.8 keeps one in thirty of them and says that it is gone, and 4.0.5 answers 400 for it."""
    pairs = [(f"own_{n}x", f"own_{n}y") for n in range(40)]
    declared = {"exchanges": {name: {} for pair in pairs for name in pair}}
    broker.converge(declared)
    broker.put("queues", "others", {})
    for source, end in pairs:
        broker.bind(source, "others", {"routing_key": "k"})
        bind_exchanges(broker, source, end)
        bind_exchanges(broker, end, "amq.topic")

    result = broker.carry_out(broker.plan(declared, DESTROY))

    assert [] == [o.detail for o in result.outcomes if o.status is not Status.APPLIED]
    assert not [e for e in broker.listing("exchanges") if e["name"].startswith("own_")]


def test_an_exchange_that_somebody_bound_since_the_plan_stays(broker: Any) -> None:
    """Nobody agreed to that binding, so the broker's own guard holds."""
    declared = {"exchanges": {"own_x": {}}}
    broker.converge(declared)
    plan = broker.plan(declared, DESTROY)
    broker.put("queues", "others", {})
    broker.bind("own_x", "others", {"routing_key": "k"})

    (outcome,) = broker.carry_out(plan).outcomes

    assert outcome.status is Status.FAILED
    assert "in use" in outcome.detail


@pytest.mark.parametrize("choice", [DESTROY, Targeting(prune=True)], ids=["destroy", "prune"])
def test_deleting_a_policy_that_lets_another_bite_needs_consent(
    broker: Any, choice: Targeting
) -> None:
    """Under a shelter of 1000 the catch-all of 10 does not apply; without it 90 of 100 would go."""
    broker.put("queues", "others", {})
    broker.converge(shelter(**{"max-length": 1000}))
    broker.policy("catch-all", {"max-length": 10})
    broker.publish("others", 100)
    declared = shelter(**{"max-length": 1000}) if choice.destroy else {"exchanges": {"own_x": {}}}
    broker.own("policy", "own_*")

    refused = broker.plan(declared, choice)

    assert ["queue others: it drops 90 of 100 messages"] == [r.why for r in refused.refusals]
    assert broker.count("others") == 100
    named = broker.plan(declared, choice, allow_data_loss=("rabbitmq.policy/own_shelter",))
    assert not named.refusals
    broker.carry_out(named)
    assert not broker.policies().keys() - {"catch-all"}


def test_deleting_a_policy_that_sheltered_nothing_asks_nobody(broker: Any) -> None:
    """A limit that goes loses no message."""
    broker.put("queues", "others", {})
    declared = shelter(**{"max-length": 1000})
    broker.converge(declared)
    broker.publish("others", 30)

    plan = broker.plan(declared, DESTROY)

    assert not plan.refusals
    assert not [e for c in plan.changes for e in c.effects if e.kind is EffectKind.DATA_LOSS]


def test_who_goes_on_naming_an_exchange_is_told_where_it_is_deleted(broker: Any) -> None:
    """RabbitMQ deletes it all the same, and drops what is dead-lettered to it from then on."""
    broker.converge({"exchanges": {"own_dlx": {}, "own_kept": {}}})
    broker.put("queues", "others", {"arguments": {"x-dead-letter-exchange": "own_dlx"}})
    policy = {"pattern": "^none$", "definition": {"dead-letter-exchange": "own_dlx"}}
    broker.put("policies", "theirs", policy)

    plan = broker.plan({"exchanges": {"own_kept": {}}}, Targeting(prune=True))

    (gone,) = [change for change in plan.changes if change.action is Action.DELETE]
    assert [effect.text for effect in gone.effects] == [
        "queue others names it in arguments.x-dead-letter-exchange",
        "policy theirs names it in definition.dead-letter-exchange",
    ]


def test_exchanges_that_name_each_other_go_together(broker: Any) -> None:
    broker.converge({"exchanges": {"own_kept": {}}})
    for name, other in (("own_a", "own_b"), ("own_b", "own_a")):
        broker.put("exchanges", name, {"arguments": {"alternate-exchange": other}})

    result = broker.carry_out(broker.plan({"exchanges": {"own_kept": {}}}, Targeting(prune=True)))

    assert result.is_ok, result.outcomes
    assert {"own_kept"} == {e["name"] for e in broker.listing("exchanges") if "own_" in e["name"]}
