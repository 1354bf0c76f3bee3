"""SIGINT at a command as a flag that every wait looks at.

The exception that Python raises for it is lost where it comes amid a callback of a library or a destructor. Here it is
raised as well, so that whatever a command is at ends at once; where that is lost, the next look finds the flag.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

GLANCE = 0.1
_heard: list[int] = []
_state = {"raises": False}


def listen() -> None:
    """Note SIGINT from now on; for the main thread of a command."""
    _heard.clear()
    sys.unraisablehook = _tell_others
    signal.signal(signal.SIGINT, _hear)


@contextlib.contextmanager
def raised() -> Iterator[None]:
    """Raise KeyboardInterrupt inside the block for what was noted, and for what comes."""
    _state["raises"] = True
    try:
        check()
        yield
    finally:
        _state["raises"] = False


def is_heard() -> bool:
    """True where there was a SIGINT."""
    return bool(_heard)


def check() -> None:
    """Raise KeyboardInterrupt where there was a SIGINT, also one whose exception was lost."""
    if is_heard():
        raise KeyboardInterrupt


def pause(seconds: float) -> None:
    """Wait; raises KeyboardInterrupt as soon as there is a SIGINT."""
    deadline = time.monotonic() + seconds
    check()
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, GLANCE))
        check()


def _tell_others(unraisable: Any) -> None:  # noqa: ANN401 - sys.UnraisableHookArgs is for type checkers alone
    """Print what is raised where nobody can catch it, as Python does; an interrupt is noted, and is no defect."""
    if not issubclass(unraisable.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _hear(number: int, _frame: FrameType | None) -> None:
    _heard.append(number)
    if _state["raises"]:
        raise KeyboardInterrupt
