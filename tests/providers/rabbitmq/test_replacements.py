"""What the broker would refuse is known before anything goes for it (A1)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bizops.change import Status
from bizops.planner import Targeting
from bizops.providers.rabbitmq.api.client import Answer, Client, Request
from bizops.providers.rabbitmq.declared import known_values
from bizops.providers.rabbitmq.live.effective_settings import KHEPRI_ERA
from bizops.render.outcome import is_shown

pytestmark = pytest.mark.integration

ARGUMENTS = {
    "classic": ("x-queue-mode", "x-queue-version"),
    "quorum": (
        "x-queue-leader-locator",
        "x-quorum-initial-group-size",
        "x-max-in-memory-length",
        "x-max-in-memory-bytes",
        "x-dead-letter-strategy",
        "x-overflow",
    ),
    "stream": (
        "x-max-age",
        "x-initial-cluster-size",
        "x-queue-leader-locator",
        "x-stream-max-segment-size-bytes",
    ),
}
POLICIES = (
    *("overflow", "queue-mode", "queue-leader-locator", "max-length", "max-length-bytes"),
    *("message-ttl", "expires", "dead-letter-exchange", "dead-letter-routing-key"),
    *("dead-letter-strategy", "alternate-exchange", "max-age", "initial-cluster-size"),
    *("queue-version", "max-in-memory-length"),
)
VALUES = (
    *("foo", "lazy", "default", "client-local", "min-masters", "random", "balanced"),
    *("least-leaders", "drop-head", "reject-publish", "at-most-once", "at-least-once", "7D", "1M"),
    *("7x", "5", -1, 0, 1, 2, 3, 300, True),
)
LACKS = {
    "x-queue-version": (4, 3),
    "queue-version": (4, 3),
    "x-queue-mode": (4, 3),
    "x-overflow": (3, 0),
}
"""Since when a version judges them in its own way: 4.3 takes any mode, and no version 1."""
OF_OLD_CLUSTERS = (("x-queue-leader-locator", "min-masters"),)
"""What 3.10.8 takes on one node, and crashes over where there are three."""


def test_a1_the_broker_takes_what_we_take_and_refuses_what_we_refuse(broker: Any) -> None:
    """Asked of the broker itself, value by value."""

    def is_taken(url: str, body: dict[str, Any]) -> bool:
        answer = broker.admin.put(url, json=body, timeout=20)
        if answer.ok:
            broker.admin.delete(url, timeout=20)
        return bool(answer.ok)

    differ = []
    for kind, keys in ARGUMENTS.items():
        for key in keys:
            for value in VALUES:
                body = {"durable": True, "arguments": {"x-queue-type": kind, key: value}}
                is_ours = not known_values.problem(key, value)
                if is_taken(broker.url("queues", broker.vhost, "own_q"), body) is not is_ours:
                    differ.append((kind, key, value))
    for key in POLICIES:
        for value in VALUES:
            policy = {"pattern": "^own_none$", "definition": {key: value}}
            is_ours = not known_values.problem(key, value)
            if is_taken(broker.url("policies", broker.vhost, "own_p"), policy) is not is_ours:
                differ.append(("policy", key, value))

    judged = {key for key, since in LACKS.items() if broker.version >= since}
    of_old_clusters = OF_OLD_CLUSTERS if broker.version < KHEPRI_ERA else ()
    assert [
        each for each in differ if each[1] not in judged and each[1:] not in of_old_clusters
    ] == []


NEW_FORMS: dict[str, dict[str, Any]] = {
    "queue": {"queues": {"own_q": {"arguments": {"x-queue-version": 9}}}},
    "type": {
        "queues": {"own_q": {"type": "quorum", "arguments": {"x-quorum-initial-group-size": -1}}}
    },
    "exchange": {
        "exchanges": {"own_x": {"arguments": {"alternate-exchange": 5}}},
        "queues": {"own_q": {}},
    },
}


@pytest.mark.parametrize("form", NEW_FORMS)
def test_a1_nothing_goes_for_a_new_form_that_the_broker_refuses(
    broker: Any, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Also where we do not know that it will: it is tried under another name first."""
    # Given an exchange, a queue with messages, and a binding
    bindings = [{"exchange": "own_x", "queue": "own_q", "routing_key": "k"}]
    before: dict[str, Any] = {
        "exchanges": {"own_x": {}},
        "queues": {"own_q": {}},
        "bindings": bindings,
    }
    broker.converge(before)
    broker.publish("own_q", 3)
    there = broker.listing("bindings")

    # When a new form is applied that nobody but the broker judges
    monkeypatch.setattr(known_values, "problem", lambda *_: "")
    plan = broker.plan({**before, **NEW_FORMS[form]}, allow_data_loss=("*",))
    result = broker.carry_out(plan, ("*",))

    # Then nothing is gone, nothing is left of the trial, and the reason is told
    failed = [o for o in result.outcomes if o.status is Status.FAILED]
    assert failed
    assert all("stays: its new form is refused" in outcome.detail for outcome in failed)
    assert broker.count("own_q") == 3
    assert broker.listing("bindings") == there
    names = {each["name"] for kind in ("queues", "exchanges") for each in broker.listing(kind)}
    assert [name for name in names if "trial" in name] == []


def test_what_is_left_of_a_trial_is_told_and_pruned(
    broker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that breaks, or a broker that fails, between the trial and its end."""
    before = {"exchanges": {"own_x": {}}, "queues": {"own_q": {"max_priority": 5}}}
    after = {"exchanges": {"own_x": {"type": "topic"}}, "queues": {"own_q": {"max_priority": 6}}}
    broker.converge(before)
    whole = Client.write

    def write(client: Client, request: Request, timeout: float | None = None) -> Answer:
        is_end = request.method == "DELETE" and ".trial-" in request.path
        return Answer(500, "out of luck") if is_end else whole(client, request, timeout)

    monkeypatch.setattr(Client, "write", write)
    result = broker.carry_out(broker.plan(after, allow_data_loss=("*",)), ("*",))
    monkeypatch.setattr(Client, "write", whole)

    assert result.is_ok, result.outcomes
    said = [line for o in result.outcomes if is_shown(o) for line in o.lines]
    assert {line.split()[0] for line in said} == {"exchange", "queue"}
    assert all("may still be there: out of luck" in line for line in said)
    broker.scope = replace(broker.scope, owns=())
    left = broker.plan(after).unmanaged
    assert {each.address.kind for each in left} == {"exchange", "queue"}
    assert all("a trial of its new form left it" in each.notes[-1] for each in left)
    assert broker.carry_out(broker.plan(after, Targeting(prune=True))).is_ok
    assert not broker.plan(after).unmanaged


def test_a_new_form_that_the_broker_takes_leaves_nothing_of_its_trial(broker: Any) -> None:
    broker.converge({"exchanges": {"own_x": {}}, "queues": {"own_q": {}}})
    after = {"exchanges": {"own_x": {"type": "fanout"}}, "queues": {"own_q": {"type": "quorum"}}}

    result = broker.carry_out(broker.plan(after, allow_data_loss=("*",)), ("*",))

    assert result.is_ok, result.outcomes
    assert set(broker.queues()) == {"own_q"}
    own = {each["name"] for each in broker.listing("exchanges") if each["name"].startswith("own_")}
    assert own == {"own_x"}
