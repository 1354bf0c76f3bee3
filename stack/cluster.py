"""The RabbitMQ cluster of the stack: its nodes are joined, whatever state they are found in."""

from __future__ import annotations

import http.client
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from stack.errors import StackError
from stack.health import ask, read_nodes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from stack.health import Node
    from stack.report import Step
    from stack.servers import Server

    View = Mapping[str, Node]

# A node of 3.10 waits five minutes for the others before it gives up; here all are started at once.
FORM_SECONDS = 240.0
POLL_SECONDS = 0.5
CONSOLE_SECONDS = 5.0
# Erlang runs, but the broker in it neither serves nor is about to.
QUESTION = "{rabbit:is_running(), rabbit:is_booting(node())}."
STOPPED = "{false,false}"


class Cluster:
    """The nodes of one cluster; ``renew`` makes a node's container anew without its data."""

    def __init__(
        self, servers: Sequence[Server], step: Step, renew: Callable[[Server], None]
    ) -> None:
        """Take the nodes' handles, the first being the one that others join when all are new."""
        self._servers = {node_name(server): server for server in servers}
        self._step = step
        self._renew = renew
        self._console_asked = time.monotonic()
        self._stray = ""

    def form(self) -> None:
        """See that all nodes are running members of one cluster; raises StackError after some minutes.

        The data of the side with the most nodes stays: the server itself drops what a joining node holds.
        """
        deadline = time.monotonic() + FORM_SECONDS
        while not all(ask(server.part).is_healthy for server in self._servers.values()):
            if time.monotonic() > deadline:
                faults = "; ".join(
                    f"{server.part.name}: {ask(server.part).detail}"
                    for server in self._servers.values()
                )
                message = f"the cluster is not formed after {FORM_SECONDS:.0f} s: {faults}"
                raise StackError(message, "python -m stack status")
            self._mend()
            time.sleep(POLL_SECONDS)

    def _mend(self) -> None:
        views = {name: view for name in self._servers if (view := self._view(name))}
        silent = [name for name in self._servers if name not in views]
        members = choose_members(views)
        stray, before = choose_stray(views, members), self._stray
        self._stray = stray
        if stray:
            # Only what two readings in a row say: joining drops what a node holds.
            if stray == before:
                self._join(stray, views, members)
        elif apart := choose_apart(views):
            self._step.note(f"restarting {apart}, which lost sight of others")
            # The container and not the broker in it: put back on a network by hand, it has another address than
            # its own name leads to, and `rabbitmqctl` does not reach it.
            self._servers[apart].stop()
            self._servers[apart].start()
        elif silent:
            self._bring_up(silent, members)

    def _view(self, name: str) -> View | None:
        try:
            return read_nodes(self._servers[name].part)
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return None

    def _join(self, stray: str, views: Mapping[str, View], members: set[str]) -> None:
        first = next(name for name in views if name in members and name != stray)
        self._step.note(f"joining {stray} to {first}")
        self._command(stray, "stop_app")
        if stray in members:
            # It lost its data: the others still know its name, and take it only as a new one.
            self._command(first, "forget_cluster_node", stray)
        self._command(stray, "join_cluster", first)
        self._command(stray, "start_app")

    def _bring_up(self, silent: list[str], members: set[str]) -> None:
        for name in silent:
            server = self._servers[name]
            if server.state() == "running":
                continue
            if len(members) > 1 and name not in members:
                # The others dropped it, and with what it still holds it cannot start.
                self._step.note(f"dropping the data of {name}, which is no member any more")
                self._renew(server)
            else:
                self._step.note(f"starting {name}")
                server.start()
        if time.monotonic() > self._console_asked + CONSOLE_SECONDS:
            # All at once: the first of a stopped cluster waits for the others.
            with ThreadPoolExecutor(len(silent)) as pool:
                list(pool.map(self._start_stopped, silent))
            self._console_asked = time.monotonic()

    def _start_stopped(self, name: str) -> None:
        try:
            if self._command(name, "eval", QUESTION) != STOPPED:
                return
        except StackError:  # Erlang does not answer yet
            return
        self._step.note(f"starting the broker of {name}")
        self._command(name, "start_app")

    def _command(self, name: str, *words: str) -> str:
        return self._servers[name].run("rabbitmqctl", "-q", *words).strip()


def node_name(server: Server) -> str:
    """Give the name by which the nodes know each other."""
    return f"rabbit@{server.name}"


def choose_members(views: Mapping[str, View]) -> set[str]:
    """Give the members of the cluster that stays: that of the most nodes, or else of the first one.

    ``views`` has the members that each serving node sees.
    """
    votes = Counter(frozenset(view) for name, view in views.items() if name in view)
    if not votes:
        return set()
    return set(max(votes.items(), key=lambda entry: (entry[1], len(entry[0])))[0])


def choose_stray(views: Mapping[str, View], members: set[str]) -> str:
    """Give the first node that serves and has nobody in common with the cluster that stays; "" without one."""
    return next(
        (
            name
            for name, view in views.items()
            if name in view and not (set(view) & members - {name}) and members != {name}
        ),
        "",
    )


def choose_apart(views: Mapping[str, View]) -> str:
    """Give the node that lost sight of the most others, the last of several; "" where none did."""
    lost = {name: len(view[name].partitions) for name, view in views.items() if name in view}
    return max(reversed(lost), key=lambda name: lost[name]) if any(lost.values()) else ""
