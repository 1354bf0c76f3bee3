"""Holds the lease of a topology while it is applied: taken, renewed beside the work, given back."""

from __future__ import annotations

import contextlib
import getpass
import os
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.applier import Stop
    from bizops.provider import Lease


_SAFE = 0.9
"""The part of a lease within which nobody else can have it, though clocks differ a little."""
_RETRY = 0.5
"""Seconds until a renewal that failed is tried again."""
_GOODBYE = 2.0
"""Seconds that a renewal under way gets before the lease is left to expire."""


@dataclass(frozen=True, slots=True)
class LockOptions:
    """Whether to lock, how many seconds to wait for another holder, and whom to tell while waiting."""

    is_wanted: bool = True
    timeout: float = 45.0
    tell: Callable[[str], None] = lambda _text: None


def holder() -> str:
    """Give who we are, as another apply will read it: `alice@laptop:4711`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # no name for this uid, as in many containers
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}:{os.getpid()}"


@contextlib.contextmanager
def held(lease: Lease | None, terms: LockOptions, stop: Stop) -> Iterator[None]:
    """Hold the lease inside the block. Without one to hold, say so and go on.

    Raises LockHeldError when another holder keeps it longer than `terms.timeout`, a ProviderError where its system does
    not let us take it. Who is told to stop while waiting holds nothing inside the block, and has to look. Where the
    lease is lost, or nears its end without a renewal, `stop` is asked to start nothing more: another apply may begin.
    """
    if not terms.is_wanted:
        yield
        return
    if lease is None:
        terms.tell("no lock: this topology has no RabbitMQ, so nothing keeps a second apply away")
        yield
        return
    if not _is_taken(lease, terms, stop):
        yield
        return
    ended = threading.Event()
    renewal = threading.Thread(target=_renew, args=(lease, stop, ended), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        ended.set()
        renewal.join(timeout=_GOODBYE)
        if (
            not renewal.is_alive()
        ):  # a renewal that hangs could take it again behind us; it expires by itself
            with contextlib.suppress(errors.ProviderError):
                lease.release()


def _is_taken(lease: Lease, terms: LockOptions, stop: Stop) -> bool:
    """Take the lease; False where `stop` was asked for while another held it."""
    deadline = time.monotonic() + terms.timeout
    told = ""
    while True:
        other = _holder_after_taking(lease)
        if not other:
            return True
        if time.monotonic() >= deadline:
            message = f"another apply holds the lock: {other}"
            remedy = "wait for it, raise --lock-timeout, or free it with `bizops unlock`"
            raise errors.LockHeldError(message, remedy=remedy)
        if other != told:
            terms.tell(f"waiting up to {terms.timeout:g} s for the lock that {other} holds")
            told = other
        stop.changed.wait(min(0.5, max(0.0, deadline - time.monotonic())))
        if stop.level:
            return False


def _holder_after_taking(lease: Lease) -> str:
    """Take the lease and give its holder, "" where that is us; raises a ProviderError that says what it was for."""
    try:
        return lease.take()
    except (
        errors.RetryableError
    ) as error:  # without a majority: to go without the lock would write all the same
        message = f"the lock cannot be taken, so nothing was written: {error}"
        raise type(error)(message, remedy=error.remedy, setting=error.setting) from None
    except errors.ProviderError as error:
        remedy = "--lock=false goes without it, where nobody else applies this topology"
        message = f"the lock cannot be taken: {error}"
        raise type(error)(message, remedy=remedy, setting=error.setting) from None


def _renew(lease: Lease, stop: Stop, ended: threading.Event) -> None:
    """Renew it until the end. A renewal that fails is tried again as long as the last one surely holds."""
    until = time.monotonic() + lease.seconds * _SAFE
    interval = lease.seconds / 5
    pause = interval
    while not ended.wait(pause):
        started = time.monotonic()
        try:
            lease.renew(max(0.0, until - started))
        except errors.LockLostError as error:
            stop.ask(1, str(error))
            return
        except errors.ProviderError as error:
            if time.monotonic() >= until - _RETRY:
                stop.ask(1, f"the lock could not be renewed: {error}")
                return
            pause = _RETRY
        else:
            until = started + lease.seconds * _SAFE
            pause = max(0.0, started + interval - time.monotonic())
