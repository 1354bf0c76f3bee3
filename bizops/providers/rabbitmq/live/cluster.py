"""Which nodes of a cluster run, and which queues lie on those that do not; pure.

The broker tells both to a user with the tag `management`, from its replicated metadata: the listing of queues without
statistics and totals has every queue with its node, or its members and those of them that are online (3.10.8, 4.0.5 and
4.3.6). The list of all nodes takes the tag `monitoring`, and is there for words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_OUT_OF_REACH = frozenset({"down", "minority"})
_NO_MAJORITY = "no majority: nothing can be written, and this is what one part knows"
_UNSEEN = "whether most of its nodes run is not readable without the tag monitoring"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a queue lies: the node of a classic queue, the members of a quorum queue or a stream.

    `down` are those whose node does not run, `unknown` those whose node does and that the queue does not count as its
    own: they have yet to come back. `is_away` is True where what the queue holds is out of reach.
    """

    members: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    is_away: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def is_replicated(self) -> bool:
        """True where the queue has more than one member, so that its state tells of a majority."""
        return len(self.members) > 1

    @property
    def away(self) -> str:
        """Give where it is out of reach: `on rabbit@rc3, which is down`; empty where it is in reach."""
        if not self.is_away:
            return ""
        where = f"on {_joined(self.members) or 'a node'}"
        if not self.is_replicated:
            return f"{where}, {'which is down' if self.down else 'where it is not known to run'}"
        left = [name for name in self.members if name not in {*self.down, *self.unknown}]
        if len(left) == len(self.members):
            return f"{where}, too few of which answer"
        return f"{where}, of which {_only(left, is_sure=not self.unknown)}"

    @property
    def lacking(self) -> str:
        """Say which members are missing: `its member on rabbit@rc3 is down`; empty where none is."""
        said = ((self.down, "is down"), (self.unknown, "is not known to run"))
        return ", and ".join(
            f"its member on {' and on '.join(names)} {how}" for names, how in said if names
        )


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes that we know of, and those that run; `is_whole` where the broker listed all that belong to it."""

    known: frozenset[str] = frozenset()
    running: frozenset[str] = frozenset()
    is_whole: bool = False

    @property
    def down(self) -> tuple[str, ...]:
        """The nodes that do not run, sorted."""
        return tuple(sorted(self.known - self.running))


def place(item: Mapping[str, Any], nodes: Nodes | None = None) -> Place:
    """Read where a queue of a listing lies.

    What it says of its members may be older than the list of nodes: a stream was seen to call three online of which
    two were dead, and one not online that had come back a minute before (4.3.6). So that list decides who is down.
    """
    state, members = item.get("state"), tuple(sorted(item.get("members") or ()))
    silent = tuple(name for name in members if name not in (item.get("online") or ()))
    if not members:
        members = (item["node"],) if item.get("node") else ()
        silent = members if state == "down" else ()
    down = silent
    if nodes is not None and nodes.is_whole:
        down = tuple(name for name in members if name not in nodes.running)
    unknown = tuple(name for name in silent if name not in down)
    lacks_majority = bool(members) and 2 * len({*down, *unknown}) >= len(members)
    return Place(members, down, state in _OUT_OF_REACH or lacks_majority, unknown)


def listed(listing: Iterable[Mapping[str, Any]]) -> Nodes:
    """Read the list of nodes that `/nodes` gives."""
    items = list(listing)
    running = frozenset(item["name"] for item in items if item.get("running"))
    return Nodes(frozenset(item["name"] for item in items), running, is_whole=True)


def of_places(places: Iterable[Place]) -> Nodes:
    """Give the nodes that queues lie on: not all of the cluster, and all that a user without `monitoring` sees."""
    known: set[str] = set()
    down: set[str] = set()
    for each in places:
        known |= {*each.members}
        down |= {*each.down}
    return Nodes(frozenset(known), frozenset(known - down))


def minority(nodes: Nodes, places: Iterable[Place]) -> str:
    """Say that too few nodes run for the metadata to be trusted, or "".

    The part of a cluster that is cut off shows what it knew last, so a name that it does not show may exist. A quorum
    queue or stream says that most of its members are away; it may be one that lies elsewhere than the rest.
    """
    is_told = any(each.is_away and each.is_replicated for each in places)
    return _too_few(nodes) if is_told else ""


def without_majority(nodes: Nodes, places: Iterable[Place]) -> str:
    """Say that most nodes do not run, by the list of all nodes or by the queues, or ""."""
    return _too_few(nodes) if nodes.is_whole else minority(nodes, places)


def _too_few(nodes: Nodes) -> str:
    if 2 * len(nodes.running) > len(nodes.known):
        return ""
    return f"only {len(nodes.running)} of {len(nodes.known)} nodes run: {_are_down(nodes.down)}"


def state(nodes: Nodes, places: Sequence[Place]) -> Cluster:
    """Give the state of the cluster in one line."""
    down = nodes.down
    if nodes.is_whole:
        number = len(nodes.known)
        if not down:
            return Cluster(f"{number} node{'s run' if number != 1 else ' runs'}")
        text = f"{len(nodes.running)} of {number} nodes run: {_are_down(down)}"
        if _too_few(nodes):
            text = f"{text}; {_NO_MAJORITY}"
        return Cluster(text, is_degraded=True)
    if not down:
        return Cluster(_all_run(len(nodes.known)) if nodes.known else "")
    away = sum(each.is_away for each in places)
    fewer = sum(bool(each.down) and not each.is_away for each in places)
    where = "it" if len(down) == 1 else "them"
    parts = [
        *([f"{_queues(away, 'lie')} on {where}"] if away else []),
        *([f"{_queues(fewer, 'have')} a member on {where}"] if fewer else []),
    ]
    text = f"{_are_down(down)}: {', '.join(parts)}"
    sees_majority = any(each.is_replicated for each in places)
    return Cluster(text if sees_majority else f"{text}; {_UNSEEN}", is_degraded=True)


def _all_run(number: int) -> str:
    return (
        "queues lie on 1 node, which runs"
        if number == 1
        else f"queues lie on {number} nodes, which run"
    )


def _queues(number: int, verb: str) -> str:
    if number != 1:
        return f"{number} queues {verb}"
    return f"1 queue {'has' if verb == 'have' else f'{verb}s'}"


def _are_down(names: Sequence[str]) -> str:
    return f"{_joined(names)} {'is' if len(names) == 1 else 'are'} down"


def _only(left: Sequence[str], *, is_sure: bool) -> str:
    one, many = ("runs", "run") if is_sure else ("is known to run", "are known to run")
    if not left:
        return f"none {one}"
    return f"only {_joined(left)} {one if len(left) == 1 else many}"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
