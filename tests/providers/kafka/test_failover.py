"""A broker that is killed costs a plan a moment: no spinning client, and another controller."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.resource import Presence
from bizops.testing.driving import converge, plan_for
from tests.providers.kafka.quorum import controller
from tests.providers.kafka.test_cluster import BEYOND, TIMEOUT, UNCLOSED, prefix, within

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

    Brokers = Any
    Connect = Callable[..., Provider]
    Declare = Callable[..., Resource]

__all__ = ["prefix"]

pytestmark = [
    pytest.mark.integration,
    pytest.mark.cluster,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings(UNCLOSED),
]

CPU = 1.5
"""Seconds of CPU: a client of a dead broker that spins uses 0.6 in each second."""


def test_the_active_controller_that_is_killed_stops_neither_plan_nor_apply(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """Another is elected, and is found through whichever broker reaches it."""
    lost = controller(brokers[1])
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    # Its replicas still tell of the broker when its session is over.
    there = topic("there", partitions=3, replication_factor=3)
    converge(live, [there], scope)
    brokers[lost].kill()
    wanted = [there, topic("t", replication_factor=2)]

    with within(TIMEOUT + BEYOND, 2 * CPU):
        planned = plan_for(live, wanted, scope)
    with within(TIMEOUT + BEYOND, 2 * CPU):
        converge(live, wanted, scope)

    assert not planned.refusals
    assert any(f"broker {lost} does not" in text for text in planned.warnings)


def test_brokers_that_are_killed_make_no_client_spin(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """One dead: read within a few seconds. Two dead: not read at the deadline."""
    lost, *others = [number for number in (1, 2, 3) if number != controller(brokers[1])]
    brokers[lost].kill()
    live = connect(brokers.addresses(), timeout=TIMEOUT)

    with within(TIMEOUT / 2, CPU):
        planned = plan_for(live, [topic("t")], scope)
    brokers[others[0]].kill()
    time.sleep(6)
    with within(TIMEOUT + 2, CPU), pytest.raises(errors.UnreachableError):
        live.observe([topic("t")], scope)

    assert any(f"broker {lost} does not" in text for text in planned.warnings)


def test_the_active_controller_that_hangs_is_never_taken_for_absence(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """Read, or not read; brokers may go on waiting for it for longer than a minute after another one is elected."""
    lost = controller(brokers[1])
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    there = topic("there", partitions=3, replication_factor=3)
    converge(live, [there], scope)
    brokers[lost].pause()

    with within(TIMEOUT + BEYOND, 2 * CPU):
        try:
            found = live.observe([there], scope).found
        except errors.UnreachableError as error:
            assert "no controller answers" in str(error)  # noqa: PT017 - one of two right ends
        else:
            assert [each.presence for each in found] == [Presence.PRESENT]
    brokers[lost].unpause()

    converge(connect(brokers.addresses()), [there], scope)
