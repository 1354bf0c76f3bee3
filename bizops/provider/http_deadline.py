"""Answers that have to be whole in time: a socket's own timeout starts anew with every byte that drips in."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from typing_extensions import Buffer


def bound(pool: Any) -> None:  # noqa: ANN401 - urllib3's pool, or a class of them
    """Make the read timeout of a pool, or of a class of pools, hold for head and body of an answer together."""
    pool.ConnectionCls = type("Bounded", (pool.ConnectionCls,), {"response_class": Response})


def bound_all(manager: Any) -> None:  # noqa: ANN401 - urllib3's PoolManager
    """Do so for every pool that a manager will make."""
    kinds = {}
    for scheme, kind in manager.pool_classes_by_scheme.items():
        kinds[scheme] = type("BoundedPool", (kind,), {})
        bound(kinds[scheme])
    manager.pool_classes_by_scheme = kinds


class Response(http.client.HTTPResponse):
    """An answer that has to be whole when the timeout of its socket has passed."""

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
