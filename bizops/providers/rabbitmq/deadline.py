"""A call that has to end in time, whatever it waits for."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


_Result = TypeVar("_Result")


def within(seconds: float, work: Callable[[], _Result]) -> _Result:
    """Give what the work gives, or raise what it raises; raises TimeoutError where it takes longer.

    It then goes on in a thread of its own, which does not keep the process.
    """
    done: queue.Queue[tuple[_Result | None, BaseException | None]] = queue.Queue()

    def carry_out() -> None:
        try:
            done.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - raised again by who waits
            done.put((None, error))

    threading.Thread(target=carry_out, daemon=True).start()
    try:
        result, error = done.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value] # without an error it is what the work gave
