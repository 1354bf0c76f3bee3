"""A cluster of three nodes, `make stack WITH=rabbitmq-cluster`: all of it runs before and after each test."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.servers import Server

WAIT = 120
SETTLED = 40
NET_TICKTIME = 60
HTTP = 15672


@dataclass
class Nodes:
    """Handles on the three nodes, and a vhost that is asked of the first one."""

    servers: list[Server]
    broker: Any = None
    is_ticking: bool = False
    cut: list[Server] = field(default_factory=list)

    def port(self, number: int) -> int:
        return self.servers[number - 1].port(HTTP)

    def declare(self, node: int, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Declare a queue through a node, which is where a classic queue is placed."""
        path = f"/queues/{self.broker.vhost}/{name}"
        body = {"durable": True, "arguments": arguments or {}}
        answer = self._ask(node, "PUT", path, json=body)
        assert answer.ok, answer.text

    def publish(self, node: int, queue: str, number: int) -> None:
        body = {"routing_key": queue, "payload": "x", "payload_encoding": "string"}
        for _ in range(number):
            path = f"/exchanges/{self.broker.vhost}/amq.default/publish"
            persistent = {"properties": {"delivery_mode": 2}}
            answer = self._ask(node, "POST", path, json=body | persistent)
            assert answer.json() == {"routed": True}

    def name(self, number: int) -> str:
        """Give a node's name, as it calls itself."""
        found: str = self._ask(number, "GET", "/overview?columns=node").json()["node"]
        return found

    def queue(self, name: str) -> dict[str, Any]:
        listing = self.broker.listing("queues")
        return next(item for item in listing if item["name"] == name)

    def kill(self, *numbers: int) -> None:
        """Kill nodes, and wait until the first one has noticed."""
        for number in numbers:
            self.servers[number - 1].kill()
        self.until(lambda: self.running() == 3 - len(numbers))

    def tick(self, seconds: int) -> None:
        """Let the nodes notice within so many seconds who is cut off, or hangs; 60 if nobody sets it."""
        self.is_ticking = seconds != NET_TICKTIME
        for server in self.servers:
            server.run("rabbitmqctl", "-q", "eval", f"net_kernel:set_net_ticktime({seconds}, 0).")

    def cut_off(self, *numbers: int) -> None:
        """Cut nodes from the network, and wait until the first one has noticed."""
        for number in numbers:
            self.cut.append(self.servers[number - 1])
            self.cut[-1].disconnect()
        self.until(lambda: self.running() == 3 - len(numbers))

    def revive(self) -> None:
        """Start whatever does not run, and wait until all three are one cluster and their queues run."""
        while self.cut:  # it stays apart until it is restarted
            server = self.cut.pop()
            server.connect()
            server.kill()
        self._start()
        if not self._holds(
            self._is_whole, SETTLED
        ):  # nodes that were given up stay apart until a restart
            for server in self.servers[1:]:
                server.kill()
        self.until(self._is_whole)
        if self.is_ticking:
            self.tick(NET_TICKTIME)

    def _start(self) -> None:
        for server in self.servers:
            if server.state() == "paused":
                server.unpause()
            elif server.state() != "running":
                server.start()

    def _is_whole(self) -> bool:
        self._start()  # of two that join a cluster at once one may give up (4.0.5)
        return self.running() == 3 and not self._is_apart() and not self._lost()

    def until(self, holds: Callable[[], bool]) -> None:
        assert self._holds(holds, WAIT), "the cluster does not come to be as it should"

    def _holds(self, holds: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                if holds():
                    return True
            time.sleep(0.5)
        return False

    def _is_apart(self) -> bool:
        nodes = self._ask(1, "GET", "/nodes?disable_stats=true&columns=name,partitions").json()
        return any(node.get("partitions") for node in nodes)

    def running(self) -> int:
        nodes = self._ask(1, "GET", "/nodes?disable_stats=true&columns=running").json()
        return sum(bool(node["running"]) for node in nodes)

    def _lost(self) -> list[str]:
        listing = self._ask(1, "GET", "/queues?disable_stats=true&columns=name,state").json()
        return [item["name"] for item in listing if item.get("state") in {"down", "minority"}]

    def _ask(self, number: int, method: str, path: str, **body: Any) -> requests.Response:
        url = f"http://127.0.0.1:{self.port(number)}/api{path}"
        return requests.request(method, url, auth=("guest", "guest"), timeout=30, **body)


@pytest.fixture
def nodes(servers: dict[str, Server], open_broker: Any) -> Iterator[Nodes]:
    """Give the cluster, whole, and see that it is whole again afterwards."""
    handles = [servers[f"rabbitmq-{number}"] for number in (1, 2, 3)]
    try:
        requests.get(f"http://127.0.0.1:{handles[0].port(HTTP)}", timeout=30)
    except requests.RequestException:
        pytest.skip("make stack WITH=rabbitmq-cluster")
    found = Nodes(handles)
    found.revive()
    with open_broker(handles[0]) as found.broker:
        try:
            yield found
        finally:
            found.revive()
