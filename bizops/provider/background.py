"""Work that somebody may stop waiting for: it goes on in a thread of its own, which does not keep the process."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

_Result = TypeVar("_Result")


def started(work: Callable[[], _Result]) -> Future[_Result]:
    """Start work; `result(timeout)` of what this gives waits for it, and raises what it raised or TimeoutError."""
    done: Future[_Result] = Future()

    def carry_out() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            done.set_exception(error)

    threading.Thread(target=carry_out, daemon=True).start()
    return done
