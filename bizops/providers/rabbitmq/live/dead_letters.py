"""Where the dead letters of live queues go: through which bindings, and into which queues; pure.

Without a routing key a message keeps the one that it came with (3.10.8 and 4.0.5). What that key is nobody knows here,
so every binding of the exchange may be on the way.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.live.effective_settings import in_force
from bizops.providers.rabbitmq.live.snapshots import subject

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bizops.providers.rabbitmq.live.effective_settings import Version
    from bizops.providers.rabbitmq.live.snapshots import LiveBinding, LiveQueue, Vhost

_ANY = None
"""Stands for a routing key that is not known."""


class DeadLetters:
    """The routes of one vhost, from their ends: which queues send dead letters into a queue, and through a binding."""

    def __init__(self, vhost: Vhost, version: Version, gone: Collection[str] = ()) -> None:
        """Read the routes of all queues; `gone` are policies that will not be there."""
        self.into: defaultdict[str, list[str]] = defaultdict(list)
        self.through: defaultdict[LiveBinding, list[str]] = defaultdict(list)
        routes = _Routes(vhost, version, gone)
        for queue in vhost.queues.values():
            bindings, queues = routes.of(queue)
            for binding in bindings:
                if binding.destination != queue.name:
                    self.through[binding].append(queue.name)
            for name in queues - {queue.name}:
                self.into[name].append(queue.name)


class _Routes:
    """The bindings of a vhost by exchange and routing key, so that not each queue is compared with each binding."""

    def __init__(self, vhost: Vhost, version: Version, gone: Collection[str]) -> None:
        self._vhost = vhost
        self._version = version
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
        policy = self._policies.get(queue.policy)
        settings = in_force(subject(queue, self._version), policy, None)
        exchange, key = (
            settings[name].value if name in settings else None
            for name in ("dead-letter-exchange", "dead-letter-routing-key")
        )
        if exchange is None:
            return set(), set()
        if exchange == "":
            return set(), {key} & {*self._vhost.queues} if key is not _ANY else set()
        if (exchange, key) not in self._known:
            self._known[exchange, key] = self._walked(exchange, key)
        return self._known[exchange, key]

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
