"""R3: what is made of the listings of vhosts and of their limits, and what follows where they were not read."""

from __future__ import annotations

from typing import Any

import pytest

from bizops import errors, planner
from bizops.change import Plan, System
from bizops.planner import Desired, Targeting
from bizops.provider import Observations, Scope
from bizops.providers.rabbitmq.api import requests
from bizops.providers.rabbitmq.declared.specs import QueueSpec, Settings
from bizops.providers.rabbitmq.live import vhost_settings
from bizops.providers.rabbitmq.live.observations import Observer
from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Snapshot, Vhost
from bizops.providers.rabbitmq.live.vhost_settings import VhostSettings
from bizops.providers.rabbitmq.naming.names import queue_address
from bizops.resource import Resource

SCOPE = Scope("t", (), Settings())
LIVE = LiveQueue(
    "old", "classic", durable=True, auto_delete=False, arguments=(), policy="",
    messages=0, unacked=0,
)  # fmt: skip


def planned(vhost: Vhost, *names: str, prune: bool = False, **spec: Any) -> Plan:
    resources = [Resource(queue_address(name), QueueSpec.model_validate(spec)) for name in names]
    snapshot = Snapshot((4, 0), "/", {"/": vhost})
    scope = Scope("t", (("queue", ("old*",)),), Settings())
    found = Observer(snapshot, scope).observations(resources)
    observations = Observations(System("rabbitmq", "memory"), found, context=snapshot)
    desired = Desired("t", tuple(resources), {"rabbitmq": scope})
    return planner.plan(desired, {"rabbitmq": observations}, Targeting(prune=prune))


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ([{"name": "/", "default_queue_type": "quorum"}], "quorum"),
        ([{"name": "/", "default_queue_type": "undefined"}], "classic"),
        ([{"name": "/"}], "classic"),
        ([{"name": "x"}, {"name": "/", "default_queue_type": "stream"}], "stream"),
        (None, "classic"),
    ],
)
def test_r3_the_default_type_of_a_vhost(listed: Any, expected: str) -> None:
    assert vhost_settings.settings("/", listed, []).default_type == expected


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ([{"vhost": "/", "value": {"max-queues": 3}}], 3),
        ([{"vhost": "/", "value": {"max-queues": -1}}], None),
        ([{"vhost": "/", "value": {"max-queues": 0}}], 0),
        ([{"vhost": "/", "value": {"max-connections": 3}}], None),
        ([{"vhost": "other", "value": {"max-queues": 3}}], None),
        ([], None),
    ],
)
def test_r3_the_limit_of_a_vhost(limits: Any, expected: int | None) -> None:
    assert vhost_settings.settings("/", [{"name": "/"}], limits).max_queues == expected


@pytest.mark.parametrize("listed", [[], [{}], [{"name": None}], [{"name": "other"}]])
def test_c2_a_listing_that_does_not_have_the_vhost_is_told(listed: Any) -> None:
    """A cluster lists it so for a moment (4.3.6), and then nobody knows its default."""
    assert vhost_settings.settings("/", listed, []).problem == "the list of vhosts does not have /"


def test_r3_a_default_that_was_not_read_is_told_and_left_to_the_broker() -> None:
    # Given a broker whose listing of vhosts was refused
    error = errors.DeniedError("a proxy lets nobody list vhosts")
    settings = vhost_settings.settings("/", error, [])

    # When a queue without a type is created
    plan = planned(Vhost("/", settings=settings), "q")

    # Then the plan says so, and the declaration names no type
    assert "which type vhost / gives to a queue that names none was not read" in plan.warnings[0]
    change = plan.changes[0]
    assert isinstance(change.resource, Resource)
    body = requests._queue_body(change)  # noqa: SLF001 - what is sent
    assert body["arguments"] == {}


def test_r3_a_limit_that_pruning_alone_makes_room_for_is_a_warning() -> None:
    """Creations and deletions go side by side, so the first try may meet the limit."""
    vhost = Vhost("/", {"old": LIVE}, settings=VhostSettings(max_queues=2))

    refused, warned = planned(vhost, "q"), planned(vhost, "q", prune=True)

    assert "has 1" in refused.refusals[0].why
    assert not warned.refusals
    assert "until the 1 that go are gone" in warned.warnings[0]


def test_r3_a_default_type_of_a_plugin_is_kept_as_it_is() -> None:
    plan = planned(Vhost("/", settings=VhostSettings("x-local")), "q", max_priority=3)

    assert "vhost / makes it a x-local queue" in plan.refusals[0].why
