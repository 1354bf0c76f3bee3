"""Answers that have to be whole in time: a socket's own timeout starts anew with every byte that drips in."""

from __future__ import annotations

import http.client
import io
import queue
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    import urllib3
    from typing_extensions import Buffer


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


def bound(pool: urllib3.HTTPConnectionPool) -> None:
    """Make the read timeout of a pool hold for head and body of an answer together."""
    bounded = type("Bounded", (pool.ConnectionCls,), {"response_class": _Response})
    pool.ConnectionCls = bounded


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **settings: Any) -> None:  # noqa: ANN401 - the base's own
        super().__init__(sock, *args, **settings)
        self.fp = io.BufferedReader(_Until(self.fp, sock))


class _Until(io.RawIOBase):
    """Reads what a socket gives until its timeout has passed since this was made; raises TimeoutError then."""

    def __init__(self, source: io.BufferedReader, sock: socket.socket) -> None:
        self._source = source
        self._sock = sock
        patience = sock.gettimeout()
        self._deadline = None if patience is None else time.monotonic() + patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._sock.settimeout(left)
        return self._source.readinto1(buffer)

    def close(self) -> None:
        self._source.close()
        super().close()
