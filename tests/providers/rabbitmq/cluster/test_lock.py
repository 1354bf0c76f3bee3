"""The lock and the list of addresses on three nodes: one dead, one frozen, and no majority.

Run on the cluster of the stack (`make stack WITH=rabbitmq-cluster`), whose nodes are killed and frozen.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bizops import errors
from bizops.applier import Stop
from bizops.cli.lock import LockOptions, held
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.declared.specs import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Lease, Provider

pytestmark = [pytest.mark.cluster, pytest.mark.integration, pytest.mark.timeout(600)]

SECONDS = 60.0
FROZEN = 40.0
"""Longer than a lease, and shorter than what sets a node apart (net_ticktime, 60 s, less a quarter)."""


@pytest.fixture
def connect(nodes: Any) -> Iterator[Callable[..., Provider]]:
    """Give a provider whose addresses are these nodes, in this order."""
    made: list[Provider] = []

    def make(*numbers: int) -> Provider:
        urls = [f"http://127.0.0.1:{nodes.port(number)}" for number in numbers]
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


def test_it_is_held_through_the_death_of_its_leader(connect: Any, nodes: Any) -> None:
    """A minute against a second taker; the leader is the node that took it, which is the first address."""
    mine, other = pair(connect, 1, 2, 3)
    assert mine.take() == ""
    nodes.servers[0].kill()

    longest = held_for(mine, other, SECONDS)

    assert longest < mine.seconds
    started = time.monotonic()
    mine.release()
    assert time.monotonic() - started < 15
    assert other.take() == ""
    other.release()


@pytest.mark.parametrize("frozen", [1, 3], ids=["its leader", "another node"])
def test_it_is_held_while_a_node_is_frozen(connect: Any, nodes: Any, frozen: int) -> None:
    """Held as an apply holds it, until the others give the node up: each question takes ten seconds meanwhile."""
    mine, other = pair(connect, 1, 2, 3)
    stop = Stop()
    with held(mine, LockOptions(), stop):
        nodes.servers[frozen - 1].pause()
        deadline = time.monotonic() + FROZEN
        while time.monotonic() < deadline and not stop.level:
            with contextlib.suppress(errors.ProviderError):  # taking it has ten seconds
                assert other.take().startswith("me@here:1")
            time.sleep(1)
        assert not stop.level, stop.reason


def test_a_lock_whose_deletion_was_cut_off_is_taken_over(connect: Any, nodes: Any) -> None:
    """A process that ends while it gives its lock back, with a node dead that returns: an upgrade, node by node."""
    mine, other = pair(connect, 1, 2, 3)
    nodes.kill(3)
    assert mine.take() == ""
    path = "queues/%2F/bizops.lock.cluster"
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.delete(
            f"http://127.0.0.1:{nodes.port(1)}/api/{path}", auth=("guest", "guest"), timeout=2
        )
    nodes.revive()

    with held(other, LockOptions(timeout=60), Stop()):
        pass


def test_without_a_majority_it_is_not_taken_and_said_so_in_time(connect: Any, nodes: Any) -> None:
    """It is the first write of an apply; the surviving node answers all readings."""
    mine, _ = pair(connect, 1, 2, 3)
    nodes.kill(2, 3)
    started = time.monotonic()

    with pytest.raises(errors.RetryableError, match="it may have no majority"):
        mine.take()

    assert time.monotonic() - started < 12
    nodes.revive()
    mine.break_open()
    assert mine.take() == ""
    mine.release()


@pytest.fixture
def cut(connect: Any, nodes: Any) -> Iterator[Lease]:
    """Give a lease that is held on a cluster whose majority is gone since."""
    mine, other = pair(connect, 1, 2, 3)
    assert mine.take() == ""
    nodes.kill(2, 3)
    yield mine
    nodes.revive()
    other.break_open()


@pytest.mark.usefixtures("cut")
def test_without_a_majority_a_lock_that_was_left_is_no_running_apply(connect: Any) -> None:
    """Its holder died; whoever waits for it reads that nothing answers behind it."""
    with (
        pytest.raises(errors.LockHeldError, match="its queue gives no answer"),
        held(connect(1).lease("cluster", "you@there:2"), LockOptions(timeout=8), Stop()),
    ):
        pass


def test_without_a_majority_it_is_given_back_no_longer_than_it_is_worth(cut: Lease) -> None:
    """An apply that lost the cluster in the middle ends soon; the lock expires by itself."""
    with pytest.raises(errors.ProviderError):
        cut.renew(3)
    started = time.monotonic()

    cut.release()

    assert time.monotonic() - started < 4
