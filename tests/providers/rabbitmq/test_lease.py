"""The lock: one holder, renewed for as long as it works, free by itself when it dies."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection

if TYPE_CHECKING:
    from bizops.provider import Lease

pytestmark = pytest.mark.integration

NAME = "bizops.lock.trial"
OLD = {
    "x-expires": 15000,
    "x-dead-letter-exchange": NAME,
    "x-dead-letter-routing-key": "old@there:9",
}
"""What bizops declared before the lock was a quorum queue."""


def leases(broker: Any) -> tuple[Lease, Lease]:
    mine, other = (
        broker.live.lease("trial", holder) for holder in ("me@here:1", "it's you@there:2")
    )
    return mine, other


def test_a_lease_has_one_holder(broker: Any) -> None:
    """Taken by the first, its words for the second, and its end for anybody."""
    mine, other = leases(broker)

    assert mine.take() == ""
    assert other.take() == "me@here:1"
    assert mine.take() == ""
    mine.renew(10)
    other.release()
    assert other.take() == "me@here:1"
    mine.release()
    assert other.take() == ""
    assert mine.take() == "it's you@there:2"
    assert mine.break_open() == "it's you@there:2"
    assert mine.break_open() == ""
    assert mine.take() == ""
    mine.release()
    assert not broker.listing("queues")


def test_it_is_replicated_where_there_are_nodes(broker: Any) -> None:
    """A quorum queue survives the death of one of its nodes."""
    mine, _ = leases(broker)
    assert mine.take() == ""
    assert ["quorum"] == [queue["type"] for queue in broker.listing("queues")]
    mine.release()


@pytest.mark.long
@pytest.mark.slow
def test_a_renewed_lease_outlives_its_seconds_and_another_one_does_not(broker: Any) -> None:
    """One and a half lives against a second taker; then nobody renews, and the second gets it."""
    mine, other = leases(broker)
    assert mine.take() == ""
    started = time.monotonic()
    while time.monotonic() - started < 1.5 * mine.seconds:
        mine.renew(10)
        assert other.take() == "me@here:1"
        time.sleep(mine.seconds / 5)

    last = time.monotonic()
    while other.take():
        assert time.monotonic() - last < mine.seconds + 10
        time.sleep(0.2)

    assert time.monotonic() - last > 0.9 * mine.seconds - mine.seconds / 5
    with pytest.raises(errors.LockLostError, match="lost to it's you@there:2"):
        mine.renew(10)
    other.release()


def leave_behind(broker: Any) -> None:
    """End what runs behind the lock and keep its name, as a deletion does that is cut off while a node is dead."""
    name = f'rabbit_misc:r(<<"{broker.vhost}">>, queue, <<"{NAME}">>)'
    end = "rpc:call(Node, ra, force_delete_server, [quorum_queues, {N, Node}])"
    members = f"{{N, _}} = amqqueue:get_pid(Q), [{end} || Node <- [node() | nodes()]]"
    broker.ctl("eval", f"{{ok, Q}} = rabbit_amqqueue:lookup({name}), {members}.")


def test_a_lock_that_was_left_behind_is_named_so_and_renewed_by_nobody(broker: Any) -> None:
    """Nothing runs that could expire, so its holder, if there is one, stops."""
    mine, other = leases(broker)
    assert mine.take() == ""
    leave_behind(broker)

    assert other.take() == "me@here:1 (left behind: its queue does not run)"
    with pytest.raises(errors.RejectedError):
        mine.renew(1)
    assert other.break_open() != ""
    assert other.take() == ""
    other.release()


@pytest.mark.long
@pytest.mark.slow
def test_a_lock_that_was_left_behind_is_taken_over_after_a_lease(broker: Any) -> None:
    """By one of two who wait for it, and not before its holder must have stopped."""
    mine, other = leases(broker)
    third = broker.live.lease("trial", "them@elsewhere:3")
    assert mine.take() == ""
    leave_behind(broker)
    began = time.monotonic()
    taken: dict[str, float] = {}

    def wait(lease: Lease, who: str) -> None:
        while lease.take():
            if taken or time.monotonic() - began > 3 * mine.seconds:
                return
            time.sleep(0.5)
        taken[who] = time.monotonic() - began

    waiting = [
        threading.Thread(target=wait, args=each) for each in ((other, "other"), (third, "third"))
    ]
    for each in waiting:
        each.start()
    for each in waiting:
        each.join()

    ((who, after),) = taken.items()
    assert after > mine.seconds
    (other if who == "other" else third).renew(10)
    (other if who == "other" else third).release()
    assert not broker.listing("queues")


def test_a_lease_that_somebody_freed_is_lost(broker: Any) -> None:
    """And is not taken again behind the other's back: the question comes before the declaration."""
    mine, other = leases(broker)
    assert mine.take() == ""
    other.break_open()

    with pytest.raises(errors.LockLostError, match="it had expired"):
        mine.renew(10)
    assert not broker.listing("queues")


def test_the_lock_of_an_older_bizops_is_respected_named_and_can_be_freed(broker: Any) -> None:
    """It is a classic queue of the same name, so the two never hold it at once."""
    mine, _ = leases(broker)
    broker.put("queues", NAME, {"arguments": OLD})

    assert mine.take() == "old@there:9"
    assert mine.break_open() == "old@there:9"
    assert mine.take() == ""
    answer = broker.admin.put(
        broker.url("queues", broker.vhost, NAME), json={"arguments": OLD}, timeout=20
    )
    assert answer.status_code == 400
    mine.release()


def test_the_lock_is_kept_when_its_address_dies(broker: Any, relay: Any, unused_port: Any) -> None:
    """Another address of the cluster renews it and gives it back."""
    alive = f"http://127.0.0.1:{broker.http}"
    with relay(broker.http) as first:
        urls = [f"http://127.0.0.1:{unused_port()}", first.url, alive]
        connection = Connection.model_validate({"url": urls})
        live = DEFINITION.connect(connection, broker.scope.settings, Options())
        lease = live.lease("trial", "me@here:1")
        assert lease is not None
        assert lease.take() == ""
        first.freeze()
        started = time.monotonic()

        lease.renew(10)

        assert time.monotonic() - started < 6
        lease.release()
        live.close()
    assert not broker.listing("queues")


def test_taking_the_lock_has_a_deadline_of_its_own(broker: Any, relay: Any) -> None:
    """However long a request may take: who gets no answer here gets none to any write."""
    with relay(broker.http) as frozen:
        frozen.freeze()
        connection = Connection.model_validate({"url": frozen.url})
        live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=300))
        lease = live.lease("trial", "me@here:1")
        assert lease is not None
        started = time.monotonic()
        with pytest.raises(errors.RetryableError, match="it may have no majority"):
            lease.take()
        assert time.monotonic() - started < 12
        live.close()
