"""Derived policies over a broker in memory that follows the real one's rules, judged after every single write."""

from __future__ import annotations

import graphlib
import hashlib
import random
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizops import graph, planner
from bizops.change import Action, Plan, Step, System
from bizops.planner import Desired, Targeting
from bizops.provider import Observations, Scope
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.declared.specs import Settings
from bizops.providers.rabbitmq.live import effective_settings, queue_state
from bizops.providers.rabbitmq.live.effective_settings import Policy
from bizops.providers.rabbitmq.live.observations import Observer
from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Snapshot, Vhost, subject
from bizops.providers.rabbitmq.naming import patterns, regular_expressions
from bizops.resource import Lifecycle, Resource

VERSION = (4, 0)
EMPTY = LiveQueue(
    "", "classic", durable=True, auto_delete=False, arguments=(), policy="",
    messages=0, unacked=0,
)  # fmt: skip
SCOPE = Scope("t", (("queue", ("own_*",)),), Settings())
Declared = dict[str, dict[str, Any]]


def chance_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a test that can be repeated


@dataclass
class Broker:
    """Queues and policies; of policies with equal priority any may win, drawn anew at every look."""

    queues: dict[str, LiveQueue] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    chance: random.Random = field(default_factory=lambda: chance_of(7))
    version: tuple[int, int] = VERSION

    def winner(self, name: str) -> Policy | None:
        found = effective_settings.matching(
            self.policies.values(), subject(self.queues[name], self.version)
        )
        best = [policy for policy in found if policy.priority == found[0].priority]
        return self.chance.choice(best) if best else None

    def vhost(self) -> Vhost:
        winners = {name: self.winner(name) for name in self.queues}
        listed = {
            name: replace(queue, policy=winner.name if (winner := winners[name]) else "")
            for name, queue in self.queues.items()
        }
        return Vhost("/", listed, {}, (), dict(self.policies), ())

    def plan(self, declared: Declared, choice: Targeting | None = None) -> Plan:
        resources = resources_of(declared)
        snapshot = Snapshot(self.version, "/", {"/": self.vhost()})
        found = Observer(snapshot, SCOPE).observations(resources)
        observations = Observations(System("rabbitmq", "memory"), found, context=snapshot)
        desired = Desired("t", tuple(resources), {"rabbitmq": SCOPE})
        return planner.plan(desired, {"rabbitmq": observations}, choice or Targeting())

    def carry_out(self, step: Step) -> None:
        if step.write is not None:
            policy = step.write.payload.policy
            if step.action is Action.CREATE:
                assert policy.name not in self.policies, "a derived policy is never updated"
                self.policies[policy.name] = policy
            else:
                del self.policies[policy.name]
            return
        assert step.change is not None
        name = step.change.address.name
        if step.action is Action.DELETE:
            del self.queues[name]
        elif step.action is Action.CREATE:
            assert step.change.resource is not None
            wanted: Any = step.change.resource.spec
            spec = queue_state.with_type(wanted, step.change.observed.raw)
            pairs = field_types.freeze(queue_state.arguments(name, spec))
            self.queues[name] = replace(EMPTY, name=name, type=str(spec.type), arguments=pairs)


def resources_of(declared: Declared) -> list[Resource]:
    kind = DEFINITION.kind("queue")
    found = []
    for name, body in sorted(declared.items()):
        spec = kind.spec.model_validate(body)
        found.append(Resource(kind.address(name, spec, SCOPE.settings), spec))
    return found


def ordered(plan: Plan, chance: random.Random) -> list[Step]:
    """Give the steps in one of the orders that the graph allows."""
    steps = graph.steps(plan, ("*",))
    sorter = graphlib.TopologicalSorter(steps.needs)
    sorter.prepare()
    order = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        chance.shuffle(ready)
        order += [steps.steps[key] for key in ready]
        sorter.done(*ready)
    return order


def policy(name: str, definition: dict[str, Any], priority: int = 0) -> Policy:
    return Policy(name, ".*", "queues", priority, setting_keys.freeze(definition))


NAMES = [f"own_{letter}" for letter in "abcde"]
QUEUE = st.fixed_dictionaries(
    {},
    optional={
        "message_ttl": st.sampled_from(["1h", "2h", "3h"]),
        "max_length": st.sampled_from([500, 600]),
        "type": st.just("classic"),
    },
)
QUORUM = st.fixed_dictionaries(
    {"type": st.just("quorum")},
    optional={
        "message_ttl": st.sampled_from(["1h", "2h"]),
        "delivery_limit": st.sampled_from([5, 6]),
    },
)
PRIORITY = st.fixed_dictionaries(
    {"type": st.just("classic"), "max_priority": st.sampled_from([2, 3])},
    optional={"message_ttl": st.sampled_from(["1h", "2h", "3h"])},
)
TOPOLOGY = st.dictionaries(st.sampled_from(NAMES), QUEUE | PRIORITY | QUORUM, max_size=5)


SHARED = [HealthCheck.function_scoped_fixture]
"""All examples of a test share the limit."""


@pytest.fixture(params=[1024, 32], ids=["one pattern", "several"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few queues of equal settings take one pattern, or several."""
    monkeypatch.setattr(patterns, "MAX_BYTES", request.param)


@settings(max_examples=120, deadline=None, suppress_health_check=SHARED)
@given(TOPOLOGY, TOPOLOGY, st.booleans(), st.integers(0, 1000))
@pytest.mark.usefixtures("limit")
def test_no_queue_that_stays_is_ever_without_its_settings(
    first: Declared,
    second: Declared,
    prune: bool,
    seed: int,
) -> None:
    """After every single write of every order that the graph allows, and however ties fall.

    A queue that had a TTL and shall have one has one at each moment. Afterwards the second plan is empty.
    """
    broker = Broker(chance=chance_of(seed))
    for step in ordered(broker.plan(first), broker.chance):
        broker.carry_out(step)
    assert broker.plan(first).is_empty
    plan = broker.plan(second, Targeting(prune=prune))
    assert not plan.refusals
    replaced = {c.address.name for c in plan.changes if c.action in {Action.REPLACE, Action.DELETE}}
    kept = [
        name
        for name, body in first.items()
        if "message_ttl" in body and "message_ttl" in second.get(name, body)
    ]

    for step in ordered(plan, broker.chance):
        broker.carry_out(step)
        for name in kept:
            if name in broker.queues:
                winner = broker.winner(name)
                assert winner is not None, (name, step.key, name in replaced)
                assert "message-ttl" in winner.keys, (name, step.key)
        for name, body in second.items():
            if name in broker.queues and name not in first and "message_ttl" in body:
                assert broker.winner(name) is not None, (name, step.key)

    assert broker.plan(second, Targeting(prune=prune)).is_empty
    for name, body in second.items():
        wanted = queue_state.policy_part(name, DEFINITION.kind("queue").spec.model_validate(body))
        winner = broker.winner(name)
        assert wanted == (dict(winner.definition) if winner else {})


@settings(max_examples=120, deadline=None, suppress_health_check=SHARED)
@given(TOPOLOGY, TOPOLOGY, st.integers(0, 1000), st.integers(0, 30))
@pytest.mark.usefixtures("limit")
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(
    first: Declared, second: Declared, seed: int, stop: int
) -> None:
    """Whatever the killed run left, the next plan brings it to its end, and one more is empty."""
    broker = Broker(chance=chance_of(seed))
    for step in ordered(broker.plan(first), broker.chance):
        broker.carry_out(step)
    for step in ordered(broker.plan(second), broker.chance)[:stop]:
        broker.carry_out(step)

    for step in ordered(broker.plan(second), broker.chance):
        broker.carry_out(step)

    assert broker.plan(second).is_empty
    live = {broker.winner(name) for name in broker.queues}
    assert set(broker.policies.values()) <= live, "no leftover"


@settings(max_examples=80, deadline=None, suppress_health_check=SHARED)
@given(TOPOLOGY, TOPOLOGY, st.integers(0, 1000))
@pytest.mark.usefixtures("limit")
def test_a_foreign_catch_all_that_came_later_never_applies(
    first: Declared, second: Declared, seed: int
) -> None:
    """max-length 10 below ours bites no queue that ours covered, at no moment, unless a plan says so by name."""
    broker = Broker(chance=chance_of(seed))
    for step in ordered(broker.plan(first), broker.chance):
        broker.carry_out(step)
    covered = [name for name in broker.queues if broker.winner(name) is not None]
    for name, queue in broker.queues.items():
        messages = 100 if queue.type == "classic" else None
        broker.queues[name] = replace(queue, messages=messages)
    broker.policies["catch-all"] = policy("catch-all", {"max-length": 10})
    plan = broker.plan(second)
    lost = {c.address.name for c in plan.changes if c.effects or c.action is Action.REPLACE}
    if plan.refusals:
        return

    for step in ordered(plan, broker.chance):
        broker.carry_out(step)
        for name in covered:
            winner = broker.winner(name) if name in broker.queues else None
            if name not in lost and winner is not None:
                assert dict(winner.definition).get("max-length") != 10, (name, step.key)


def test_equal_settings_share_one_policy_whose_name_says_what_it_does() -> None:
    """`bizops.<topology>.<settings>.<hash>`, and one pattern for all of them."""
    ttl = {"message_ttl": "1h"}
    plan = Broker().plan({"own_a": ttl, "own_b": ttl, "own_c": ttl | {"max_length": 5}})

    assert ["policy bizops.t.max-length-5_ttl-1h", "policy bizops.t.ttl-1h"] == [
        write.text.rsplit(".", 1)[0] for write in plan.writes
    ]
    assert ["1 queue", "2 queues"] == [write.text.partition("(")[2][:-1] for write in plan.writes]
    assert "^(?:own_a|own_b)$" == plan.writes[1].payload.policy.pattern


def test_many_queues_are_split_over_several_policies() -> None:
    """RabbitMQ 4.3 takes no pattern above 1,024 bytes."""
    plan = Broker().plan(
        {f"own_{n * 7919 % 1000}_{'x' * 40}": {"message_ttl": "1h"} for n in range(1000)}
    )

    assert 1 < len(plan.writes) < 9
    assert sum(len(write.serves) for write in plan.writes) == 1000
    assert all(len(write.payload.policy.pattern) <= 1024 for write in plan.writes)


def of_earlier_version(names: list[str]) -> Policy:
    """Give a policy as it was written when patterns could have 30,000 bytes."""
    pattern = f"^(?:{'|'.join(map(regular_expressions.escaped, names))})$"
    content = {"message-ttl": 3_600_000}
    return Policy("bizops.t.ttl-1h.0a0a0a0a", pattern, "queues", 100, setting_keys.freeze(content))


@pytest.mark.parametrize("version", [(4, 0), (4, 3)])
def test_patterns_are_cut_anew_where_the_broker_takes_the_old_ones_no_more(
    version: tuple[int, int],
) -> None:
    """A plan shows it, apply writes it in two phases, drift says nothing of it: each setting is in force."""
    names = [f"own_{number * 7919 % 100003:05d}" for number in range(300)]
    old = of_earlier_version(names)
    broker = Broker(
        {name: replace(EMPTY, name=name) for name in names}, {old.name: old}, version=version
    )
    declared: Declared = {key: {"message_ttl": "1h"} for key in names}

    plan = broker.plan(declared)

    assert plan.is_empty == (version == (4, 0))
    assert plan.is_in_force
    assert not [write for write in plan.writes if write.shown_under or not write.is_upkeep]
    for step in ordered(plan, broker.chance):
        broker.carry_out(step)
        assert all(broker.winner(name) for name in names[::20]), step.key
    assert broker.plan(declared).is_empty


def test_a_change_beside_patterns_that_are_cut_anew_is_shown_with_them() -> None:
    """What one queue's change takes along is no upkeep: it stands beneath the change."""
    names = [f"own_{number * 7919 % 100003:05d}" for number in range(300)]
    old = of_earlier_version(names)
    broker = Broker({n: replace(EMPTY, name=n) for n in names}, {old.name: old}, version=(4, 3))
    declared: Declared = {key: {"message_ttl": "1h"} for key in names}

    plan = broker.plan(declared | {names[7]: {"message_ttl": "2h"}})

    assert not plan.is_in_force
    assert {(f"rabbitmq.queue/{names[7]}",)} == {
        tuple(map(str, w.shown_under)) for w in plan.writes
    }


def test_what_a_killed_run_left_is_no_upkeep() -> None:
    """A policy whose queues another holds already is a leftover: it is deleted, and nothing is created."""
    broker = Broker()
    declared: Declared = {key: {"message_ttl": "1h"} for key in NAMES[:3]}
    for step in ordered(broker.plan(declared), broker.chance):
        broker.carry_out(step)
    (live,) = broker.policies.values()
    left = replace(live, name="bizops.t.ttl-1h.00000000", pattern="^(?:own_a|own_b)$")
    broker.policies[left.name] = left

    plan = broker.plan(declared)

    assert [(Action.DELETE, left.name, False)] == [
        (write.action, write.identity, write.is_upkeep) for write in plan.writes
    ]


def test_writes_stand_beneath_the_queues_that_they_change() -> None:
    """A queue that leaves a group of three: two policies come, one goes, all for its sake."""
    broker = Broker()
    ttl = {"message_ttl": "1h"}
    for step in ordered(broker.plan(dict.fromkeys(NAMES[:3], ttl)), broker.chance):
        broker.carry_out(step)

    plan = broker.plan({"own_a": {"message_ttl": "2h"}, "own_b": ttl, "own_c": ttl})

    assert [Action.CREATE, Action.CREATE, Action.DELETE] == [w.action for w in plan.writes]
    assert {("rabbitmq.queue/own_a",)} == {tuple(map(str, w.shown_under)) for w in plan.writes}
    (deletion,) = [write for write in plan.writes if write.action is Action.DELETE]
    assert {write.identity for write in plan.writes[:2]} == set(deletion.after)
    assert ["rabbitmq.queue/own_a"] == [str(address) for address in deletion.serves]


def test_what_ignore_changes_hides_keeps_its_value() -> None:
    """Another tool owns the TTL: ours keeps what is there, and writes nothing."""
    broker = Broker()
    for step in ordered(broker.plan({"own_a": {"message_ttl": "1h"}}), broker.chance):
        broker.carry_out(step)
    (resource,) = resources_of({"own_a": {"message_ttl": "2h"}})
    ignoring = replace(resource, lifecycle=Lifecycle(ignore_changes=("message_ttl",)))
    snapshot = Snapshot(VERSION, "/", {"/": broker.vhost()})
    found = Observer(snapshot, SCOPE).observations([ignoring])
    observations = Observations(System("rabbitmq", "memory"), found, context=snapshot)

    plan = planner.plan(
        Desired("t", (ignoring,), {"rabbitmq": SCOPE}), {"rabbitmq": observations}, Targeting()
    )

    assert plan.is_empty


@pytest.mark.parametrize("priority", [99, 100, 101])
def test_a_foreign_policy_of_unreadable_pattern_is_told(priority: int) -> None:
    """What cannot be read is neither carried nor refused in silence."""
    broker = Broker(policies={"odd": Policy("odd", "^(?|a)", "queues", priority, ())})

    plan = broker.plan({"own_a": {"message_ttl": "1h"}})

    assert [
        "policy odd of vhost /: its pattern cannot be read here, so it is not compared"
    ] == list(plan.warnings)


def test_r5_policies_that_keep_the_broker_busy_are_told_and_given_the_time() -> None:
    """It matches all queues of the vhost with all policies before it answers: 3,000 irregular names take it seconds."""
    names = [
        f"own_{hashlib.sha256(str(number).encode()).hexdigest()[:20]}" for number in range(3000)
    ]
    broker = Broker({name: replace(EMPTY, name=name) for name in names})
    declared: Declared = {name: {"message_ttl": "1h"} for name in names}
    for step in ordered(broker.plan(declared), broker.chance):
        broker.carry_out(step)

    plan = broker.plan(declared | {names[0]: {"message_ttl": "2h"}})

    (told,) = plan.warnings
    assert "vhost / has 3,000 queues and 61 policies" in told
    assert "3 of at least 7 s each" in told
    assert {6 < write.payload.matching < 8 for write in plan.writes} == {True}
    small = Broker().plan({"own_a": {"message_ttl": "1h"}})
    assert not small.warnings
    assert [write.payload.matching for write in small.writes] == [0]
