"""What we read of a broker, as frozen values, before it becomes observations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq import definitions, fields, patterns
from bizops.providers.rabbitmq.effective import Policy, Subject, Version

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.providers.rabbitmq.fields import Pairs

QUEUE_COLUMNS = (
    "name,type,durable,auto_delete,exclusive,arguments,policy,messages,messages_unacknowledged"
)
EXCHANGE_COLUMNS = "name,type,durable,auto_delete,internal,arguments"
BINDING_COLUMNS = "source,destination,destination_type,routing_key,arguments,properties_key"


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """A queue of the cheap listing. `messages` is None where that listing has no count: quorum queues and streams.

    For classic queues the broker asks the queue itself, so its count is true at that moment (3.10.8 and 4.0.5).
    Quorum queues get theirs from `counting`, where it decides.
    """

    name: str
    type: str
    durable: bool
    auto_delete: bool
    arguments: Pairs
    policy: str
    messages: int | None
    unacked: int

    @property
    def is_known_empty(self) -> bool:
        """True where no message is at stake, and we can be sure."""
        return self.messages == 0


@dataclass(frozen=True, slots=True)
class LiveExchange:
    """An exchange of the listing."""

    name: str
    type: str
    durable: bool
    auto_delete: bool
    internal: bool
    arguments: Pairs


@dataclass(frozen=True, slots=True)
class LiveBinding:
    """A binding. `key` is the broker's own name for its routing key and arguments, used to delete it."""

    exchange: str
    destination: str
    is_to_queue: bool
    routing_key: str
    arguments: Pairs
    key: str


@dataclass(frozen=True, slots=True)
class Vhost:
    """All that we read of one vhost; `problem` says why it could not be read.

    `exclusive` names the queues that belong to a connection of somebody: they are there, and not among `queues`.
    """

    name: str
    queues: Mapping[str, LiveQueue] = field(default_factory=dict)
    exchanges: Mapping[str, LiveExchange] = field(default_factory=dict)
    bindings: tuple[LiveBinding, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    operator_policies: tuple[Policy, ...] = ()
    problem: str = ""
    exclusive: frozenset[str] = frozenset()
    _by_name: Mapping[str, Sequence[Policy]] = field(init=False, repr=False, compare=False)
    _searched: Sequence[Policy] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Sort the policies by the names that they list, so that one queue is not asked of hundreds of patterns."""
        by_name: defaultdict[str, list[Policy]] = defaultdict(list)
        searched = []
        for policy in self.policies.values():
            names = patterns.names(policy.pattern)
            if names is None:
                searched.append(policy)
            for name in names or ():
                by_name[name].append(policy)
        object.__setattr__(self, "_by_name", by_name)
        object.__setattr__(self, "_searched", searched)

    def candidates(self, queue: str) -> Iterator[Policy]:
        """Give the policies whose pattern may match a queue's name; no other does."""
        yield from self._by_name.get(queue, ())
        if queue.endswith("\n"):
            yield from self._by_name.get(queue[:-1], ())
        yield from self._searched

    def unread(self) -> tuple[Policy, ...]:
        """Give the policies whose pattern cannot be read here."""
        return tuple(p for p in self._searched if patterns.matcher(p.pattern) is None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every vhost that we read, and the version that judges."""

    version: Version
    section_vhost: str
    vhosts: Mapping[str, Vhost]


def subject(queue: LiveQueue, version: Version) -> Subject:
    """Give a live queue as policies see it."""
    return Subject(queue.name, queue.type, queue.arguments, version)


def version(text: str) -> Version:
    """Read `4.0.5` as (4, 0); what is no version counts as the oldest that we know."""
    parts = text.split(".")
    try:
        return int(parts[0]), int(parts[1])
    except (IndexError, ValueError):
        return (3, 10)


def queues(listing: Iterable[Mapping[str, Any]]) -> dict[str, LiveQueue]:
    """Read a listing of queues; exclusive ones belong to a connection and are left out."""
    found = {}
    for item in listing:
        if item.get("exclusive"):
            continue
        arguments = item.get("arguments") or {}
        queue_type = item.get("type") or arguments.get("x-queue-type", "classic")
        found[item["name"]] = LiveQueue(
            item["name"],
            queue_type,
            bool(item.get("durable")),
            bool(item.get("auto_delete")),
            arguments=fields.freeze(dict(arguments)),
            policy=item.get("policy") or "",
            messages=item.get("messages") if queue_type == "classic" else None,
            unacked=item.get("messages_unacknowledged") or 0,
        )
    return found


def exclusive(listing: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Give the names in a listing of queues that are exclusive to a connection."""
    return frozenset(item["name"] for item in listing if item.get("exclusive"))


def exchanges(listing: Iterable[Mapping[str, Any]]) -> dict[str, LiveExchange]:
    """Read a listing of exchanges."""
    return {
        item["name"]: LiveExchange(
            item["name"],
            item["type"],
            bool(item.get("durable")),
            bool(item.get("auto_delete")),
            bool(item.get("internal")),
            fields.freeze(dict(item.get("arguments") or {})),
        )
        for item in listing
    }


def bindings(listing: Iterable[Mapping[str, Any]]) -> tuple[LiveBinding, ...]:
    """Read a listing of bindings; those of the default exchange come with their queue and are left out."""
    return tuple(
        LiveBinding(
            item["source"],
            item["destination"],
            item["destination_type"] == "queue",
            item["routing_key"],
            fields.freeze(dict(item.get("arguments") or {})),
            item.get("properties_key") or "~",
        )
        for item in listing
        if item["source"]
    )


def policies(listing: Iterable[Mapping[str, Any]]) -> dict[str, Policy]:
    """Read a listing of policies or operator policies."""
    return {
        item["name"]: Policy(
            item["name"],
            item["pattern"],
            item.get("apply-to") or "all",
            int(item.get("priority") or 0),
            definitions.freeze(item.get("definition") or {}),
        )
        for item in listing
    }
