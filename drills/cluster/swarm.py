"""Docker Swarm under drill: three nodes, each a manager."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import requests
from docker.errors import DockerException

from drills.cluster import promises
from drills.cluster.command import CommandLine
from drills.cluster.harm import Harm
from drills.cluster.promises import READERS, REMOVERS, Expected
from drills.cluster.state import DrillError, State, UnreadableError, wait
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from docker import DockerClient

    from stack.nodes.swarm import Swarm as Nodes

TASKS = {"drill-pinned": 1, "drill-spread": 3}
PREFIX = "drill-"
SECONDS = 15
MONITOR = 6
"""Seconds: longer than the engine's default of `update_config.monitor`, which the drill's services have."""
REPORTS = frozenset({"*", "DEGRADED"})
"""How a plan and a drift report tell a service that does not run as it should."""
NOTICED = 15
"""Seconds, three heartbeats of 5 s, until managers call a node down that froze, and place its tasks elsewhere."""
LATE = r"may still be written"
"""What bizops says of a write that a manager took and did not answer."""


class SwarmNodes:
    """The nodes of a swarm as members."""

    def __init__(self, nodes: Nodes) -> None:
        self._nodes = {node.name: node for node in nodes.nodes}
        self.names = tuple(self._nodes)

    def harm(self, name: str, harm: Harm) -> None:
        """Do it to everything that runs on the node."""
        node = self._nodes[name]
        {Harm.KILL: node.kill, Harm.FREEZE: node.freeze, Harm.CUT: node.cut}[harm]()

    def heal(self) -> None:
        """Start, wake and connect what has to be."""
        for node in self._nodes.values():
            if node.state != "running":
                node.heal()


class Swarm:
    """`image` is one that all nodes have, with a shell."""

    system = "swarm"

    def __init__(self, nodes: Nodes, image: str) -> None:
        self.members = SwarmNodes(nodes)
        self._first = nodes.node(1)
        self.line = CommandLine(
            self.system,
            {
                "DRILL_SWARM_HOST": self._first.url,
                "DRILL_IMAGE": image,
                "DRILL_NODE": self.members.names[-1],
            },
        )

    def versions(self) -> str:
        """Say which engine it is."""
        return f"Docker {self._client().version()['Version']}, a swarm of three managers"

    def reset(self) -> None:
        """Remove all services of the drills, and declare them anew."""
        for service in self._services():
            self._client().api.remove_service(service["ID"])  # type: ignore[no-untyped-call]
        said = self.line.run("apply")
        if said.code:
            raise DrillError(said.text)

    def prepare(self, harm: Harm) -> None:
        """Nothing has to be set."""

    def state(self, *, counts: bool = False) -> State:
        """Ask the first manager; tasks count where they run on a node that is ready."""
        services = self._services()
        if counts:
            wait(self._runs_all, "all tasks run")
        return State(
            objects=frozenset(f"swarm.service/{s['Spec']['Name']}" for s in services),
            settings={s["Spec"]["Name"]: json.dumps(s["Spec"], sort_keys=True) for s in services},
            contents={n: c for n, c in self._tasks().items() if n in TASKS} if counts else {},
        )

    def wait_for_loss(self, name: str, harm: Harm) -> None:
        """Wait until the managers call it down, or until no leader is left to say so."""
        is_first = name == self.members.names[-1]
        if harm is not Harm.FREEZE:
            wait(
                lambda: name in self._down() if is_first else not self._has_leader(),
                f"{name} is down",
            )

    def wait_until_whole(self) -> None:
        """Wait until all nodes are ready, managers that reach each other, and run all tasks that they should.

        A task that came up in the place of one that failed counts once it has run for the time of `monitor`. A node
        that comes back tells a moment later that its tasks have ended, so the same ones have to run for so long.
        """
        wait(self._is_whole, "all nodes are ready", 120)
        steady: set[str] = set()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            wait(self._runs_all, "all tasks run", 120)
            with contextlib.suppress(UnreadableError):
                before, steady = steady, {task["ID"] for task in self._running()}
                if before == steady:
                    return
            time.sleep(MONITOR)
        message = f"no tasks run for {MONITOR} s"
        raise DrillError(message)

    def expected(self, command: str, harm: Harm, gone: int) -> Expected:
        """As usual, but: what cannot be placed is a difference, and no service is lost by its removal."""
        usual = promises.usual(command, harm, gone)
        if gone > 1:
            return self._without_a_majority(usual, command, harm)
        if command in REMOVERS:
            return Expected(usual.codes | {0}, writes=True)
        if command in READERS:
            codes = frozenset({0} if command == "plan" else {2})
            if harm is Harm.FREEZE:
                codes |= {0, 3}
            return Expected(codes, names=usual.names, reports=REPORTS)
        return dataclasses.replace(usual, settling=NOTICED if harm is Harm.FREEZE else 0)

    @staticmethod
    def _without_a_majority(usual: Expected, command: str, harm: Harm) -> Expected:
        """A leader of managers that froze a moment ago still tells what there is, which is true, and takes writes.

        It gives up its lead some seconds later. What it took meanwhile is in its log, and is carried out or not when
        the others are back.
        """
        if harm is not Harm.FREEZE:
            return usual
        if command in READERS:
            return Expected(usual.codes | {0, 2}, reports=REPORTS)
        return dataclasses.replace(usual, late=LATE)

    def _client(self) -> DockerClient:
        try:
            client: DockerClient = self._first.client(timeout=SECONDS)
        except StackError as error:
            raise UnreadableError(str(error)) from error
        return client

    def _ask(self, path: str) -> list[dict[str, Any]]:
        try:
            api = self._client().api
            answer = api.get(f"{api.base_url}/v{api.api_version}/{path}")
            answer.raise_for_status()
            found: list[dict[str, Any]] = answer.json()
        except (DockerException, requests.RequestException, OSError) as error:
            raise UnreadableError(str(error)) from error
        return found

    def _services(self) -> list[dict[str, Any]]:
        return [s for s in self._ask("services") if s["Spec"]["Name"].startswith(PREFIX)]

    def _nodes(self) -> dict[str, dict[str, Any]]:
        return {node["ID"]: node for node in self._ask("nodes")}

    def _down(self) -> set[str]:
        return {
            node["Description"]["Hostname"]
            for node in self._nodes().values()
            if node["Status"]["State"] == "down"
        }

    def _has_leader(self) -> bool:
        try:
            return bool(self._nodes())
        except UnreadableError:
            return False

    def _is_whole(self) -> bool:
        try:
            nodes = self._nodes().values()
        except UnreadableError:
            return False
        return all(
            node["Status"]["State"] == "ready"
            and node.get("ManagerStatus", {}).get("Reachability") == "reachable"
            for node in nodes
        )

    def _runs_all(self) -> bool:
        try:
            tasks = self._tasks()
        except UnreadableError:
            return False
        return all(number == TASKS.get(name, 1) for name, number in tasks.items())

    def _running(self) -> list[dict[str, Any]]:
        """Give the tasks of the drills that run on a node that is ready."""
        services = {service["ID"] for service in self._services()}
        ready = {key for key, node in self._nodes().items() if node["Status"]["State"] == "ready"}
        return [
            task
            for task in self._ask("tasks")
            if task["ServiceID"] in services
            and task["DesiredState"] == task["Status"]["State"] == "running"
            and task.get("NodeID") in ready
        ]

    def _tasks(self) -> Mapping[str, int]:
        names = {service["ID"]: service["Spec"]["Name"] for service in self._services()}
        running = [task["ServiceID"] for task in self._running()]
        return {name: running.count(key) for key, name in names.items()}
