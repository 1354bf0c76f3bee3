"""A swarm of nodes on this machine: started, loaded with images, and removed without a trace."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from docker.errors import DockerException

from stack.engine import connect
from stack.errors import StackError
from stack.nodes import network
from stack.nodes.node import Node
from stack.nodes.trees import check_machine, ensure_tree
from stack.state import State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docker import DockerClient
    from docker.models.nodes import Node as Member

NAME = re.compile(r"[a-z][a-z0-9-]{0,20}")
RECORD = "swarm.json"
MANAGER_SECONDS = 5


@dataclass(frozen=True)
class Shape:
    """What a swarm was started as; ``subnet`` is the third number of its addresses."""

    engine: str
    count: int
    managers: int
    subnet: int


class Swarm:
    """The swarm ``name``: nodes 1 to ``count``, of which the first ``managers`` manage it."""

    def __init__(self, name: str, state: State) -> None:
        """Keep everything under ``state``; nothing is started."""
        self.name = name
        self._state = state
        self._folder = state.root / "swarms" / name

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes, whatever state they are in; none before the start."""
        shape = self._shape
        if shape is None:
            return ()
        tree = self._state.cache / f"engine-{shape.engine}"
        return tuple(
            Node(f"{self.name}-{n}", n, shape.subnet, self._folder / str(n), tree)
            for n in range(1, shape.count + 1)
        )

    def node(self, number: int) -> Node:
        """Give one node by its number, 1 for the first; raises StackError where there is none."""
        for node in self.nodes:
            if node.number == number:
                return node
        message = f"nodes: the swarm {self.name} has no node {number}"
        raise StackError(message, f"python -m stack nodes --name {self.name} status")

    def start(self, engine: str, count: int = 3, managers: int = 1) -> None:
        """Start what does not run, and form the swarm; does nothing where all of it is so.

        ``engine`` is a key of ``trees.SUITES``. Frozen and cut nodes stay as they are. Raises
        StackError, also where a swarm of another shape runs under this name.
        """
        check_machine()
        if not 1 <= managers <= count < network.HOST:
            message = f"nodes: {managers} managers of {count} nodes are no swarm"
            raise StackError(message, "give at least one manager, and no more than there are nodes")
        with self._lock():
            ensure_tree(engine, self._state)
            shape = self._shape or Shape(engine, count, managers, self._choose_subnet())
            if (shape.engine, shape.count, shape.managers) != (engine, count, managers):
                message = f"nodes: {self.name} has {shape.count} nodes of engine {shape.engine}"
                raise StackError(message, f"python -m stack nodes --name {self.name} stop")
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / RECORD).write_text(json.dumps(asdict(shape)), encoding="utf-8")
            network.add_bridge(shape.subnet)
            for node in self.nodes:
                node.start()
        for node in self.nodes:
            node.wait()
        self._form(managers)

    def stop(self) -> None:
        """Remove everything: processes, interfaces, rules, control groups, data.

        Works from every half state, and does nothing where nothing is left. Raises StackError.
        """
        with self._lock():
            shape = self._shape
            if shape is None:
                return
            for node in self.nodes:
                node.remove()
            network.remove_bridge(shape.subnet)
            # The record goes last: what was interrupted is found again.
            for node in self.nodes:
                shutil.rmtree(node.folder, ignore_errors=True)
            shutil.rmtree(self._folder)

    def manager(self) -> DockerClient:
        """Connect to a manager that answers and has a quorum; raises StackError without one."""
        for node in self.nodes:
            with suppress(StackError, DockerException):
                client = node.client(timeout=MANAGER_SECONDS)
                client.nodes.list()  # only a manager with a quorum answers this
                return client
        message = f"nodes: no manager of {self.name} answers"
        raise StackError(message, "heal the nodes that are down")

    def promote(self, number: int) -> None:
        """Make a node a manager. Raises StackError where no manager answers."""
        self._set_role(number, "manager")

    def demote(self, number: int) -> None:
        """Make a node a worker. Raises StackError where no manager answers."""
        self._set_role(number, "worker")

    def load(self, *images: str) -> None:
        """Copy images, by name, from this machine's engine into every node that runs.

        Raises StackError where the engine here has no such image.
        """
        local = connect()
        for reference in images:
            try:
                image = local.images.get(reference)
            except DockerException as error:
                message = f"nodes: there is no image {reference} in this machine's engine"
                raise StackError(message, "build or pull it first") from error
            for node in self.nodes:
                if node.state == "running":
                    chunks = image.save(named=reference)  # a stream, as the client takes it
                    node.client(timeout=120).images.load(chunks)  # type: ignore[arg-type]

    def _form(self, managers: int) -> None:
        first = self.node(1)
        client = first.client()
        if client.info()["Swarm"]["LocalNodeState"] == "inactive":
            client.swarm.init(advertise_addr=first.address, listen_addr=f"{first.address}:2377")
        tokens = self.manager().swarm.attrs["JoinTokens"]
        for node in self.nodes[1:]:
            joining = node.client()
            if joining.info()["Swarm"]["LocalNodeState"] == "inactive":
                role = "Manager" if node.number <= managers else "Worker"
                joining.swarm.join([first.address], tokens[role], advertise_addr=node.address)

    def _set_role(self, number: int, role: str) -> None:
        member = self._find_member(self.node(number).name)
        member.update({**member.attrs["Spec"], "Role": role})

    def _find_member(self, hostname: str) -> Member:
        for member in self.manager().nodes.list():
            if member.attrs["Description"]["Hostname"] == hostname:
                return member
        message = f"nodes: {hostname} is no member of the swarm"
        raise StackError(
            message, f"python -m stack nodes --name {self.name} stop; then start again"
        )

    @property
    def _shape(self) -> Shape | None:
        return _read_shape(self._folder / RECORD)

    def _choose_subnet(self) -> int:
        records = (self._state.root / "swarms").glob(f"*/{RECORD}")
        taken = {shape.subnet for shape in map(_read_shape, records) if shape is not None}
        free = (
            subnet
            for subnet in network.SUBNETS
            if subnet not in taken and not network.exists(network.bridge_name(subnet))
        )
        return next(free)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with (self._state.root / "lock").open("a", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def open_swarm(name: str, state: State) -> Swarm:
    """Give the swarm of that name, started or not; raises StackError for a name that is none."""
    if not NAME.fullmatch(name):
        message = f"nodes: {name!r} is no name for a swarm"
        raise StackError(message, "lower-case letters, digits and '-', 21 characters at most")
    return Swarm(name, State(state.root / "nodes"))


def _read_shape(record: Path) -> Shape | None:
    try:
        return Shape(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
