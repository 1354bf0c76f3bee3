"""What we read of a broker, as frozen values, before it becomes observations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.live import cluster, effective_settings
from bizops.providers.rabbitmq.live.cluster import Nodes, Place
from bizops.providers.rabbitmq.live.effective_settings import Policy, Subject, Version
from bizops.providers.rabbitmq.live.vhost_settings import VhostSettings
from bizops.providers.rabbitmq.naming import patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.providers.rabbitmq.declared.field_types import Pairs

QUEUE_COLUMNS = "name,type,durable,auto_delete,exclusive,arguments,policy,state,node,members,online"
COUNT_COLUMNS = "name,policy,messages,messages_unacknowledged"
EXCHANGE_COLUMNS = "name,type,durable,auto_delete,internal,arguments"
BINDING_COLUMNS = "source,destination,destination_type,routing_key,arguments,properties_key"


@dataclass(frozen=True, slots=True)
class LiveQueue:
    """A queue of the listings.

    `messages` is None where nothing counts them: quorum queues, which get theirs from `counting` where it decides,
    streams, and what lies on a node that is down. For classic queues the broker asks the queue itself, so its count is
    true at that moment (3.10.8 and 4.0.5).
    """

    name: str
    type: str
    durable: bool
    auto_delete: bool
    arguments: Pairs
    policy: str
    messages: int | None
    unacked: int
    place: Place = field(default_factory=Place)

    @property
    def away(self) -> str:
        """Where it lies while that is out of reach; empty where it is in reach."""
        return self.place.away

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
    `unlisted` names those that have a binding and are not listed: it is not known whether they are there. `bound` names
    all that have their default binding: 3.10 lists no binding of a queue whose node is down.
    `settings` are the vhost's.
    """

    name: str
    queues: Mapping[str, LiveQueue] = field(default_factory=dict)
    exchanges: Mapping[str, LiveExchange] = field(default_factory=dict)
    bindings: tuple[LiveBinding, ...] = ()
    policies: Mapping[str, Policy] = field(default_factory=dict)
    operator_policies: tuple[Policy, ...] = ()
    problem: str = ""
    exclusive: frozenset[str] = frozenset()
    unlisted: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    settings: VhostSettings = field(default_factory=VhostSettings)
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
    """Every vhost that we read, the version that judges, and the nodes as far as we are told.

    `features` are the broker's deprecated features, `denied` or `permitted`; empty where it lists none.
    `exchange_types` are those that it has, and `tags` those of our user; empty where they are not known.
    """

    version: Version
    section_vhost: str
    vhosts: Mapping[str, Vhost]
    nodes: Nodes = field(default_factory=Nodes)
    features: Mapping[str, str] = field(default_factory=dict)
    exchange_types: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    @property
    def places(self) -> tuple[Place, ...]:
        """Where all queues lie."""
        return tuple(q.place for vhost in self.vhosts.values() for q in vhost.queues.values())


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


def queues(
    listing: Iterable[Mapping[str, Any]],
    counts: Iterable[Mapping[str, Any]],
    nodes: Nodes | None = None,
) -> dict[str, LiveQueue]:
    """Read the listing of replicated metadata, with what the queues themselves say beside it, where they do.

    A queue whose node is down says nothing. Exclusive ones belong to a connection and are left out.
    """
    said = {item["name"]: item for item in counts}
    return {
        item["name"]: _queue(item, said.get(item["name"]), nodes)
        for item in listing
        if not item.get("exclusive")
    }


def _queue(
    item: Mapping[str, Any], said: Mapping[str, Any] | None, nodes: Nodes | None
) -> LiveQueue:
    arguments = item.get("arguments") or {}
    queue_type = item.get("type") or arguments.get("x-queue-type", "classic")
    place = cluster.place(item, nodes)
    answers = said is not None and not place.is_away
    own = said if said is not None and answers else {}
    return LiveQueue(
        item["name"],
        queue_type,
        bool(item.get("durable")),
        bool(item.get("auto_delete")),
        arguments=field_types.freeze(dict(arguments)),
        policy=(own if answers else item).get("policy") or "",
        messages=own.get("messages") if queue_type == "classic" else None,
        unacked=own.get("messages_unacknowledged") or 0,
        place=place,
    )


def with_policies(vhost: Vhost, told: Iterable[str], version: Version) -> Vhost:
    """Give queues out of reach the policy that applies to them, where the listing does not tell it.

    3.10.8 and 4.0.5 leave out the policy of a queue whose node is down. 4.0.5 matches it anew when the node is back;
    3.10.8 keeps what it had, which is a difference then. `told` are the queues whose policy was listed.
    """
    known = {*told}
    found = dict(vhost.queues)
    for name, queue in vhost.queues.items():
        if queue.place.is_away and name not in known:
            best = effective_settings.matching(vhost.candidates(name), subject(queue, version))
            found[name] = replace(queue, policy=best[0].name if best else "")
    return replace(vhost, queues=found)


def exclusive(listing: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Give the names in a listing of queues that are exclusive to a connection."""
    return frozenset(item["name"] for item in listing if item.get("exclusive"))


def bound(listing: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Give the queues in a listing of bindings that have their default binding, which each queue has."""
    return frozenset(
        item["destination"]
        for item in listing
        if not item["source"] and item["destination_type"] == "queue"
    )


def exchanges(listing: Iterable[Mapping[str, Any]]) -> dict[str, LiveExchange]:
    """Read a listing of exchanges."""
    return {
        item["name"]: LiveExchange(
            item["name"],
            item["type"],
            bool(item.get("durable")),
            bool(item.get("auto_delete")),
            bool(item.get("internal")),
            field_types.freeze(dict(item.get("arguments") or {})),
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
            field_types.freeze(dict(item.get("arguments") or {})),
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
            setting_keys.freeze(item.get("definition") or {}),
        )
        for item in listing
    }
