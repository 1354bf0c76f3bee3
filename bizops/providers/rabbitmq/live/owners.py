"""Whose live objects are, as derived policies tell it: what another topology declares is neither pruned nor destroyed.

A queue without any setting has no policy, so nothing shows whose it is. Where the dead letters of another topology's
queue lead to it, it is that topology's, too, and so are the bindings and exchanges on the route. Pure.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.live import binding_ends
from bizops.providers.rabbitmq.live.dead_letters import DeadLetters
from bizops.providers.rabbitmq.naming.names import is_derived, queue_address, topology_of_policy
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bizops.providers.rabbitmq.live.binding_ends import BindingEnds
    from bizops.providers.rabbitmq.live.effective_settings import Version
    from bizops.providers.rabbitmq.live.snapshots import Vhost
    from bizops.resource import Address, Observation


class Owners:
    """The other topologies that declare objects of one vhost."""

    def __init__(
        self, vhost: Vhost, bindings: BindingEnds, version: Version, topology: str
    ) -> None:
        self._vhost = vhost
        self._bindings = bindings
        self._version = version
        self._topology = topology
        self._is_shared = any(self._among(vhost.policies))

    def of_queue(self, name: str) -> tuple[str, ...]:
        """Give the topologies whose derived policies list a queue."""
        return tuple(sorted(self._among(policy.name for policy in self._vhost.candidates(name))))

    def with_claims(
        self, found: Observation, ours: Collection[Address] | None = None
    ) -> Observation:
        """Add whose it is by what it leads to or comes from.

        A binding is its queue's, a dead-letter queue its senders', and an exchange that of the queues at its bindings.

        Of what is declared here only queues among `ours` count: it is not theirs because a queue of theirs leads in.
        """
        if found.presence is not Presence.PRESENT or not self._is_shared:
            return found
        scope = found.address.scope
        queues = [
            name
            for name in self._queues_of(found.address)
            if ours is None or queue_address(name, scope) in ours
        ]
        more = {claim for name in queues for claim in self.of_queue(name)} - {*found.claims}
        notes = tuple(text(each) for each in sorted(more)) if ours is None else ()
        claims = tuple(sorted({*found.claims, *more}))
        return replace(found, claims=claims, notes=(*found.notes, *notes))

    def _queues_of(self, address: Address) -> Iterator[str]:
        """Give the queues that an object serves."""
        if address.kind == "queue":
            yield from self._dead_letters.into[address.name]
        elif address.kind == "binding":
            yield address.parts[2]
            yield from self._through.get(address._replace(scope=""), ())
        elif address.kind == "exchange":
            for binding in self._bindings.of_exchange[address.name]:
                if binding.is_to_queue:
                    yield binding.destination
                yield from self._dead_letters.through[binding]

    def _among(self, policies: Iterable[str]) -> set[str]:
        return {topology_of_policy(name) for name in policies if is_derived(name)} - {
            self._topology
        }

    @functools.cached_property
    def _dead_letters(self) -> DeadLetters:
        return DeadLetters(self._vhost, self._version)

    @functools.cached_property
    def _through(self) -> dict[Address, list[str]]:
        """The senders by the address of a binding without the vhost: the scope says which it is."""
        return {
            binding_ends.address(b, ""): names for b, names in self._dead_letters.through.items()
        }


def text(topology: str) -> str:
    """Say that another topology declares it."""
    return f"topology {topology} declares it, too"
