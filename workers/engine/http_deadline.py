"""How long a request may take, whatever the server does: also where it sends a byte now and then for ever.

The time-outs of httpx are for each read, so they begin anew with every byte. Here the network's stream asks for the
time that is left, in short slices, so that a run that is called off stops within one of them.
"""

from __future__ import annotations

import time
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

import httpcore2
import httpx2

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterable

    from workers.engine.interface import Deadline

SLICE = 0.25
WRITE_BYTES = 1 << 16


class Patience:
    """The time of one request after the other: at most `seconds` each, and never beyond the deadline."""

    def __init__(self, deadline: Deadline, seconds: float) -> None:
        self.seconds = seconds
        self._deadline = deadline
        self._end = 0.0

    def begin(self) -> float:
        """Begin a request, and give the seconds that it has."""
        self._end = time.monotonic() + self.seconds
        return self.seconds_left()

    def seconds_left(self) -> float:
        """Seconds until the running request has to end, never below 0."""
        return max(0.0, min(self._end - time.monotonic(), self._deadline.seconds_left))


class _Stream(httpcore2.NetworkStream):  # type: ignore[misc] # untyped where httpcore2 is not installed
    def __init__(self, stream: Any, seconds_left: Callable[[], float]) -> None:  # noqa: ANN401 - httpcore2 is untyped here
        self._stream = stream
        self._seconds_left = seconds_left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - ours is stricter
        while left := self._seconds_left():
            try:
                content: bytes = self._stream.read(max_bytes, min(SLICE, left))
            except httpcore2.ReadTimeout:
                continue
            return content
        raise httpcore2.ReadTimeout

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - ours is stricter
        for start in range(0, len(buffer), WRITE_BYTES):
            self._stream.write(buffer[start : start + WRITE_BYTES], _left(self._seconds_left))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - ours is stricter
    ) -> _Stream:
        left = _left(self._seconds_left)
        stream = self._stream.start_tls(ssl_context, server_hostname, left)
        return _Stream(stream, self._seconds_left)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - as httpcore2 has it
        return self._stream.get_extra_info(info)


class _Backend(httpcore2.SyncBackend):  # type: ignore[misc] # likewise
    def __init__(self, seconds_left: Callable[[], float]) -> None:
        self._seconds_left = seconds_left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - ours is stricter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> _Stream:
        left = _left(self._seconds_left)
        stream = super().connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream, self._seconds_left)


def _left(seconds_left: Callable[[], float]) -> float:
    """Give what is left as a time-out; 0 would mean a socket that never waits."""
    if left := seconds_left():
        return left
    raise httpcore2.ReadTimeout


def make_client(patience: Patience, url: str, context: ssl.SSLContext) -> httpx2.Client:
    """Give a client for requests to `url`, which goes through the proxy of HTTPS_PROXY and NO_PROXY where there is one.

    It follows no redirect and tries nothing twice.
    """
    transport = httpx2.HTTPTransport(verify=context, proxy=find_proxy(url))
    # httpx2 2.16 offers no other way to this option of httpcore2's; the tests see it when that changes.
    transport._pool._network_backend = _Backend(patience.seconds_left)  # noqa: SLF001
    return httpx2.Client(transport=transport, timeout=None)


def find_proxy(url: str) -> str | None:
    """Give the proxy that the environment names for a URL; a client with its own transport does not look itself."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    return proxies.get(parts.scheme) or proxies.get("all")
