"""What SIGINT and SIGTERM do: at once while only reading, in good order while writing."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.applier import Stop

ABORTED = "Aborted: what was being written may have taken effect. The same command again finishes the job."
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@contextlib.contextmanager
def exit_at_once() -> Iterator[None]:
    """Inside the block a signal ends the process at once: nothing is being written.

    Threads that wait for a system are not waited for.
    """

    def leave(number: int, _frame: object) -> None:
        with contextlib.suppress(
            OSError
        ):  # past Python's streams: the signal may have come amid a write
            os.write(2, b"\nInterrupted: nothing was written.\n")
        os._exit(CODES[signal.Signals(number)])

    with _handling(leave):
        yield


class Listener(Protocol):
    """Hears of each signal, and whether what is in flight is still waited for."""

    def __call__(self, *, waits: bool) -> None:
        """Hear it."""


class Signals:
    """Inside the block, signals stop an apply in good order. `code` is the exit code once there was one.

    SIGINT: start nothing more, finish what is in flight; a second one aborts, so that the lock is freed on the way out.
    SIGTERM: no longer wait for what is settling. Nothing is raised here, for an exception in a callback or a destructor
    is lost: each wait looks at `stop`. What comes behind the block changes nothing any more.
    """

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self.listeners: list[Listener] = []
        self.code = 0

    def __enter__(self) -> Self:
        for number in CODES:
            signal.signal(number, self._heard)
        return self

    def __exit__(self, *_ignored: object) -> None:
        self.listeners.clear()

    def _heard(self, number: int, _frame: object) -> None:
        again = self.code != 0
        self.code = self.code or CODES[signal.Signals(number)]
        if again and number == signal.SIGINT:
            self._stop.ask(3, ABORTED)
        elif number == signal.SIGTERM:
            self._stop.ask(2, "SIGTERM")
        else:
            self._stop.ask(1, "SIGINT")
        for listener in self.listeners:
            with contextlib.suppress(RuntimeError):  # it came amid a write to the same stream
                listener(waits=self._stop.level == 1)


@contextlib.contextmanager
def _handling(handler: Callable[[int, Any], None]) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in CODES}
    try:
        yield
    finally:
        for number, found in before.items():
            signal.signal(number, found)
