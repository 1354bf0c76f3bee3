"""A transport for docker-py's client over any socket that can be dialled: a local one, or an ssh program's.

docker-py's own transport for local sockets leaves the socket open where the engine refuses the connection.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

from bizops.provider import http_deadline

Dial = Callable[[int], socket.socket]
"""Gives a connected socket with a timeout in seconds; raises OSError."""


def local(path: str) -> Dial:
    """Give a dial for the socket at a path."""

    def dial(seconds: int) -> socket.socket:
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(seconds)
            made.connect(path)
        except OSError:
            made.close()
            raise
        return made

    return dial


class _Connection(UnixHTTPConnection):
    response_class = http_deadline.Response

    def __init__(self, dial: Dial, seconds: int) -> None:
        super().__init__("localhost", "", seconds)
        self._dial = dial
        self._seconds = seconds

    def connect(self) -> None:
        self.sock = self._dial(self._seconds)


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, dial: Dial, seconds: int, maxsize: int) -> None:
        super().__init__("localhost", "", seconds, maxsize=maxsize)
        self._dial = dial
        self._seconds = seconds

    def _new_conn(self) -> Any:  # noqa: ANN401 - the library's types are too narrow
        return _Connection(self._dial, self._seconds)


class Adapter(UnixHTTPAdapter):
    """Mounted on docker-py's client. `seconds` bounds one request, `connections` how many stay open."""

    def __init__(self, dial: Dial, seconds: int, connections: int) -> None:
        super().__init__("http+unix:///dialled", seconds, 1, connections)
        self._dial = dial
        self._seconds = seconds

    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:  # noqa: ANN401 - the library's signature
        """Give the pool, made on first use: all requests go to one engine."""
        del url, proxies
        with self.pools.lock:
            pool = self.pools.get("engine")
            if pool is None:
                pool = self.pools["engine"] = _Pool(self._dial, self._seconds, self.max_pool_size)
        return pool
