"""What names an exchange: RabbitMQ deletes it all the same, and drops what would go to it from then on; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import Bystander
from bizops.providers.rabbitmq.naming.names import (
    exchange_address,
    is_derived_policy,
    is_protected_exchange,
    policy_address,
    queue_address,
)
from bizops.resource import Use

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bizops.providers.rabbitmq.declared.field_types import Pairs
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost
    from bizops.resource import Address

_OF_ARGUMENTS = frozenset({"x-dead-letter-exchange", "alternate-exchange"})
_OF_DEFINITIONS = frozenset({"dead-letter-exchange", "alternate-exchange"})


def of_arguments(arguments: Pairs, scope: str) -> tuple[Use, ...]:
    """Give the exchanges that the arguments of a queue or an exchange name."""
    return tuple(_uses("arguments", arguments, _OF_ARGUMENTS, scope))


def of_exchange(name: str, vhost: Vhost, scope: str) -> tuple[Use, ...]:
    """Give the exchanges that a live exchange names, but for those that name it: neither of them goes first."""
    uses = of_arguments(vhost.exchanges[name].arguments, scope)
    back = exchange_address(name, scope)
    return tuple(
        use
        for use in uses
        if (other := vhost.exchanges.get(use.address.name)) is None
        or back not in {each.address for each in of_arguments(other.arguments, scope)}
    )


def of_definition(definition: Pairs, scope: str) -> tuple[Use, ...]:
    """Give the exchanges that the definition of a policy names."""
    return tuple(_uses("definition", definition, _OF_DEFINITIONS, scope))


def bystanders(
    snapshot: Snapshot, observed: Collection[Address], topology: str
) -> tuple[Bystander, ...]:
    """Give all that names an exchange and is not among what is observed, nor a derived policy of this topology."""
    found: list[Bystander] = []
    for vhost in snapshot.vhosts.values():
        scope = "" if vhost.name == snapshot.section_vhost else vhost.name
        found += _in_vhost(vhost, scope, observed, topology)
    return tuple(found)


def _in_vhost(
    vhost: Vhost, scope: str, observed: Collection[Address], topology: str
) -> Iterator[Bystander]:
    for queue in vhost.queues.values():
        uses = of_arguments(queue.arguments, scope)
        if uses and queue_address(queue.name, scope) not in observed:
            yield Bystander(f"queue {queue.name}", uses=uses)
    for exchange in vhost.exchanges.values():
        uses = of_arguments(exchange.arguments, scope)
        if uses and exchange_address(exchange.name, scope) not in observed:
            yield Bystander(f"exchange {exchange.name}", uses=uses)
    for policy in vhost.policies.values():
        uses = of_definition(policy.definition, scope)
        is_ours = is_derived_policy(policy.name, topology)
        if uses and not is_ours and policy_address(policy.name, scope) not in observed:
            yield Bystander(f"policy {policy.name}", uses=uses)


def _uses(segment: str, pairs: Pairs, keys: Collection[str], scope: str) -> Iterable[Use]:
    for key, value in pairs:
        if key in keys and isinstance(value, str) and not is_protected_exchange(value):
            yield Use(exchange_address(value, scope), (segment, key), is_enforced=False)
