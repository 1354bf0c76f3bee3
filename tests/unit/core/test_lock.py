"""The lock as it is waited for."""

from __future__ import annotations

import threading

import pytest

from bizops import errors
from bizops.applier import Stop
from bizops.cli.lock import Terms, held


class HeldLease:
    """A lease that another holds, and that notes what is done to it."""

    seconds = 15.0

    def __init__(self) -> None:
        self.released = 0

    def take(self) -> str:
        """Name the holder."""
        return "eve@there:1"

    def release(self) -> None:
        """Note that it was given back."""
        self.released += 1

    def break_open(self) -> None:
        """Do nothing."""


def test_who_is_told_to_stop_no_longer_waits_for_the_lock() -> None:
    """Ctrl-C ends the waiting at once, not after --lock-timeout, and another's lock is left alone."""
    lease, stop = HeldLease(), Stop()
    threading.Timer(0.05, stop.ask, (1, "SIGINT")).start()

    with held(lease, Terms(timeout=3600), stop):
        assert stop.level == 1

    assert lease.released == 0


def test_the_holder_is_named_when_patience_ends() -> None:
    """The message says whom to ask, and how to go on."""
    with (
        pytest.raises(errors.LockHeldError, match="eve@there:1") as caught,
        held(HeldLease(), Terms(timeout=0), Stop()),
    ):
        pass
    assert "bizops unlock" in caught.value.remedy
