"""The lock as it is waited for."""

from __future__ import annotations

import threading
import time

import pytest

from bizops import errors
from bizops.applier import Stop
from bizops.cli.lock import LockOptions, held


class HeldLease:
    """A lease that another holds, and that notes what is done to it."""

    seconds = 15.0

    def __init__(self) -> None:
        self.released = 0

    def take(self) -> str:
        """Name the holder."""
        return "eve@there:1"

    def renew(self, within: float) -> None:
        """Never asked for: it is never ours."""

    def release(self) -> None:
        """Note that it was given back."""
        self.released += 1

    def break_open(self) -> str:
        """Name the holder."""
        return self.take()


class OurLease(HeldLease):
    """A lease that is ours for `seconds`, and whose renewals go as `renewals` say, the last one for ever."""

    def __init__(self, *renewals: Exception | float, seconds: float = 1.0) -> None:
        super().__init__()
        self.seconds = seconds
        self.renewals = list(renewals)
        self.asked = 0

    def take(self) -> str:
        """Be ours."""
        return ""

    def renew(self, within: float) -> None:
        """Fail, or take so many seconds, whatever is left."""
        del within
        self.asked += 1
        said = self.renewals.pop(0) if len(self.renewals) > 1 else self.renewals[0]
        if isinstance(said, Exception):
            raise said
        time.sleep(said)


def test_who_is_told_to_stop_no_longer_waits_for_the_lock() -> None:
    """Ctrl-C ends the waiting at once, not after --lock-timeout, and another's lock is left alone."""
    lease, stop = HeldLease(), Stop()
    threading.Timer(0.05, stop.ask, (1, "SIGINT")).start()

    with held(lease, LockOptions(timeout=3600), stop):
        assert stop.level == 1

    assert lease.released == 0


def test_the_holder_is_named_when_patience_ends() -> None:
    """The message says whom to ask, and how to go on."""
    with (
        pytest.raises(errors.LockHeldError, match="eve@there:1") as caught,
        held(HeldLease(), LockOptions(timeout=0), Stop()),
    ):
        pass
    assert "bizops unlock" in caught.value.remedy


SILENT = errors.UnreachableError("no answer")


def test_a_renewal_that_fails_is_tried_again_while_the_lease_lasts() -> None:
    """An election takes seconds, and the lock is ours meanwhile."""
    lease, stop = OurLease(SILENT, 0.0), Stop()

    with held(lease, LockOptions(), stop):
        while lease.asked <= 3 and not stop.level:
            time.sleep(0.05)

    assert (stop.level, lease.released) == (0, 1)
    assert lease.asked > 3


def test_nothing_more_is_started_before_an_unrenewed_lease_ends() -> None:
    """Another apply may begin then; the reason is the system's own."""
    stop = Stop()
    started = time.monotonic()
    with held(OurLease(SILENT, seconds=6), LockOptions(), stop):
        assert stop.changed.wait(20)
        assert time.monotonic() - started < 6
    assert stop.reason == "the lock could not be renewed: no answer"


def test_a_lost_lease_stops_at_once() -> None:
    """Somebody else may have it already."""
    stop = Stop()
    started = time.monotonic()
    with held(OurLease(errors.LockLostError("the lock was lost"), seconds=6), LockOptions(), stop):
        assert stop.changed.wait(20)
        assert time.monotonic() - started < 4, "it was asked first after 1.2 s, and ends after 6"
    assert stop.reason == "the lock was lost"


def test_a_renewal_that_hangs_does_not_hold_the_exit() -> None:
    """And is left to expire: a renewal under way could take it again behind our back."""
    lease, stop = OurLease(60.0), Stop()
    with held(lease, LockOptions(), stop):
        time.sleep(0.4)
        ended = time.monotonic()
    assert time.monotonic() - ended < 4
    assert lease.released == 0
