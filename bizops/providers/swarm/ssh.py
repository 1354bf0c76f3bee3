"""ssh:// engines as the docker CLI reaches them: the ssh program runs `docker system dial-stdio` on the other side.

docker-py would need paramiko for this, and would not read ~/.ssh/config as ssh does.
"""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from docker.transport import UnixHTTPAdapter
from docker.transport.unixconn import UnixHTTPConnection, UnixHTTPConnectionPool

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST_WORDS = 2000
"""Bytes of ssh's complaint that are read."""


def command(url: str, seconds: float) -> list[str]:
    """Give the program for an address such as `ssh://ops@manager:2222`; a path in it is the socket over there."""
    parts = urlsplit(url)
    words = ["ssh", "-T", "-o", f"ConnectTimeout={max(1, int(seconds))}", "-o", "BatchMode=yes"]
    if parts.username:
        words += ["-l", parts.username]
    if parts.port:
        words += ["-p", str(parts.port)]
    there = ["--host", f"unix://{parts.path}"] if parts.path.strip("/") else []
    return [*words, "--", parts.hostname or "", "docker", *there, "system", "dial-stdio"]


class Programs:
    """The ssh programs of one client: one for each connection."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._started: list[subprocess.Popen[bytes]] = []

    def dial(self, seconds: int) -> socket.socket:
        """Start one and give our end of its standard input and output."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._started.append(
                subprocess.Popen(
                    self._words,
                    stdin=theirs.fileno(),
                    stdout=theirs.fileno(),
                    stderr=subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C is for us to deal with
                )
            )
        ours.settimeout(seconds)
        return ours

    def complaint(self) -> str:
        """Give what a program that ended had to say, or ""."""
        for program in self._started:
            if program.poll() and program.stderr and not program.stderr.closed:
                said = program.stderr.read(_LAST_WORDS).decode(errors="replace").strip()
                program.stderr.close()
                if said:
                    return said.splitlines()[-1]
        return ""

    def stop(self) -> None:
        """End them all."""
        for program in self._started:
            if program.poll() is None:
                program.terminate()
            program.wait()
            if program.stderr:
                program.stderr.close()
        self._started.clear()


class _Connection(UnixHTTPConnection):
    def __init__(self, programs: Programs, timeout: int) -> None:
        super().__init__("localhost", "", timeout)
        self._programs = programs
        self._seconds = timeout

    def connect(self) -> None:
        self.sock = self._programs.dial(self._seconds)


class _Pool(UnixHTTPConnectionPool):
    def __init__(self, programs: Programs, timeout: int, maxsize: int) -> None:
        super().__init__("localhost", "", timeout, maxsize=maxsize)
        self._programs = programs
        self._seconds = timeout

    def _new_conn(self) -> Any:  # noqa: ANN401 - the library's types are too narrow
        return _Connection(self._programs, self._seconds)


class Adapter(UnixHTTPAdapter):
    """A transport for docker-py's client that dials with ssh."""

    def __init__(self, programs: Programs, timeout: int, connections: int) -> None:
        super().__init__("http+unix:///ssh", timeout, 1, connections)
        self._programs = programs
        self._seconds = timeout

    def get_connection(self, url: Any, proxies: Any = None) -> _Pool:  # noqa: ANN401 - the library's signature
        """Give the pool, made on first use."""
        del proxies
        with self.pools.lock:
            pool = self.pools.get(url)
            if pool is None:
                pool = self.pools[url] = _Pool(self._programs, self._seconds, self.max_pool_size)
        return pool
