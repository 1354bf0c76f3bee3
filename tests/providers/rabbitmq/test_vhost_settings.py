"""R3: the type that a vhost gives to queues without one, and how many queues it takes, are known before a write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops.change import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.providers.rabbitmq.conftest import Broker

pytestmark = pytest.mark.integration

TIMEOUT = 20
RIGHTS = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture
def default_type(broker: Broker) -> Callable[[str], Broker]:
    """Make the vhost anew with a default type; 3.10 takes one from rabbitmqctl alone."""

    def make(queue_type: str) -> Broker:
        broker.admin.delete(broker.url("vhosts", broker.vhost), timeout=TIMEOUT).raise_for_status()
        broker.server.run(
            "rabbitmqctl", "-q", "add_vhost", broker.vhost, "--default-queue-type", queue_type
        )
        rights = broker.url("permissions", broker.vhost, "guest")
        broker.admin.put(rights, json=RIGHTS, timeout=TIMEOUT).raise_for_status()
        return broker

    return make


def limit(broker: Broker, queues: int) -> None:
    url = broker.url("vhost-limits", broker.vhost, "max-queues")
    broker.admin.put(url, json={"value": queues}, timeout=TIMEOUT).raise_for_status()


def types(broker: Broker) -> dict[str, Any]:
    """Give what each queue of ours is, and what its arguments say that it is."""
    return {
        queue["name"]: (queue["type"], queue["arguments"].get("x-queue-type"))
        for queue in broker.listing("queues")
    }


@pytest.mark.parametrize(
    ("field", "declared"),
    [
        ("max_priority", {"max_priority": 3}),
        ("overflow", {"max_length": 5, "overflow": "reject-publish-dlx"}),
        ("arguments.x-queue-mode", {"arguments": {"x-queue-mode": "lazy"}}),
        ("arguments.x-queue-version", {"arguments": {"x-queue-version": 2}}),
    ],
)
def test_r3_what_the_default_type_of_the_vhost_cannot_have_is_refused_in_the_plan(
    default_type: Callable[[str], Broker], field: str, declared: dict[str, Any]
) -> None:
    # Given a vhost that makes quorum queues of what names no type
    broker = default_type("quorum")

    # When a queue without a type has what a quorum queue has not
    plan = broker.plan({"queues": {"own_q": declared}})

    # Then the plan refuses it, names the vhost and the field, and its way out can be applied
    (refusal,) = plan.refusals
    assert refusal.field == field
    assert f"vhost {broker.vhost} makes it a quorum queue" in refusal.why
    assert refusal.remedies[0] == "type: classic"
    remedied = {"queues": {"own_q": {**declared, "type": "classic"}}}
    assert broker.converge(remedied).is_ok
    assert broker.plan(remedied).is_empty


def test_r3_a_queue_without_a_type_is_made_with_that_of_the_vhost_and_says_it(
    default_type: Callable[[str], Broker],
) -> None:
    # Given a vhost that makes quorum queues of what names no type
    broker = default_type("quorum")
    declared = {
        "exchanges": {"own_dlx": {}},
        "queues": {
            "own_plain": {"message_ttl": "1h", "dead_letter": {"exchange": "own_dlx"}},
            "own_gone": {"auto_delete": True},
            "own_classic": {"type": "classic", "max_priority": 3},
        },
    }

    # When it is planned and applied
    plan = broker.plan(declared)
    assert broker.converge(declared).is_ok

    # Then the plan tells the type, each queue's arguments say what it is, and nothing is left to do
    notes = [effect.text for effect in broker.change(plan, "own_plain").effects]
    assert f"type quorum, the default of vhost {broker.vhost}" in notes
    assert types(broker) == {
        "own_plain": ("quorum", "quorum"),
        "own_plain.dlq": ("quorum", "quorum"),
        "own_gone": ("classic", "classic"),
        "own_classic": ("classic", "classic"),
    }
    again = broker.plan(declared)
    assert again.is_empty
    assert not again.refusals


def test_r3_a_replaced_queue_keeps_its_type_whatever_the_default_is_by_now(
    default_type: Callable[[str], Broker],
) -> None:
    # Given a classic queue, made by others without saying so, in a vhost whose default is quorum
    broker = default_type("quorum")
    body = {"durable": True, "arguments": {"x-queue-type": "classic", "x-max-priority": 3}}
    broker.put("queues", "own_q", body)
    declared = {"queues": {"own_q": {"max_priority": 5}}}

    # When a fixed argument of it changes
    plan = broker.plan(declared)

    # Then it is replaced by a classic one, and not by one that the broker would refuse after the deletion
    assert broker.change(plan, "own_q").action is Action.REPLACE
    assert not plan.refusals
    assert broker.converge(declared).is_ok
    assert types(broker) == {"own_q": ("classic", "classic")}
    assert broker.plan(declared).is_empty


def test_r3_what_the_type_of_a_live_queue_cannot_have_is_refused_before_it_is_deleted(
    broker: Broker,
) -> None:
    # Given a quorum queue
    broker.put("queues", "own_q", {"durable": True, "arguments": {"x-queue-type": "quorum"}})

    # When a declaration without a type asks for a priority, which takes a replacement
    plan = broker.plan({"queues": {"own_q": {"max_priority": 3}}}, allow_data_loss=("*",))

    # Then that is refused: a quorum queue would be deleted and not made again
    (refusal,) = plan.refusals
    assert "it is a quorum queue" in refusal.why
    assert refusal.remedies == ("type: classic", "leave max_priority out")


def test_r3_every_queue_that_is_made_says_its_type_and_others_may_go_on_declaring_it_without(
    broker: Broker,
) -> None:
    # Given a vhost without a default of its own
    # When a queue without a type is applied
    assert broker.converge({"queues": {"own_q": {}}}).is_ok

    # Then it says that it is classic, and a program that names no type still finds it equal
    assert types(broker) == {"own_q": ("classic", "classic")}
    with broker.channel() as channel:
        channel.queue_declare("own_q", durable=True)


def test_r3_more_queues_than_the_vhost_takes_are_refused_with_the_numbers(broker: Broker) -> None:
    # Given a vhost that takes four queues, with one queue of others
    broker.put("queues", "foreign", {"durable": True})
    limit(broker, 4)

    # When a plan makes three, the lock of the topology beside them
    plan = broker.plan({"queues": {f"own_{n}": {} for n in range(3)}})

    # Then it is refused as a whole, with the numbers and the command that lets it pass
    (refusal,) = plan.refusals
    assert refusal.address is None
    assert f"vhost {broker.vhost} takes 4 queues (max-queues) and has 1" in refusal.why
    assert "makes 3 more" in refusal.why
    assert "5 in all" in refusal.why
    command = refusal.remedies[0]
    assert command.startswith(f"rabbitmqctl set_vhost_limits -p {broker.vhost} ")

    # And one less fits: it can be applied, with the lock
    fitting = {"queues": {f"own_{n}": {} for n in range(2)}}
    assert not broker.plan(fitting).refusals
    lease = broker.live.lease("trial", "a test")
    assert lease is not None
    assert lease.take() == ""
    try:
        assert not broker.plan(fitting).refusals
        assert broker.converge(fitting).is_ok
    finally:
        lease.release()
    assert broker.plan(fitting).is_empty


def test_r3_a_vhost_that_is_full_is_no_trouble_where_no_queue_is_made(broker: Broker) -> None:
    declared: dict[str, Any] = {"queues": {"own_a": {"message_ttl": "1h"}}}
    assert broker.converge(declared).is_ok
    limit(broker, 1)

    declared["queues"]["own_a"]["message_ttl"] = "2h"
    plan = broker.plan(declared)

    assert not plan.refusals
    assert broker.carry_out(plan).is_ok
