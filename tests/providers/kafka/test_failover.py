"""A broker that is killed costs a plan a moment: no spinning client, and another controller."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.testing.driving import converge, plan_for
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
_TOOL = (
    "exec java -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/etc/kafka/log4j2.properties "
    "-cp '/opt/kafka/libs/*' org.apache.kafka.tools.MetadataQuorumCommand "
    '--bootstrap-server "$(hostname):19092" describe --status'
)


def controller(brokers: Brokers) -> int:
    """Give the id of the active controller, which the metadata does not tell."""
    found = re.search(r"LeaderId:\s+(\d+)", brokers[1].run("sh", "-c", _TOOL))
    assert found
    return int(found[1])


def test_the_active_controller_that_is_killed_stops_neither_plan_nor_apply(
    brokers: Brokers, connect: Connect, scope: Scope, topic: Declare
) -> None:
    """Another is elected, and is found through whichever broker reaches it."""
    lost = controller(brokers)
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
    lost, *others = [number for number in (1, 2, 3) if number != controller(brokers)]
    brokers[lost].kill()
    live = connect(brokers.addresses(), timeout=TIMEOUT)

    with within(TIMEOUT / 2, CPU):
        planned = plan_for(live, [topic("t")], scope)
    brokers[others[0]].kill()
    time.sleep(6)
    with within(TIMEOUT + 2, CPU), pytest.raises(errors.UnreachableError):
        live.observe([topic("t")], scope)

    assert any(f"broker {lost} does not" in text for text in planned.warnings)
