"""A queue that the broker left under a policy that is gone: every wait for it ends, and so does the next run.

Two things leave queues so: a client that is killed while the broker works on its policy, and two writes of policies
that race (4.0.5). Neither is to be forced at a given moment, so what they leave is: the policy is taken out of the
broker's store, and for the first the new policy of each queue is noted there too, without telling the queue.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from bizops import applier, graph
from bizops.change import Plan, Status

pytestmark = pytest.mark.integration

AN_HOUR = {"queues": {"own_a": {"message_ttl": "1h"}, "own_b": {"message_ttl": "1h"}}}
TWO_HOURS = {"queues": {"own_a": {"message_ttl": "2h"}, "own_b": {"message_ttl": "2h"}}}
SOON = applier.Timing(settle_timeout=15)


BY_RACE, BY_KILL = "a race", "a kill"


def erase(broker: Any, policy: str, how: str, better: str = "") -> None:
    """Take a policy out of the store; all queues keep it. After a kill the store says they have the better one."""
    key = f'<<"{broker.vhost}">>, <<"policy">>, <<"{policy}">>'
    if broker.version < (3, 12):
        broker.ctl("eval", f"mnesia:dirty_delete(rabbit_runtime_parameters, {{{key}}}).")
    else:
        broker.ctl("eval", f"rabbit_db_rtparams:delete({key}).")
    if how == BY_KILL:
        for queue in broker.queues():
            broker.ctl("eval", noted(broker, queue, better))
    assert policy not in broker.policies()
    assert set(told(broker).values()) == {policy}


def told(broker: Any) -> dict[str, str]:
    """Give the policy that each queue's process has. Since 4.3 rabbitmqctl says what the store has instead."""
    url = broker.url("queues", broker.vhost) + "?disable_stats=true&enable_queue_totals=true"
    answer = broker.admin.get(url, timeout=20)
    answer.raise_for_status()
    return {item["name"]: item.get("policy") or "" for item in answer.json()}


def noted(broker: Any, queue: str, policy: str) -> str:
    """Give the words that note the policy of a queue in the broker's store and tell nobody."""
    vhost = f'<<"{broker.vhost}">>'
    name = f'rabbit_misc:r({vhost}, queue, <<"{queue}">>)'
    listed = (
        f'[P || P <- rabbit_policy:list({vhost}), proplists:get_value(name, P) =:= <<"{policy}">>]'
    )
    found = f"case {listed} of [F] -> F; [] -> undefined end"
    change = f"fun(Q) -> amqqueue:set_policy(Q, {found}) end"
    if broker.version < (3, 12):
        update = f"rabbit_amqqueue:update({name}, {change})"
        return f"rabbit_misc:execute_mnesia_transaction(fun() -> {update} end)."
    return f"rabbit_db_queue:update({name}, {change})."


def carry_out(broker: Any, plan: Plan) -> None:
    result = applier.apply(graph.steps(plan), {"rabbitmq": broker.live}, pace=SOON)
    assert result.is_ok, [o for o in result.outcomes if o.status is not Status.APPLIED]


@pytest.mark.parametrize("how", [BY_RACE, BY_KILL])
def test_the_next_run_brings_a_queue_back_under_its_policy(how: str, broker: Any) -> None:
    """Its own policy stands, and nothing is to be written: only another one that wins makes the broker tell it."""
    broker.converge(AN_HOUR)
    (policy,) = broker.policies()
    broker.policy("gone", {"max-length": 7}, priority=200)
    erase(broker, "gone", how, policy)

    carry_out(broker, broker.plan(AN_HOUR))

    assert told(broker) == broker.queues() == {"own_a": policy, "own_b": policy}
    assert list(broker.policies()) == [policy]
    assert broker.plan(AN_HOUR).is_empty


@pytest.mark.parametrize(
    ("how", "queue_type"), [(BY_RACE, "classic"), (BY_KILL, "classic"), (BY_RACE, "quorum")]
)
def test_a_deleted_policy_that_queues_still_have_is_taken_off_them(
    how: str, queue_type: str, broker: Any
) -> None:
    """The deletion is answered, and yet the queues keep the limits of what is gone."""
    long = {"type": queue_type, "max_length": 1000}
    broker.converge({"queues": {"own_a": long, "own_b": long}})
    (policy,) = broker.policies()
    plan = broker.plan({"queues": {name: {"type": queue_type} for name in ("own_a", "own_b")}})
    erase(broker, policy, how)

    carry_out(broker, plan)

    assert told(broker) == broker.queues() == {"own_a": "", "own_b": ""}
    assert broker.policies() == {}


def test_what_a_killed_run_left_of_it_goes_with_the_next(broker: Any) -> None:
    """The copy that moves queues is ours by its name, like every derived policy."""
    broker.converge(AN_HOUR)
    (policy,) = broker.policies()
    copied = broker.listing("policies")[0]
    left = {key: copied[key] for key in ("pattern", "apply-to", "definition")} | {"priority": 101}
    broker.put("policies", "bizops.trial.match-again.00000000", left)

    plan = broker.plan(AN_HOUR)
    carry_out(broker, plan)

    assert [write.identity for write in plan.writes] == ["bizops.trial.match-again.00000000"]
    assert list(broker.policies()) == [policy]


def test_a_wait_that_cannot_end_says_what_for_and_ends(broker: Any) -> None:
    """A stronger policy that somebody put meanwhile is no mistake of the broker: the wait ends as a failure."""
    broker.converge(AN_HOUR)
    plan = broker.plan(TWO_HOURS)
    broker.policy("theirs", {"max-length": 7}, priority=200)

    begun = time.monotonic()
    pace = applier.Timing(settle_timeout=3)
    result = applier.apply(graph.steps(plan), {"rabbitmq": broker.live}, pace=pace)

    assert time.monotonic() - begun < 6
    details = {o.step.key[0]: o.detail for o in result.outcomes if o.status is not Status.APPLIED}
    assert details == {
        f"rabbitmq.queue/{name}": "not settled after 3 s: message_ttl is still not set, under policy theirs"
        for name in ("own_a", "own_b")
    }
    assert "theirs" in broker.policies()
