"""Live bindings by their ends, and each as something that can be made again; pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.declared.specs import BindingSpec
from bizops.providers.rabbitmq.naming.names import (
    binding_address,
    exchange_address,
    is_protected_exchange,
    queue_address,
)
from bizops.resource import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bizops.providers.rabbitmq.live.snapshots import LiveBinding
    from bizops.resource import Address


class BindingEnds:
    """Bindings by where they lead to and by where they come from."""

    def __init__(self) -> None:
        self.to_queue: defaultdict[str, list[LiveBinding]] = defaultdict(list)
        self.of_exchange: defaultdict[str, list[LiveBinding]] = defaultdict(list)


def by_end(bindings: Iterable[LiveBinding]) -> BindingEnds:
    """Sort bindings by both ends; one between exchanges stands at both."""
    ends = BindingEnds()
    for binding in bindings:
        ends.of_exchange[binding.exchange].append(binding)
        if binding.is_to_queue:
            ends.to_queue[binding.destination].append(binding)
        else:
            ends.of_exchange[binding.destination].append(binding)
    return ends


def address(binding: LiveBinding, scope: str) -> Address:
    """Give the address of a live binding of a queue."""
    route = (binding.exchange, binding.routing_key, binding.destination)
    return binding_address(route, dict(binding.arguments), scope)


def resource(binding: LiveBinding, scope: str) -> Resource:
    """Give a live binding as something that can be made again."""
    spec = BindingSpec(
        exchange=binding.exchange,
        queue=binding.destination,
        routing_key=binding.routing_key,
        arguments=binding.arguments,
        vhost=scope or None,
    )
    needs = [queue_address(binding.destination, scope)]
    if not is_protected_exchange(binding.exchange):
        needs.append(exchange_address(binding.exchange, scope))
    return Resource(address(binding, scope), spec, tuple(needs))
