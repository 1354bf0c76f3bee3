"""The lock and the list of addresses on three nodes: one dead, one frozen, and no majority.

Run on the cluster of the stack (`make stack WITH=rabbitmq-cluster`), whose nodes are killed and frozen.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.connection import Connection
from bizops.providers.rabbitmq.specs import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Lease, Provider
    from stack.servers import Server

pytestmark = [pytest.mark.cluster, pytest.mark.disruptive, pytest.mark.timeout(600)]

SECONDS = 60.0


@pytest.fixture
def nodes(servers: dict[str, Server]) -> Iterator[list[Server]]:
    """Give the three nodes, all running; and let all run again afterwards."""
    found = [servers[f"rabbitmq-{number}"] for number in (1, 2, 3)]
    yield found
    for node in found:
        if node.state() == "paused":
            node.unpause()
        node.start()
    for node in found:
        node.wait()


@pytest.fixture
def connect(nodes: list[Server]) -> Iterator[Callable[..., Provider]]:
    """Give a provider whose addresses are these nodes, in this order."""
    made: list[Provider] = []

    def make(*numbers: int) -> Provider:
        urls = [f"http://127.0.0.1:{nodes[number - 1].port(15672)}" for number in numbers]
        connection = Connection.model_validate({"url": urls})
        made.append(DEFINITION.connect(connection, Settings(), Options()))
        return made[-1]

    yield make
    for each in made:
        each.close()


def held_for(mine: Lease, other: Lease, seconds: float) -> float:
    """Renew as an apply does against a second taker; give the longest time between two renewals."""
    started = last = time.monotonic()
    longest = 0.0
    while time.monotonic() - started < seconds:
        time.sleep(mine.seconds / 5)
        sent = time.monotonic()
        mine.renew(0.9 * mine.seconds - (sent - last))
        longest, last = max(longest, time.monotonic() - last), sent
        assert other.take() == "me@here:1"
    return longest


def pair(connect: Any, *numbers: int) -> tuple[Lease, Lease]:
    """Give the lease of two holders, the first through these nodes and the second through the others."""
    mine = connect(*numbers).lease("cluster", "me@here:1")
    other = connect(*reversed(numbers)).lease("cluster", "you@there:2")
    other.break_open()
    return mine, other


def test_it_is_held_through_the_death_of_its_leader(connect: Any, nodes: list[Server]) -> None:
    """A minute against a second taker; the leader is the node that took it, which is the first address."""
    mine, other = pair(connect, 1, 2, 3)
    assert mine.take() == ""
    nodes[0].kill()

    longest = held_for(mine, other, SECONDS)

    assert longest < mine.seconds
    started = time.monotonic()
    mine.release()
    assert time.monotonic() - started < 15
    assert other.take() == ""
    other.release()


def test_it_is_held_while_its_leader_is_frozen(connect: Any, nodes: list[Server]) -> None:
    """The next leader is elected after ten seconds, and the lease lasts twenty."""
    mine, other = pair(connect, 1, 2, 3)
    assert mine.take() == ""
    mine.renew(5)
    nodes[0].pause()
    started = time.monotonic()

    mine.renew(16)

    assert time.monotonic() - started < 16
    nodes[0].unpause()
    other.break_open()


def test_without_a_majority_it_is_not_taken_and_said_so_in_time(
    connect: Any, nodes: list[Server]
) -> None:
    """It is the first write of an apply; the surviving node answers all readings."""
    mine, _ = pair(connect, 1, 2, 3)
    for node in nodes[1:]:
        node.kill()
    started = time.monotonic()

    with pytest.raises(errors.UnreachableError, match="it may have no majority"):
        mine.take()

    assert time.monotonic() - started < 12
    for node in nodes[1:]:
        node.start()
    for node in nodes:
        node.wait()
    mine.break_open()
    assert mine.take() == ""
    mine.release()
