"""Who holds a port of this machine."""

from __future__ import annotations

import errno
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from docker import DockerClient

    from stack.parts import Part

LISTENING = "0A"
COMMAND_LENGTH = 80


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def check_ports(client: DockerClient, parts: Iterable[Part]) -> None:
    """See that every port is free or published by its own part already.

    Raises StackError naming every other port with its holder, before anything is changed.
    """
    containers = _list_publishers(client)
    faults = [
        f"{part.name}: port {port} is in use by {describe_holder(port, containers)}"
        for part in parts
        for port in part.ports.values()
        if containers.get(port) != part.container and not is_free(port)
    ]
    if faults:
        raise StackError(
            "; ".join(faults),
            "stop what is there, or choose other ports (`python -m stack --help` lists them)",
        )


def _list_publishers(client: DockerClient) -> dict[int, str]:
    """Give the name of the running container behind each published port."""
    return {
        entry["PublicPort"]: container["Names"][0].lstrip("/")
        for container in client.api.containers()
        for entry in container["Ports"]
        if "PublicPort" in entry
    }


def describe_holder(port: int, containers: Mapping[int, str]) -> str:
    """Name who listens on a port: a container by its name, else a process by pid and command."""
    if port in containers:
        return f"container {containers[port]}"
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
                target = str(descriptor.readlink())
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
    words = content.replace(b"\0", b" ").decode(errors="replace").split()
    return " ".join(words)[:COMMAND_LENGTH] or "unnamed"
