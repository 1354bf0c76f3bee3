"""The nodes of a swarm: which are ready, which are not, and what the managers can still decide; pure.

`raw` nodes are what `GET /nodes` gives (only managers answer it). A node's `Status.State` is `ready` while the
managers hear of it, `down` once they have not for some seconds, `unknown` after an election until it has reported to
the new leader, `disconnected` while it re-registers (swarmkit `manager/dispatcher`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Cluster
from bizops.quantity import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Raw = dict[str, Any]
READY = "ready"
DOWN = "down"
UNKNOWN = "unknown"
_AVAILABILITIES = {"drain": "drained", "pause": "paused"}
_STATES = {UNKNOWN: "not heard of yet"}


@dataclass(frozen=True, slots=True)
class Node:
    """One node. `name` is its host name, with its id where another node has the same one.

    `state` is the managers' word, `availability` the operator's. `reachability` is "" for a worker. `memory` in
    bytes and `nano_cpus` in billionths are what its engine has for tasks.
    """

    identity: str
    name: str
    hostname: str
    state: str
    availability: str
    role: str
    reachability: str
    address: str
    os: str
    architecture: str
    labels: Mapping[str, str]
    engine_labels: Mapping[str, str]
    memory: Size
    nano_cpus: int

    @property
    def is_ready(self) -> bool:
        """True where the managers hear of it: what they say of its tasks is so."""
        return self.state == READY

    @property
    def takes_tasks(self) -> bool:
        """True where the scheduler may place new tasks on it."""
        return self.is_ready and self.availability == "active"

    @property
    def trouble(self) -> str:
        """Say why no new task is placed on it: `sw2 is down`, `sw2 is drained`; "" where it takes them."""
        if not self.is_ready:
            return f"{self.name} is {_STATES.get(self.state, self.state)}"
        if not self.takes_tasks:
            return f"{self.name} is {_AVAILABILITIES.get(self.availability, self.availability)}"
        return ""


class Nodes(tuple[Node, ...]):
    """All nodes of a swarm, by name."""

    __slots__ = ()

    def down(self) -> frozenset[str]:
        """Give the ids of the nodes that are down: what their tasks last said is not so any more."""
        return frozenset(node.identity for node in self if node.state == DOWN)

    def cluster(self) -> Cluster:
        """Give the state of the swarm as one line. What an operator drained or paused is told, and no trouble."""
        ready = [node for node in self if node.is_ready]
        managers = [node for node in self if node.reachability]
        heard = [node for node in managers if node.reachability == "reachable"]
        idle = [node.trouble for node in ready if node.trouble]
        parts = [
            _counted(len(ready), len(self), "node", "ready", [n.trouble for n in self if not n.is_ready]),
            *([_listed(idle)] if idle else ()),
            _managers(managers, heard),
        ]  # fmt: skip
        is_degraded = len(ready) < len(self) or len(heard) < len(managers)
        separator = "; " if is_degraded or idle else ", "
        return Cluster(separator.join(parts), is_degraded)


def minority(listed: Iterable[Raw]) -> str:
    """Say that the manager that gave this list reaches too few others, or "".

    It takes itself for the leader some 10 to 15 s longer (28.5.2). It decides nothing any more, and others may.
    """
    managers = [node for node in parsed(listed) if node.reachability]
    heard = [node for node in managers if node.reachability == "reachable"]
    if not managers or 2 * len(heard) > len(managers):
        return ""
    return f"no majority: nothing can be written, and what is known may be old: {_managers(managers, heard)}"


def _managers(managers: Sequence[Node], heard: Sequence[Node]) -> str:
    """Say how many managers there are and, where one is missing, whether the swarm can spare another."""
    missing = [f"{node.name} is not" for node in managers if node not in heard]
    if not missing:
        return _plural(len(managers), "manager")
    text = _counted(len(heard), len(managers), "manager", "reachable", missing)
    is_last = len(heard) == len(managers) // 2 + 1
    return f"{text}; one more lost stops all changes" if is_last else text


def _counted(some: int, total: int, what: str, how: str, missing: Sequence[str]) -> str:
    if some == total:
        return f"{_plural(total, what)} {how}"
    return f"{some} of {_plural(total, what)} {how}: {_listed(missing)}"


def _plural(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _listed(texts: Sequence[str]) -> str:
    *most, last = texts
    return f"{', '.join(most)} and {last}" if most else last


def parsed(listed: Iterable[Raw]) -> Nodes:
    """Read what `GET /nodes` gave."""
    raws = list(listed)
    counted = Counter(_hostname(raw) for raw in raws)
    found = [_node(raw, is_alone=counted[_hostname(raw)] == 1) for raw in raws]
    return Nodes(sorted(found, key=lambda node: (node.hostname, node.identity)))


def _hostname(raw: Raw) -> str:
    return str((raw.get("Description") or {}).get("Hostname") or raw["ID"])


def _node(raw: Raw, *, is_alone: bool) -> Node:
    spec, status = raw.get("Spec") or {}, raw.get("Status") or {}
    description = raw.get("Description") or {}
    platform = description.get("Platform") or {}
    resources = description.get("Resources") or {}
    hostname = _hostname(raw)
    return Node(
        identity=raw["ID"],
        name=hostname if is_alone else f"{hostname} ({raw['ID'][:12]})",
        hostname=hostname,
        state=status.get("State", ""),
        availability=spec.get("Availability", "active"),
        role=spec.get("Role", ""),
        reachability=(raw.get("ManagerStatus") or {}).get("Reachability", ""),
        address=status.get("Addr", ""),
        os=platform.get("OS", ""),
        architecture=platform.get("Architecture", ""),
        labels=spec.get("Labels") or {},
        engine_labels=(description.get("Engine") or {}).get("Labels") or {},
        memory=Size(resources.get("MemoryBytes", 0)),
        nano_cpus=resources.get("NanoCPUs", 0),
    )
