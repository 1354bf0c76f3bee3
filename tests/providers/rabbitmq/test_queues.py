"""Queues on real brokers: what can be lost, what is replaced, what others set, and names of every sort."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action, Status
from bizops.planner import Targeting
from bizops.provider import Options, Scope
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import converge, plan_for

pytestmark = pytest.mark.integration

DLX = {"exchanges": {"own_dlx": {}}}
TO_DLX = {"exchange": "own_dlx", "routing_key": "dead"}


def one(**settings: Any) -> dict[str, Any]:
    return {"queues": {"own_a": settings}, **DLX}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"max_length": 10}, "it drops 90 of 100 messages"),
        (
            {"dead_letter": TO_DLX},
            {"max_length": 10, "dead_letter": TO_DLX},
            "it drops 90 of 100 messages (dead-lettered to own_dlx)",
        ),
        (
            {"max_length": 1000},
            {"max_length": 500},
            "100 messages wait; from 500 on it drops the first of them",
        ),
        ({}, {"max_length_bytes": "10b"}, "it drops what waits beyond 10B, of the 100 that wait"),
        (
            {},
            {"expires": "1h"},
            (
                "the queue is deleted with the 100 that wait once nobody has used it for 1h; "
                "nothing is dead-lettered then"
            ),
        ),
        (
            {"message_ttl": "2h"},
            {"message_ttl": "1h"},
            "messages published from now on live 1h, not 2h, behind the 100 that wait",
        ),
        (
            {"max_length": 200, "overflow": "reject-publish"},
            {"max_length": 200, "overflow": "drop-head"},
            "beyond its limit it drops the first of the 100 that wait",
        ),
    ],
)
def test_what_can_lose_messages_needs_the_address_named(
    broker: Any, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    """Refused with the numbers, carried out when named, and asked of nobody when the queue is empty."""
    broker.converge(one(**before))
    empty = broker.plan(one(**after))
    broker.publish("own_a", 100)

    refused = broker.plan(one(**after))
    named = broker.plan(one(**after), allow_data_loss=("rabbitmq.queue/own_a",))

    assert not empty.refusals
    assert [why] == [refusal.why for refusal in refused.refusals]
    assert not named.refusals
    broker.carry_out(named)
    assert broker.plan(one(**after)).is_empty


def test_messages_that_came_since_the_plan_are_not_dropped(broker: Any) -> None:
    """Planned on an empty queue, so nobody was asked; it is looked at once more just before the write."""
    broker.converge(one())
    plan = broker.plan(one(max_length=10))
    broker.publish("own_a", 100)

    result = broker.carry_out(plan)

    failed = [o.detail for o in result.outcomes if o.status is Status.FAILED]
    assert failed == ["messages came into own_a since the plan was made; plan again"]
    assert broker.count("own_a") == 100


def test_raising_a_limit_asks_nobody(broker: Any) -> None:
    """More room loses nothing."""
    broker.converge(one(max_length=100, message_ttl="1h"))
    broker.publish("own_a", 100)

    assert not broker.plan(one(max_length=200, message_ttl="2h")).refusals


def test_an_empty_queue_may_be_replaced_with_its_bindings(broker: Any) -> None:
    """Nothing is lost, so nobody is asked; the bindings of others are made again too."""
    broker.converge(one(max_priority=5, message_ttl="1h"))
    foreign = {"routing_key": "k", "arguments": {"x-match": "any", "a": 1}}
    broker.bind("amq.headers", "own_a", foreign)

    plan = broker.plan(one(max_priority=10, message_ttl="2h"))
    broker.carry_out(plan)

    assert not plan.refusals
    assert {Action.REPLACE} == {c.action for c in plan.changes if c.action is not Action.NOOP}
    bindings = [b for b in broker.listing("bindings") if b["source"] == "amq.headers"]
    assert [foreign] == [{key: b[key] for key in foreign} for b in bindings]
    assert broker.plan(one(max_priority=10, message_ttl="2h")).is_empty


def test_a_queue_with_messages_is_not_replaced_unless_named(broker: Any) -> None:
    """Refused with the numbers; and without consent the broker's own guard holds, whatever came since."""
    broker.converge(one(max_priority=5))
    unguarded = broker.plan(one(max_priority=10))
    broker.publish("own_a", 12)
    broker.bind("own_dlx", "own_a", {"routing_key": "k"})

    refused = broker.plan(one(max_priority=10))
    result = broker.carry_out(unguarded)

    assert ["it would delete 12 messages (0 consumers, 1 binding)"] == [
        refusal.why for refusal in refused.refusals
    ]
    assert [f"queue 'own_a' in vhost '{broker.vhost}' not empty"] == [
        o.detail for o in result.outcomes if o.status is Status.FAILED
    ]
    assert broker.count("own_a") == 12
    name = ("rabbitmq.queue/own_a",)
    assert broker.carry_out(broker.plan(one(max_priority=10), allow_data_loss=name), name).is_ok
    assert broker.plan(one(max_priority=10)).is_empty


def test_a_queue_with_a_consumer_is_not_replaced_unless_named(broker: Any) -> None:
    """An empty queue that somebody reads is in use."""
    broker.converge(one())
    with broker.channel() as channel:
        channel.basic_consume("own_a", lambda *_: None)

        refused = broker.plan(one(max_priority=10))

    assert ["it would delete 0 messages (1 consumer, 0 bindings)"] == [
        refusal.why for refusal in refused.refusals
    ]


def test_a_quorum_queue_always_needs_consent(broker: Any) -> None:
    """Its deletion cannot be guarded, and the cheap listing says nothing of its messages."""
    broker.converge(one(type="quorum"))
    broker.publish("own_a", 5)

    refused = broker.plan(one(type="classic"))
    named = broker.plan(one(type="classic"), allow_data_loss=("rabbitmq.queue/own_*",))

    assert ["it would delete 5 messages (0 consumers, 0 bindings)"] == [
        refusal.why for refusal in refused.refusals
    ]
    assert broker.carry_out(named, ("rabbitmq.queue/own_a",)).is_ok
    assert broker.plan(one(type="classic")).is_empty


def test_replacing_a_type_under_its_policy_stays_covered(broker: Any) -> None:
    """A policy that the old type does not know comes first, the old policy goes when the old queue is gone."""
    broker.converge(one(message_ttl="1h"))
    after = one(type="quorum", message_ttl="1h", delivery_limit=3)

    broker.carry_out(broker.plan(after))

    assert broker.queues()["own_a"].startswith("bizops.trial.delivery-limit-3_ttl-1h.")
    assert len(broker.policies()) == 1
    assert broker.plan(after).is_empty


def test_an_argument_of_others_that_wins_forces_a_replace(broker: Any) -> None:
    """x-message-ttl of 2 s stays 2 s under any policy of 1 h; where ours is lower, ours wins in place."""
    broker.put("queues", "own_a", {"arguments": {"x-message-ttl": 2000}})

    higher, lower = broker.plan(one(message_ttl="1h")), broker.plan(one(message_ttl="1s"))

    assert broker.change(higher, "own_a").action is Action.REPLACE
    assert "argument x-message-ttl 2s wins" in broker.change(higher, "own_a").fields[0].reason
    assert broker.change(lower, "own_a").action is Action.UPDATE
    broker.carry_out(lower)
    assert broker.plan(one(message_ttl="1s")).is_empty


def test_settings_in_arguments_are_arguments(broker: Any) -> None:
    """For publishers that declare x-message-ttl themselves; moving there from a policy is a replace."""
    declared = one(message_ttl="1h", max_length=5, settings_in="arguments")
    broker.converge(one(message_ttl="1h", max_length=5))

    plan = broker.plan(declared)
    broker.carry_out(plan)

    assert broker.change(plan, "own_a").action is Action.REPLACE
    (queue,) = broker.listing("queues")
    wanted = {"x-message-ttl": 3_600_000, "x-max-length": 5}
    assert wanted == {key: queue["arguments"][key] for key in wanted}
    assert not broker.policies()
    assert broker.plan(declared).is_empty


def test_a_dead_letter_exchange_in_a_policy_changes_in_place(broker: Any) -> None:
    """With settings_in: policy the queue stays; without, its arguments are fixed."""
    own = {"exchange": "own_dlx", "settings_in": "policy"}
    broker.converge(one(dead_letter=own))
    broker.publish("own_a", 3)
    other = one(dead_letter=own | {"routing_key": "elsewhere"})

    plan = broker.plan(other)
    broker.carry_out(plan)

    assert broker.change(plan, "own_a").action is Action.UPDATE
    assert broker.count("own_a") == 3
    assert broker.plan(other).is_empty
    fixed = broker.plan(one(dead_letter={"exchange": "own_dlx"}))
    assert broker.change(fixed, "own_a").action is Action.REPLACE


def test_dead_letters_arrive_in_the_queue_that_the_shorthand_implies(broker: Any) -> None:
    """`dead_letter: {exchange: own_dlx}` makes own_a.dlq and its binding, and it works."""
    broker.converge(one(dead_letter={"exchange": "own_dlx"}, max_length=1))

    broker.publish("own_a", 3)

    assert broker.count("own_a") == 1
    assert broker.count("own_a.dlq") == 2


NAMES = [
    "own_/@:#%",
    "own_ä ö €",
    "own_a.b*c?d",
    "own_$^|()[]{}+\\",
    "own_'\"<>&",
    "own_..",
    "own_~",
]


def test_names_of_every_sort_work(broker: Any) -> None:
    """Percent-encoded on the way, escaped in patterns, and told apart in addresses."""
    queues = {name: {"message_ttl": "1h", "max_priority": 2} for name in NAMES}
    bindings = [{"exchange": "own_x/:", "queue": name, "routing_key": name} for name in NAMES]
    declared = {"queues": queues, "exchanges": {"own_x/:": {}}, "bindings": bindings}

    broker.converge(declared)

    assert broker.plan(declared).is_empty
    found = {q["name"]: q.get("policy") for q in broker.listing("queues")}
    assert set(NAMES) == set(found)
    assert len({*found.values()}) == 1
    assert None not in found.values()
    broker.put("queues", "own_aXb", {})
    assert "own_aXb" not in {q["name"] for q in broker.listing("queues") if q.get("policy")}
    destroyed = broker.plan(declared, Targeting(destroy=True))
    broker.carry_out(destroyed)
    assert not broker.policies()


def test_a_second_vhost_is_its_own_world(broker: Any) -> None:
    """The same name in two vhosts: two addresses, two policies, nothing mixed up."""
    other = f"{broker.vhost}/2"
    broker.admin.put(broker.url("vhosts", other), json={}, timeout=20).raise_for_status()
    try:
        first = broker.resources({"queues": {"own_a": {"message_ttl": "1h"}}})
        binding = {"exchange": "amq.direct", "queue": "own_a", "vhost": other}
        queue = {"own_a": {"message_ttl": "2h", "vhost": other}}
        second = broker.resources({"queues": queue, "bindings": [binding]})
        wanted = [*first, *second]

        converge(broker.live, wanted, broker.scope)

        assert plan_for(broker.live, wanted, broker.scope).is_empty
        assert str(second[0].address) == f"rabbitmq.queue/own_a@{broker.vhost}%2F2"
        policies = broker.admin.get(broker.url("policies", other), timeout=20).json()
        assert [{"message-ttl": 7_200_000}] == [policy["definition"] for policy in policies]
        assert [{"message-ttl": 3_600_000}] == list(broker.policies().values())
    finally:
        broker.admin.delete(broker.url("vhosts", other), timeout=20).raise_for_status()


def test_a_vhost_that_is_missing_is_unreadable_and_the_others_are_read(broker: Any) -> None:
    """A failed read is never an absence, and one vhost does not hide the other."""
    here = broker.resources({"queues": {"own_a": {}}})
    there = broker.resources({"queues": {"own_a": {"vhost": "nowhere"}}})

    found = broker.live.observe([*here, *there], broker.scope).found

    assert ["", "vhost nowhere does not exist"] == [o.why.partition(",")[0] for o in found]


def test_a_policy_of_ones_own_that_would_bite_needs_consent(broker: Any) -> None:
    """Creating a declared policy can drop messages of queues that nobody declared."""
    broker.put("queues", "others", {})
    broker.publish("others", 30)
    policy = {"pattern": "^oth", "apply_to": "queues", "definition": {"max-length": 10}}

    refused = broker.plan({"policies": {"own_p": policy}})

    assert ["queue others: it drops 20 of 30 messages"] == [r.why for r in refused.refusals]
    assert broker.count("others") == 30


def test_bindings_of_owned_queues_and_stray_queues_are_unmanaged(broker: Any) -> None:
    """What is live, owned and not declared shows up; leases and the broker's own never do."""
    broker.converge(one())
    broker.put("queues", "own_stray", {})
    broker.bind("amq.topic", "own_a", {"routing_key": "#"})
    lease = broker.live.lease("trial", "somebody@here:1")
    lease.take()

    plan = broker.plan(one())

    assert ["rabbitmq.binding/amq.topic:%23:own_a", "rabbitmq.queue/own_stray"] == [
        str(observed.address) for observed in plan.unmanaged
    ]
    lease.release()
    pruned = broker.plan(one(), Targeting(prune=True))
    broker.carry_out(pruned)
    assert set(broker.queues()) == {"own_a"}


def test_a_topology_never_takes_the_policies_of_one_with_a_longer_name(broker: Any) -> None:
    """`trial` and `trial.ttl` share a beginning; their policies do not mix."""
    longer = Scope("trial.ttl", (), broker.scope.settings)
    first = broker.resources({"queues": {"own_a": {"message_ttl": "1h"}}})
    second = broker.resources({"queues": {"own_b": {"message_ttl": "1h"}}})
    converge(broker.live, first, broker.scope)
    converge(broker.live, second, longer)

    assert plan_for(broker.live, first, broker.scope).is_empty
    assert plan_for(broker.live, second, longer).is_empty
    assert len(broker.policies()) == 2


def test_a_replaced_exchange_gets_its_bindings_back(broker: Any) -> None:
    """They die with it without a word from the broker, those of others too."""
    broker.put("queues", "others", {})
    binding = {"exchange": "own_dlx", "queue": "own_a", "routing_key": "k"}
    declared = {"exchanges": {"own_dlx": {"type": "direct"}}, "queues": {"own_a": {}}}
    broker.converge(declared | {"bindings": [binding]})
    broker.bind("own_dlx", "others", {"routing_key": "k"})
    after = declared | {"exchanges": {"own_dlx": {"type": "topic"}}, "bindings": [binding]}

    broker.carry_out(broker.plan(after))

    bindings = [b for b in broker.listing("bindings") if b["source"] == "own_dlx"]
    assert {"own_a", "others"} == {b["destination"] for b in bindings}
    assert broker.plan(after).is_empty


def test_an_exchange_bound_to_others_is_not_replaced(broker: Any) -> None:
    """Bindings between exchanges cannot be declared here, so they would be lost: refused."""
    broker.converge({"exchanges": {"own_x": {"type": "direct"}}})
    url = broker.url("bindings", broker.vhost, "e", "amq.fanout", "e", "own_x")
    broker.admin.post(url, json={}, timeout=20).raise_for_status()

    plan = broker.plan({"exchanges": {"own_x": {"type": "topic"}}})

    assert ["type"] == [refusal.field for refusal in plan.refusals]


def test_a_failed_amqp_connection_says_nothing_on_stderr(
    broker: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Only what we print is printed."""
    connection = Connection.model_validate(
        {"url": f"http://127.0.0.1:{broker.http}", "amqp_url": "amqp://127.0.0.1:9"}
    )
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=2))
    broker.put("queues", "own_a", {})

    live.weigh([broker.resources({"queues": {"own_a": {}}})[0].address])

    assert capfd.readouterr() == ("", "")
    live.close()


def test_s8_what_is_fixed_and_left_the_file_stays_and_is_listed(broker: Any) -> None:
    """Arguments cannot be taken away; a setting in a derived policy can, and goes."""
    full = {"max_priority": 5, "message_ttl": "1h", "arguments": {"x-queue-mode": "lazy"}}
    exchange = {"type": "topic", "arguments": {"alternate-exchange": "amq.fanout"}}
    broker.converge({"queues": {"own_a": full}, "exchanges": {"own_x": exchange}})
    fewer = {"queues": {"own_a": {}}, "exchanges": {"own_x": {}}}

    plan = broker.plan(fewer)

    (field,) = broker.change(plan, "own_a").fields
    assert (field.name, field.after) == ("message_ttl", None)
    broker.carry_out(plan)
    again = broker.plan(fewer)
    assert again.is_empty
    assert broker.change(again, "own_a").observed.notes == (
        "arguments.x-queue-mode = lazy is fixed and declared nowhere: it stays",
        "max_priority = 5 is fixed and declared nowhere: it stays",
    )
    assert broker.change(again, "own_x").observed.notes == (
        "arguments.alternate-exchange = amq.fanout is fixed and declared nowhere: it stays",
        "type = topic is fixed and declared nowhere: it stays",
    )


def test_s8_a_policy_of_ones_own_goes_back_to_what_is_left_out(broker: Any) -> None:
    full = {"pattern": "^own_p", "priority": 3, "apply_to": "queues"}
    broker.converge({"policies": {"own_p": {**full, "definition": {"max-length": 9}}}})
    fewer = {"policies": {"own_p": {"pattern": "^own_p", "definition": {"max-length": 9}}}}

    change = broker.change(broker.plan(fewer), "own_p")

    assert {f.name: f.after for f in change.fields} == {"apply_to": "all", "priority": 0}
