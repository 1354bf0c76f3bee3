"""Turns what was read of a broker into observations; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import setting_keys
from bizops.providers.rabbitmq.declared.specs import OWN_NAME, QueueSpec
from bizops.providers.rabbitmq.live import (
    binding_ends,
    cluster,
    exchange_users,
    fixed_settings,
    queue_state,
)
from bizops.providers.rabbitmq.live.owners import Owners, text
from bizops.providers.rabbitmq.naming.names import (
    exchange_address,
    is_protected_exchange,
    is_protected_policy,
    is_protected_queue,
    policy_address,
    queue_address,
    tried,
    tried_part,
)
from bizops.resource import Field, Observation, Presence, Use, absent, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.provider import Scope
    from bizops.providers.rabbitmq.live.snapshots import LiveExchange, LiveQueue, Snapshot, Vhost
    from bizops.resource import Address, Path, Resource, Spec

_LEFT_BY_A_TRIAL = "a trial of its new form left it, before a replacement that was cut off"

Fields = tuple[tuple["Path", Field], ...]


class Observer:
    """Gives observations of one snapshot; what is asked for first, then what the scope owns."""

    def __init__(self, snapshot: Snapshot, scope: Scope) -> None:
        self._snapshot = snapshot
        self._scope = scope
        self._minority = cluster.minority(snapshot.nodes, snapshot.places)
        self._bindings = {
            name: binding_ends.by_end(vhost.bindings) for name, vhost in snapshot.vhosts.items()
        }
        self._owners = {
            name: Owners(vhost, self._bindings[name], snapshot.version, scope.topology)
            for name, vhost in snapshot.vhosts.items()
        }

    def observations(self, resources: Sequence[Resource]) -> tuple[Observation, ...]:
        """Give one observation for each resource, and one for each owned object that is not among them."""
        ours = {r.address for r in resources if not r.external}
        found = {r.address: self._asked(r) for r in resources}
        for address in ours:
            owners = self._owners[address.scope or self._snapshot.section_vhost]
            found[address] = owners.with_claims(found[address], ours)
        section = self._snapshot.vhosts.get(self._snapshot.section_vhost)
        if section is not None and not section.problem:
            for address in self._owned(section):
                if address not in found:
                    there = self._observation(address, section, QueueSpec())
                    found[address] = self._owners[section.name].with_claims(there)
        for address in self._tried(resources):
            if address not in found:
                vhost = self._snapshot.vhosts[address.scope or self._snapshot.section_vhost]
                there = self._observation(address, vhost, QueueSpec())
                found[address] = replace(there, notes=(*there.notes, _LEFT_BY_A_TRIAL))
        return tuple(found.values())

    def _tried(self, resources: Sequence[Resource]) -> Iterator[Address]:
        """Give what trials of our queues and exchanges left where they were cut off: it is as much ours."""
        ours: dict[str, set[tuple[str, str]]] = {}
        for address in (resource.address for resource in resources):
            if address.kind in {"queue", "exchange"}:
                ours.setdefault(address.scope, set()).add((address.kind, tried_part(address.name)))
        for scope, wanted in ours.items():
            vhost = self._snapshot.vhosts[scope or self._snapshot.section_vhost]
            for kind, made in (("queue", queue_address), ("exchange", exchange_address)):
                there = vhost.queues if kind == "queue" else vhost.exchanges
                for name in sorted(there):
                    if (kind, tried(name)) in wanted:
                        yield made(name, scope)

    def _asked(self, resource: Resource) -> Observation:
        address = resource.address
        vhost = self._snapshot.vhosts[address.scope or self._snapshot.section_vhost]
        if vhost.problem:
            return unreadable(address, vhost.problem)
        found = self._observation(address, vhost, resource.spec)
        if found.presence is not Presence.PRESENT or resource.external:
            return found
        return replace(
            found, notes=(*found.notes, *fixed_settings.notes(found, resource.spec, vhost))
        )

    def _observation(self, address: Address, vhost: Vhost, spec: Spec) -> Observation:
        """Give what was read. What a part of a cluster that has no majority does not show may be there all the same."""
        found = self._read(address, vhost, spec)
        if found.presence is Presence.ABSENT and self._minority:
            return unreadable(address, f"not in what this node knows, and {self._minority}")
        return found

    def _read(self, address: Address, vhost: Vhost, spec: Spec) -> Observation:
        if address.kind == "queue":
            return self._queue(address, vhost, spec)
        if address.kind == "exchange":
            return self._exchange(address, vhost)
        if address.kind == "policy":
            return _policy(address, vhost, self._snapshot)
        return self._binding(address, vhost)

    def _owned(self, vhost: Vhost) -> Iterator[Address]:
        """Give what the scope owns in the section's vhost; a binding is owned when its queue is."""
        scope = self._scope
        for name in sorted(vhost.queues):
            if scope.is_owned("queue", name) and not is_protected_queue(name):
                yield queue_address(name)
                for binding in self._bindings[vhost.name].to_queue[name]:
                    yield binding_ends.address(binding, "")
        for name in sorted(vhost.exchanges):
            if scope.is_owned("exchange", name) and not is_protected_exchange(name):
                yield exchange_address(name)
        for name in sorted(vhost.policies):
            if scope.is_owned("policy", name) and not is_protected_policy(name):
                yield policy_address(name)

    def _queue(self, address: Address, vhost: Vhost, spec: Spec) -> Observation:
        name, topology = address.name, self._scope.topology
        queue = vhost.queues.get(name)
        wanted = spec if isinstance(spec, QueueSpec) else QueueSpec()
        if name in vhost.exclusive:
            return unreadable(address, "it is exclusive to a connection of somebody else")
        if name in vhost.unlisted:
            return unreadable(address, "it has a binding, and was not listed twice in a row")
        if queue is None:
            return absent(
                address, raw=queue_state.of_wanted(name, wanted, vhost, self._snapshot, topology)
            )
        seen = queue_state.of_live(queue, vhost, self._snapshot, topology)
        bound = self._bindings[vhost.name].to_queue[name]
        claims = self._owners[vhost.name].of_queue(name)
        counts = () if queue.messages is None else (("messages", queue.messages),)
        return Observation(
            address,
            Presence.PRESENT,
            tuple(sorted(queue_fields(seen, wanted).items())),
            dependents=tuple(binding_ends.resource(binding, address.scope) for binding in bound),
            uses=_dead_letters(seen, address.scope),
            claims=claims,
            counts=counts,
            notes=tuple(text(each) for each in claims),
            raw=seen,
            away=queue.away,
            identity=repr((queue.type, queue.durable, queue.auto_delete, queue.arguments)),
        )

    def _exchange(self, address: Address, vhost: Vhost) -> Observation:
        exchange = vhost.exchanges.get(address.name)
        if exchange is None:
            return absent(address)
        bound = self._bindings[vhost.name].of_exchange[address.name]
        fields = _exchange_fields(exchange)
        return Observation(
            address,
            Presence.PRESENT,
            fields,
            dependents=tuple(
                binding_ends.resource(binding, address.scope)
                for binding in bound
                if binding.is_to_queue
            ),
            uses=exchange_users.of_exchange(exchange.name, vhost, address.scope),
            raw=tuple(b for b in bound if not b.is_to_queue),
            identity=repr([(path, field.value) for path, field in fields]),
        )

    def _binding(self, address: Address, vhost: Vhost) -> Observation:
        queue = address.parts[2]
        found = next(
            (
                binding
                for binding in self._bindings[vhost.name].to_queue[queue]
                if binding_ends.address(binding, address.scope) == address
            ),
            None,
        )
        if found is None:
            return _unseen_binding(address, vhost.queues.get(queue), vhost) or absent(address)
        resource = binding_ends.resource(found, address.scope)
        return Observation(
            address,
            Presence.PRESENT,
            tuple((path, Field(value)) for path, value in sorted(resource.spec.fields().items())),
            uses=tuple(Use(need, (), is_enforced=False) for need in resource.needs),
            raw=found.key,
        )


def _unseen_binding(address: Address, queue: LiveQueue | None, vhost: Vhost) -> Observation | None:
    """Tell a binding that nobody can see from one that is not there: 3.10 lists none of a queue whose node is down."""
    if queue is None or not queue.away or queue.name in vhost.bound:
        return None
    return unreadable(
        address, f"its queue lies {queue.away}, and this version does not list it then"
    )


def _dead_letters(seen: queue_state.QueueState, scope: str) -> tuple[Use, ...]:
    """Give where a queue's dead letters go: an exchange, or with the default exchange the queue of the routing key."""
    settings = seen.settings()
    exchange, key = settings.get("dead-letter-exchange"), settings.get("dead-letter-routing-key")
    if exchange is None:
        return ()
    if exchange.value == "" and key is not None:
        return (Use(queue_address(str(key.value), scope), ("dead_letter",), is_enforced=False),)
    if is_protected_exchange(exchange.value):
        return ()
    return (Use(exchange_address(exchange.value, scope), ("dead_letter",), is_enforced=False),)


def queue_fields(seen: queue_state.QueueState, wanted: QueueSpec) -> dict[Path, Field]:
    """Give what is in force on a live queue, by the paths of a queue's spec.

    A setting that is wanted as an argument and comes from a derived policy of ours is left out: it goes with that
    policy. The queue's own name as a dead-letter routing key reads as the declaration writes it.
    """
    queue = seen.queue
    assert queue is not None  # noqa: S101 - only live queues have fields
    live_arguments = dict(queue.arguments)
    found: dict[Path, Field] = {
        ("type",): Field(queue.type, "argument"),
        ("durable",): Field(queue.durable, "declaration"),
        ("auto_delete",): Field(queue.auto_delete, "declaration"),
        ("single_active_consumer",): Field(
            bool(live_arguments.get("x-single-active-consumer", False)), "argument"
        ),
    }
    if "x-max-priority" in live_arguments:
        found[("max_priority",)] = Field(live_arguments["x-max-priority"], "argument")
    for key, value in queue.arguments:
        if key not in setting_keys.FIELD_OF_ARGUMENT:
            found[("arguments", key)] = Field(value, "argument")
    found |= _tunables(seen, wanted)
    return found


def _tunables(seen: queue_state.QueueState, wanted: QueueSpec) -> dict[Path, Field]:
    found: dict[Path, Field] = {}
    declared = wanted.fields()
    is_carrying = bool(queue_state.policy_part(seen.subject.name, wanted))
    ours = {f"policy {policy.name}" for policy in seen.covering}
    for key, setting in seen.settings().items():
        path = setting_keys.PATH_OF_KEY.get(key)
        if path is None:
            continue
        is_ours = setting.origin in ours
        if is_ours and path in declared and not queue_state.is_in_policy(path, wanted):
            continue
        origin = setting.origin
        if is_ours and is_carrying and path not in declared:
            carried = next((policy for policy in seen.foreign if key in policy.keys), None)
            is_ours = carried is None
            origin = origin if carried is None else f"policy {carried.name}, carried"
        value = setting.value
        if path == ("dead_letter", "routing_key") and value == seen.subject.name:
            value = OWN_NAME if declared.get(path, OWN_NAME) == OWN_NAME else value
        found[path] = Field(value, origin, ours=is_ours)
    return found


def _exchange_fields(exchange: LiveExchange) -> Fields:
    found: dict[Path, Any] = {
        ("type",): exchange.type,
        ("durable",): exchange.durable,
        ("auto_delete",): exchange.auto_delete,
        ("internal",): exchange.internal,
    }
    found |= {("arguments", key): value for key, value in exchange.arguments}
    return tuple((path, Field(value, "declaration")) for path, value in sorted(found.items()))


def _policy(address: Address, vhost: Vhost, snapshot: Snapshot) -> Observation:
    policy = vhost.policies.get(address.name)
    if policy is None:
        return absent(address, raw=(vhost, snapshot.version))
    found: dict[Path, Any] = {
        ("pattern",): policy.pattern,
        ("apply_to",): policy.apply_to,
        ("priority",): policy.priority,
    }
    found |= {("definition", key): value for key, value in policy.definition}
    return Observation(
        address,
        Presence.PRESENT,
        tuple((path, Field(value, "policy")) for path, value in sorted(found.items())),
        uses=exchange_users.of_definition(policy.definition, address.scope),
        raw=(vhost, snapshot.version),
    )
