"""Where the dead letters of live queues go: through which bindings, and into which queues; pure.

A queue's argument wins over its policy, and without a routing key a message keeps the one that it came with (3.10.8 and
4.0.5). What that key is nobody knows here, so every binding of the exchange may be on the way.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.live import binding_ends
from bizops.providers.rabbitmq.naming.names import queue_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.snapshots import LiveBinding, LiveQueue, Snapshot, Vhost
    from bizops.resource import Address

_ANY = None
"""Stands for a routing key that is not known."""
_SETTINGS = frozenset({("dead_letter",), ("arguments", "x-dead-letter-exchange")})


class DeadLetters:
    """The ways of one vhost, from their ends: which queues send dead letters into a queue, and through a binding."""

    def __init__(self, vhost: Vhost, gone: Collection[str] = ()) -> None:
        """Read the ways of all queues; `gone` are policies that will not be there."""
        self.into: defaultdict[str, list[str]] = defaultdict(list)
        self.through: defaultdict[LiveBinding, list[str]] = defaultdict(list)
        ways = _Ways(vhost, gone)
        for queue in vhost.queues.values():
            bindings, queues = ways.of(queue)
            for binding in bindings:
                if binding.destination != queue.name:
                    self.through[binding].append(queue.name)
            for name in queues - {queue.name}:
                self.into[name].append(queue.name)


class _Ways:
    """The bindings of a vhost by exchange and routing key, so that not each queue is compared with each binding."""

    def __init__(self, vhost: Vhost, gone: Collection[str]) -> None:
        self._vhost = vhost
        self._policies = {n: policy for n, policy in vhost.policies.items() if n not in gone}
        self._exact: defaultdict[tuple[str, str], list[LiveBinding]] = defaultdict(list)
        self._loose: defaultdict[str, list[LiveBinding]] = defaultdict(list)
        self._all: defaultdict[str, list[LiveBinding]] = defaultdict(list)
        self._known: dict[tuple[str, str | None], tuple[set[LiveBinding], set[str]]] = {}
        for binding in vhost.bindings:
            exchange = vhost.exchanges.get(binding.exchange)
            self._all[binding.exchange].append(binding)
            if exchange is not None and _is_exact(exchange.type, binding.routing_key):
                self._exact[binding.exchange, binding.routing_key].append(binding)
            else:
                self._loose[binding.exchange].append(binding)

    def of(self, queue: LiveQueue) -> tuple[set[LiveBinding], set[str]]:
        """Give the bindings and the queues that the dead letters of a queue may reach."""
        exchange = self._setting(queue, "dead-letter-exchange")
        key = self._setting(queue, "dead-letter-routing-key")
        if exchange is None:
            return set(), set()
        if exchange == "":
            return set(), {key} & {*self._vhost.queues} if key is not _ANY else set()
        if (exchange, key) not in self._known:
            self._known[exchange, key] = self._walked(exchange, key)
        return self._known[exchange, key]

    def _setting(self, queue: LiveQueue, key: str) -> str | None:
        policy = self._policies.get(queue.policy)
        found = dict(policy.definition).get(key) if policy is not None else None
        return dict(queue.arguments).get(f"x-{key}", found)

    def _walked(self, exchange: str, key: str | None) -> tuple[set[LiveBinding], set[str]]:
        """Follow bindings, also those between exchanges."""
        bindings: set[LiveBinding] = set()
        frontier, seen = [exchange], {exchange}
        while frontier:
            for binding in self._taking(frontier.pop(), key):
                bindings.add(binding)
                if not binding.is_to_queue and binding.destination not in seen:
                    seen.add(binding.destination)
                    frontier.append(binding.destination)
        return bindings, {binding.destination for binding in bindings if binding.is_to_queue}

    def _taking(self, exchange: str, key: str | None) -> Sequence[LiveBinding]:
        if key is _ANY:
            return self._all[exchange]
        return [*self._exact[exchange, key], *self._loose[exchange]]


def _is_exact(exchange_type: str, routing_key: str) -> bool:
    """True where a binding takes one routing key alone; a wildcard, a fanout or a plugin may take any."""
    words = routing_key.split(".")
    return exchange_type == "direct" or (
        exchange_type == "topic" and "*" not in words and "#" not in words
    )


def derived(changes: Sequence[Change], snapshot: Snapshot) -> Derived:
    """Refuse to delete what the dead letters of a queue that stays go through: they would be lost without a word."""
    gone = [c.address for c in changes if c.action is Action.DELETE and not c.dies_with]
    going = {change.address for change in changes if _lets_go(change)}
    refusals: list[Refusal] = []
    for scope in sorted({address.scope for address in gone}):
        vhost = snapshot.vhosts[scope or snapshot.section_vhost]
        here = [address for address in gone if address.scope == scope]
        wanted = [address for address in here if address.kind in {"queue", "binding"}]
        if wanted and not vhost.problem:
            policies = {address.name for address in here if address.kind == "policy"}
            refusals += _refusals(wanted, going, DeadLetters(vhost, policies))
    return Derived(refusals=tuple(refusals))


def _lets_go(change: Change) -> bool:
    """True where a queue goes, or where its dead letters go elsewhere from now on."""
    return change.action is Action.DELETE or any(
        field.path[: len(path)] == path for field in change.fields for path in _SETTINGS
    )


def _refusals(
    wanted: Sequence[Address], going: Collection[Address], found: DeadLetters
) -> Iterator[Refusal]:
    scope = wanted[0].scope
    through = {
        binding_ends.address(binding, scope): names for binding, names in found.through.items()
    }
    for address in wanted:
        names = found.into[address.name] if address.kind == "queue" else through.get(address, [])
        senders = [queue_address(name, scope) for name in sorted(names)]
        if stays := [sender for sender in senders if sender not in going]:
            yield _kept(address, stays)


def _kept(address: Address, stays: Sequence[Address]) -> Refusal:
    why = f"{stays[0]} sends its dead letters through it, and stays"
    if len(stays) > 1:
        why = f"{stays[0]} and {len(stays) - 1} more send their dead letters through it, and stay"
    ways = (f"let {stays[0]} go in the same run", f"--exclude {address}")
    return Refusal(address, "", why, ways)
