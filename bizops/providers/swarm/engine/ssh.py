"""ssh:// engines as the docker CLI reaches them: the ssh program runs `docker system dial-stdio` on the other side.

docker-py would need paramiko for this, and would not read ~/.ssh/config as ssh does.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST_WORDS = 2000
"""Bytes of ssh's complaint that are read."""
_SECONDS_TO_COMPLAIN = 0.5


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
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(_SECONDS_TO_COMPLAIN)
            if program.returncode and program.stderr and not program.stderr.closed:
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
