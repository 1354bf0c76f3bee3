"""Who holds a port of this machine."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from docker import DockerClient

LISTENING = "0A"


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def describe_holder(client: DockerClient, port: int) -> str:
    """Name who listens on a port: a container by its name, else a process by pid and command."""
    for container in client.containers.list(ignore_removed=True):
        for bindings in container.ports.values():
            if any(binding["HostPort"] == str(port) for binding in bindings or ()):
                return f"container {container.name}"
    pid = find_listener(port)
    if pid is None:
        return "a process of another user (as root, `ss -ltnp` names it)"
    return f"pid {pid} ({_read_command(pid)})"


def find_listener(port: int, proc: Path = Path("/proc")) -> int | None:
    """Give the pid that listens on a TCP port; None when it cannot be seen from here."""
    sockets = _listening_sockets(port, proc)
    for folder in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        try:
            descriptors = list((folder / "fd").iterdir())
        except OSError:
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(descriptor)
            except OSError:
                continue
            if target in sockets:
                return int(folder.name)
    return None


def _listening_sockets(port: int, proc: Path) -> set[str]:
    """Read the socket inodes listening on ``port`` from ``/proc/net/tcp`` and ``tcp6``."""
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            local, condition, inode = columns[1], columns[3], columns[9]
            if condition == LISTENING and int(local.rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{inode}]")
    return inodes


def _read_command(pid: int) -> str:
    try:
        content = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return "already gone"
    return content.replace(b"\0", b" ").decode(errors="replace").strip()[:80] or "unnamed"
