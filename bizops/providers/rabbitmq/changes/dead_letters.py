"""Deletions of what the dead letters of a queue that stays go through; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.live import binding_ends
from bizops.providers.rabbitmq.live.dead_letters import DeadLetters
from bizops.providers.rabbitmq.naming.names import queue_address

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.snapshots import Snapshot
    from bizops.resource import Address

_SETTINGS = frozenset(
    {
        *(("dead_letter", "exchange"), ("dead_letter", "routing_key")),
        *(("arguments", f"x-dead-letter-{name}") for name in ("exchange", "routing-key")),
    }
)
"""What says where dead letters go; another setting of them changes no route."""


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
            refusals += _refusals(wanted, going, DeadLetters(vhost, snapshot.version, policies))
    return Derived(refusals=tuple(refusals))


def _lets_go(change: Change) -> bool:
    """True where a queue goes, or where its dead letters go elsewhere from now on."""
    return change.action is Action.DELETE or any(field.path in _SETTINGS for field in change.fields)


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
