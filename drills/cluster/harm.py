"""Harm to one member of a cluster, and its end."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Harm(Enum):
    """What is done to a member; the value is how the table says it."""

    KILL = "killed"
    FREEZE = "frozen"
    CUT = "cut off"


class Members(Protocol):
    """Members of a cluster, by the names that the system itself gives them.

    The first one survives. The others are harmed, the last one first.
    """

    names: tuple[str, ...]

    def harm(self, name: str, harm: Harm) -> None:
        """Do it; the member does not answer any more when this returns."""

    def heal(self) -> None:
        """Let every member run and reach the others again, whatever was done to it."""


class Server(Protocol):
    """What is needed of a handle of the stack's, `stack.servers.Server`; each call raises StackError."""

    def state(self) -> str:
        """Give the engine's word, such as `running` or `exited`."""

    def start(self) -> None:
        """Start it."""

    def kill(self) -> None:
        """End it with SIGKILL."""

    def pause(self) -> None:
        """Freeze its processes."""

    def unpause(self) -> None:
        """Let them go on."""

    def disconnect(self) -> None:
        """Cut it from its only network, and so from everybody."""

    def connect(self) -> None:
        """Put it back."""

    def run(self, *command: str) -> str:
        """Run a command in it."""


class Containers:
    """Members that are servers of the stack, by name."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self.names = tuple(servers)
        self._servers = dict(servers)
        self._harmed: dict[str, Harm] = {}

    def harm(self, name: str, harm: Harm) -> None:
        """Do it with the engine's own means."""
        server = self._servers[name]
        self._harmed[name] = harm
        {Harm.KILL: server.kill, Harm.FREEZE: server.pause, Harm.CUT: server.disconnect}[harm]()

    def heal(self) -> None:
        """Undo all that was done."""
        for name in list(self._harmed):
            server, harm = self._servers[name], self._harmed.pop(name)
            {Harm.KILL: server.start, Harm.FREEZE: server.unpause, Harm.CUT: server.connect}[harm]()

    def start_again(self) -> None:
        """Start what ended by itself, as the service manager of a host does."""
        for name, server in self._servers.items():
            if name not in self._harmed and server.state() == "exited":
                server.start()

    def restart(self, name: str) -> None:
        """Kill a member and start it again."""
        self._servers[name].kill()
        self._servers[name].start()

    def run(self, name: str, *command: str) -> str:
        """Run a command in a member, and give what it prints."""
        return self._servers[name].run(*command)
