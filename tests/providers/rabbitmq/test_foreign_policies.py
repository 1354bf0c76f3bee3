"""Policies of others beside ours: carried, refused by name, and never let in by accident."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.change import Action
from bizops.planner import Targeting

pytestmark = pytest.mark.integration

CATCH_ALL = {"max-length": 10}


def queues(**ttls: str) -> dict[str, Any]:
    return {
        "queues": {f"own_{name}": {"message_ttl": ttl} if ttl else {} for name, ttl in ttls.items()}
    }


def hold_100(broker: Any, declared: dict[str, Any]) -> None:
    """Create the queues, fill the first, and only then let an operator put the catch-all under it."""
    broker.converge(declared)
    broker.publish("own_a", 100)
    broker.policy("catch-all", CATCH_ALL)
    assert broker.count("own_a") == 100


@pytest.mark.parametrize(
    "after",
    [
        queues(a="2h", b="1h"),
        queues(a="2h", b="2h"),
        queues(a="1h", b="2h"),
        queues(a="1h"),
        queues(a="1h", b="1h", c="1h"),
        queues(b="2h"),
        queues(a="1h", b=""),
    ],
    ids=[
        "moves",
        "joins",
        "other moves",
        "other undeclared",
        "one more",
        "undeclared",
        "other drops",
    ],
)
def test_a_foreign_catch_all_never_bites_a_queue_that_holds_more(
    broker: Any, after: dict[str, Any]
) -> None:
    """max-length 10 below ours is not in force before, between and after our policy writes."""
    hold_100(broker, queues(a="1h", b="1h"))

    plan = broker.plan(after)
    broker.carry_out(plan)

    assert broker.count("own_a") == 100
    assert broker.queues()["own_a"].startswith("bizops.trial.")
    assert broker.plan(after).is_empty


def test_giving_up_the_last_setting_under_a_catch_all_needs_consent(broker: Any) -> None:
    """Without a policy of ours the foreign one takes over, and would drop 90 of 100: refused until named."""
    hold_100(broker, queues(a="1h"))

    refused = broker.plan(queues(a=""))

    assert ["policy catch-all takes over: it drops 90 of 100 messages"] == [
        refusal.why for refusal in refused.refusals
    ]
    assert not broker.plan(queues(a=""), allow_data_loss=("rabbitmq.queue/own_a",)).refusals
    assert broker.count("own_a") == 100


def test_a_replaced_queue_is_not_bitten_either(broker: Any) -> None:
    """A queue that is recreated stays as it was: what did not apply to it does not begin to."""
    broker.converge({"queues": {"own_a": {"message_ttl": "1h"}}})
    broker.policy("catch-all", CATCH_ALL)
    declared = {"queues": {"own_a": {"message_ttl": "1h", "max_priority": 3}}}

    broker.carry_out(broker.plan(declared))
    broker.publish("own_a", 100)

    assert broker.count("own_a") == 100
    assert broker.plan(declared).is_empty


def test_the_keys_of_one_weaker_foreign_policy_are_carried(broker: Any) -> None:
    """Ours takes its place on the queue, and keeps what it said; when it goes, so does what we carried."""
    broker.policy("theirs", {"max-length": 500, "queue-version": 2})
    declared = queues(a="1h")

    plan = broker.plan(declared)
    broker.carry_out(plan)

    (definition,) = [d for n, d in broker.policies().items() if n.startswith("bizops.")]
    assert definition == {"max-length": 500, "message-ttl": 3_600_000, "queue-version": 2}
    notes = [effect.text for effect in broker.change(plan, "own_a").effects]
    assert notes == [
        "carries max-length 500, queue-version 2 of policy theirs, whose place ours takes"
    ]
    assert broker.plan(declared).is_empty

    broker.policy("theirs", {"max-length": 700})
    broker.carry_out(broker.plan(declared))
    (definition,) = [d for n, d in broker.policies().items() if n.startswith("bizops.")]
    assert definition == {"max-length": 700, "message-ttl": 3_600_000}

    broker.delete("policies", "theirs")
    broker.carry_out(broker.plan(declared))
    (definition,) = [d for n, d in broker.policies().items() if n.startswith("bizops.")]
    assert definition == {"message-ttl": 3_600_000}
    assert broker.plan(declared).is_empty


def test_a_carried_key_that_becomes_stricter_in_the_foreign_policy_does_not_bite(
    broker: Any,
) -> None:
    """Ours keeps the limit that is in force: what came after it is of lower priority, and without effect."""
    broker.policy("theirs", {"max-length": 500})
    broker.converge(queues(a="1h"))
    broker.publish("own_a", 100)
    broker.policy("theirs", CATCH_ALL)

    plan = broker.plan(queues(a="2h"))
    broker.carry_out(plan)

    assert not plan.refusals
    (definition,) = [d for n, d in broker.policies().items() if n.startswith("bizops.")]
    assert definition == {"max-length": 500, "message-ttl": 7_200_000}
    assert broker.count("own_a") == 100
    assert broker.plan(queues(a="2h")).is_empty


@pytest.mark.parametrize(
    ("policies", "why"),
    [
        (
            {"hotfix": ({"message-ttl": 21_600_000}, 120)},
            "policy hotfix (priority 120) matches it and wins over ours (priority 100)",
        ),
        (
            {"equal": ({"queue-version": 2}, 100)},
            "policy equal (priority 100) matches it and ties with ours (priority 100)",
        ),
        (
            {"same": ({"message-ttl": 5000}, 0)},
            "policy same (priority 0) sets message-ttl 5s on it too",
        ),
        (
            {"one": ({"max-length": 5}, 1), "two": ({"max-length": 6}, 2)},
            (
                "several policies match it, and only one can be carried into ours: "
                "two (priority 2), one (priority 1)"
            ),
        ),
    ],
    ids=["higher", "equal", "same key", "several"],
)
def test_a_foreign_policy_in_the_way_is_refused_by_name(
    broker: Any, policies: dict[str, Any], why: str
) -> None:
    """Each refusal names the policy, and has ways out."""
    for name, (definition, priority) in policies.items():
        broker.policy(name, definition, priority=priority)

    plan = broker.plan(queues(a="1h"))

    assert [why] == [refusal.why for refusal in plan.refusals]
    assert all(refusal.remedies for refusal in plan.refusals)


def test_a_policy_that_the_type_ignores_whole_is_not_in_the_way(broker: Any) -> None:
    """One key that classic queues do not know, and the broker passes over the whole policy."""
    broker.policy("for quorum", {"delivery-limit": 3, "message-ttl": 5000}, priority=200)
    declared = queues(a="1h")

    broker.converge(declared)

    assert broker.queues()["own_a"].startswith("bizops.trial.ttl-1h.")
    assert broker.plan(declared).is_empty


@pytest.mark.parametrize("kind", ["policies", "operator-policies"])
def test_k1_what_a_policy_of_others_alone_gives_is_pinned_before_that_policy_goes(
    broker: Any, kind: str
) -> None:
    # Given a live queue with a message, that has what it declares from somebody else's policy, and more besides
    broker.put("queues", "own_a", {})
    broker.publish("own_a", 1)
    body = {"pattern": ".*", "apply-to": "queues", "definition": {"message-ttl": 3_600_000}}
    broker.put(kind, "theirs", body)

    # When it is planned and applied
    plan = broker.plan(queues(a="1h"))
    outcome = broker.carry_out(plan)

    # Then one policy of ours is written, which is no drift and asks for nothing
    (write,) = plan.writes
    origin = f"{kind.removesuffix('policies').replace('-', ' ')}policy theirs"
    assert write.text.endswith(f"(1 queue), pins what own_a has today from {origin}")
    assert plan.is_in_force
    assert not plan.is_empty
    assert not plan.refusals
    assert outcome.is_ok
    assert broker.queues()["own_a"].startswith("bizops.trial.ttl-1h.")
    assert broker.plan(queues(a="1h")).is_empty

    # And the setting outlives the policy of the others
    broker.delete(kind, "theirs")
    assert broker.plan(queues(a="1h")).is_empty
    assert broker.count("own_a") == 1


def test_k1_a_pin_carries_what_the_policy_gives_besides(broker: Any) -> None:
    broker.put("queues", "own_a", {})
    broker.policy("theirs", {"message-ttl": 3_600_000, "max-length": 10})

    plan = broker.plan(queues(a="1h"))

    assert plan.is_in_force
    assert broker.carry_out(plan).is_ok
    name = broker.queues()["own_a"]
    assert broker.policies()[name] == {"message-ttl": 3_600_000, "max-length": 10}
    assert broker.plan(queues(a="1h")).is_empty


def test_k1_a_policy_as_strong_as_ours_that_says_the_same_is_no_obstacle(broker: Any) -> None:
    """Whichever of the two the broker applies, the setting is the same; and ours outlives the other."""
    broker.put("queues", "own_a", {})
    broker.policy("theirs", {"message-ttl": 3_600_000}, priority=100)

    plan = broker.plan(queues(a="1h"))

    assert plan.is_in_force
    assert broker.carry_out(plan).is_ok
    broker.delete("policies", "theirs")
    assert broker.queues()["own_a"].startswith("bizops.trial.ttl-1h.")
    assert broker.plan(queues(a="1h")).is_empty


def test_k1_what_a_stronger_policy_gives_cannot_be_pinned_and_is_no_refusal(broker: Any) -> None:
    """It is in force, and nothing of ours could take its place."""
    broker.put("queues", "own_a", {})
    broker.policy("theirs", {"message-ttl": 3_600_000}, priority=200)

    plan = broker.plan(queues(a="1h"))

    assert plan.is_empty
    assert not plan.refusals


def test_k1_what_a_queue_has_as_an_argument_is_its_own(broker: Any) -> None:
    broker.put("queues", "own_a", {"arguments": {"x-message-ttl": 3_600_000}})

    assert broker.plan(queues(a="1h")).is_empty


def test_k1_a_new_queue_gets_its_setting_whatever_a_policy_gives_it(broker: Any) -> None:
    broker.policy("theirs", {"message-ttl": 3_600_000})

    assert broker.converge(queues(a="1h")).is_ok

    assert broker.queues()["own_a"].startswith("bizops.trial.ttl-1h.")


def test_an_operator_policy_that_holds_a_value_down_is_refused(broker: Any) -> None:
    """Nobody but the administrator can go beyond it; below it we are free. New and live queues alike."""
    body = {"pattern": ".*", "apply-to": "queues", "definition": {"message-ttl": 60_000}}
    broker.put("operator-policies", "cap", body)

    for _ in ("new", "live"):
        plan = broker.plan(queues(a="1h"))
        assert [("message_ttl", "operator policy cap holds it at 1m")] == [
            (refusal.field, refusal.why) for refusal in plan.refusals
        ]
        broker.converge(queues(a="30s"))

    assert broker.plan(queues(a="30s")).is_empty
    assert broker.plan(queues(a="1m")).changes[0].action is Action.UPDATE


def test_a_tampered_derived_policy_is_replaced_and_never_updated(broker: Any) -> None:
    """Somebody edits ours by hand: the next plan says so, and a new one takes over before it goes."""
    declared = queues(a="1h")
    broker.converge(declared)
    (name,) = broker.policies()
    broker.put(
        "policies",
        name,
        {
            "pattern": "^(?:own_a)$",
            "apply-to": "queues",
            "priority": 100,
            "definition": {"message-ttl": 5},
        },
    )

    plan = broker.plan(declared)
    assert [Action.CREATE, Action.DELETE] == [write.action for write in plan.writes]
    broker.carry_out(plan)

    (other,) = broker.policies()
    assert other != name
    assert broker.policies()[other] == {"message-ttl": 3_600_000}
    assert broker.plan(declared).is_empty


def test_leftovers_of_a_killed_run_go_and_coverage_stays(broker: Any) -> None:
    """New policies were made, the old not yet deleted: the next run finishes, without --prune."""
    broker.converge(queues(a="1h", b="1h"))
    plan = broker.plan(queues(a="2h", b="1h"))
    for write in plan.writes:
        if write.action is Action.CREATE:
            policy = write.payload.policy
            broker.put(
                "policies",
                policy.name,
                {
                    "pattern": policy.pattern,
                    "apply-to": policy.apply_to,
                    "priority": policy.priority,
                    "definition": {key: int(value) for key, value in policy.definition},
                },
            )
    assert len(broker.policies()) == 3

    broker.converge(queues(a="2h", b="1h"))

    assert len(broker.policies()) == 2
    assert broker.plan(queues(a="2h", b="1h")).is_empty


def test_an_owned_queue_that_left_the_file_stays_covered_until_it_is_deleted(broker: Any) -> None:
    """Unmanaged keeps its TTL; --prune deletes the queue first and its policy last."""
    broker.converge(queues(a="1h", b="2h"))
    broker.converge(queues(b="2h"))
    assert broker.queues()["own_a"].startswith("bizops.trial.ttl-1h.")

    pruned = broker.plan(queues(b="2h"), Targeting(prune=True))
    result = broker.carry_out(pruned)

    keys = [outcome.step.key[0] for outcome in result.outcomes]
    assert keys[0] == "rabbitmq.queue/own_a"
    assert keys[1].startswith("rabbitmq.write/bizops.trial.ttl-1h.")
    assert set(broker.queues()) == {"own_b"}
    assert len(broker.policies()) == 1


def test_a_partial_plan_leaves_the_others_what_they_have(broker: Any) -> None:
    """With a target, the other members of a group keep their values, whatever the file says of them."""
    broker.converge(queues(a="1h", b="1h"))

    plan = broker.plan(queues(a="2h", b="3h"), Targeting(targets=("rabbitmq.queue/own_a",)))
    broker.carry_out(plan)

    found = {name: policy.split(".")[2] for name, policy in broker.queues().items()}
    assert found == {"own_a": "ttl-2h", "own_b": "ttl-1h"}
