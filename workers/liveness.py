"""Signs of life: when a thread that must come back was last seen at work.

Whoever waits for another system in a loop gives one in each turn, so that such a wait, however long, is told from a
thread that hangs.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_THREAD = threading.local()


class SignOfLife:
    """That of one thread; `at` is in monotonic seconds, and infinite while nothing is expected of it."""

    def __init__(self) -> None:
        self.at = math.inf

    def adopt(self) -> None:
        """Let `beat` and `rest` mean this one in the calling thread."""
        _OF_THREAD.pulse = self

    def beat(self) -> None:
        """Note that the thread is at work."""
        self.at = time.monotonic()

    def rest(self) -> None:
        """Expect nothing more of the thread."""
        self.at = math.inf


def beat() -> None:
    """Note that the calling thread is at work; does nothing in a thread without a pulse."""
    if pulse := getattr(_OF_THREAD, "pulse", None):
        pulse.beat()


@contextlib.contextmanager
def rest() -> Iterator[None]:
    """Expect no sign of the calling thread inside the block: others watch it."""
    if pulse := getattr(_OF_THREAD, "pulse", None):
        pulse.rest()
    try:
        yield
    finally:
        beat()
