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
    from collections.abc import Callable, Sequence

    from bizops.provider import Provider, Scope
    from bizops.resource import Observation, Resource

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

PATIENCE = 150.0
"""Seconds in which the others reach the controller that they elected."""
CPU = 1.5
"""Seconds of CPU: a client of a dead broker that spins uses 0.6 in each second."""


@pytest.mark.parametrize("harm", ["kill", "pause"])
def test_an_active_controller_that_is_away_is_never_taken_for_absence(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare, harm: str
) -> None:
    """Read, or not read and said so in time. Once another one answers, plan and apply go on without the dead one.

    Another is elected within seconds, but a broker that had a connection to the host of the dead one waits for it:
    up to `controller.socket.timeout.ms`, 30 s, and 70 s were seen. For so long the cluster takes no change.
    """
    lost = controller(brokers[1])
    live = connect(brokers.addresses(), timeout=TIMEOUT)
    # Its replicas still tell of the broker when its session is over.
    there = topic("there", partitions=3, replication_factor=3)
    converge(live, [there], scope)
    getattr(brokers[lost], harm)()
    wanted = [there, topic("t", replication_factor=2)]
    deadline = time.monotonic() + PATIENCE
    found: Sequence[Observation] = ()

    while not found and time.monotonic() < deadline:
        with within(TIMEOUT + BEYOND, 2 * CPU):
            try:
                found = live.observe(wanted, scope).found
            except errors.UnreachableError as error:
                assert "no controller answers" in str(error)  # noqa: PT017 - one of two right ends

    if not found and harm == "pause":
        brokers[lost].unpause()
        found = live.observe(wanted, scope).found
    presences = {observed.address: observed.presence for observed in found}
    assert presences == dict(
        zip((each.address for each in wanted), (Presence.PRESENT, Presence.ABSENT), strict=True)
    )
    with within(TIMEOUT + BEYOND, 2 * CPU):
        planned = plan_for(live, wanted, scope)
        converge(live, wanted, scope)
    assert not planned.refusals


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
