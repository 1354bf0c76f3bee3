"""The kinds as data: identity, what each implies and refers to, and its one-line summary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.provider import Kind, Reference
from bizops.providers.rabbitmq.changes import rules
from bizops.providers.rabbitmq.declared.specs import (
    BindingSpec,
    ExchangeSpec,
    PolicySpec,
    QueueSpec,
    Settings,
)
from bizops.providers.rabbitmq.naming import names
from bizops.providers.rabbitmq.naming.names import PROVIDER
from bizops.resource import Address, Resource, Source, Spec

if TYPE_CHECKING:
    from collections.abc import Iterable

_QUIET = frozenset({"type", "durable", "auto_delete", "internal"})


def scope_of(spec: Any, settings: Settings) -> str:  # noqa: ANN401 - any of our specs
    """Give the vhost of a spec as an address has it: "" where it is the section's."""
    return "" if spec.vhost in {None, settings.vhost} else str(spec.vhost)


def _exchange(name: str, spec: Any, settings: Any) -> Address:  # noqa: ANN401 - the contract's
    return names.exchange_address(name, scope_of(spec, settings))


def _queue(name: str, spec: Any, settings: Any) -> Address:  # noqa: ANN401 - the contract's
    return names.queue_address(name, scope_of(spec, settings))


def _policy(name: str, spec: Any, settings: Any) -> Address:  # noqa: ANN401 - the contract's
    return names.policy_address(name, scope_of(spec, settings))


def _binding(_name: str, spec: BindingSpec, settings: Any) -> Address:  # noqa: ANN401
    route = (spec.exchange, spec.routing_key, spec.queue)
    return names.binding_address(route, dict(spec.arguments), scope_of(spec, settings))


def expand(resource: Resource, settings: Settings) -> Iterable[Resource]:
    """Give `<queue>.dlq` and its binding, where a dead-letter exchange stands without a routing key.

    The queue is durable, has its parent's type and nothing else; its binding has the parent's name as routing key.
    """
    spec = resource.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    if spec.external or spec.dead_letter is None or not spec.dead_letter.exchange:
        return
    if spec.dead_letter.routing_key is not None:
        return
    name = resource.address.name
    source = _derived(resource.source)
    queue = QueueSpec(type=spec.type, durable=True, vhost=spec.vhost)
    yield Resource(_queue(f"{name}.dlq", queue, settings), queue, source=source)
    binding = BindingSpec(
        exchange=spec.dead_letter.exchange,
        queue=f"{name}.dlq",
        routing_key=name,
        vhost=spec.vhost,
    )
    yield Resource(_binding("", binding, settings), binding, source=source)


def _derived(source: Source | None) -> Source | None:
    return source._replace(derived="dead_letter") if source is not None else None


def queue_references(resource: Resource, settings: Settings) -> Iterable[Reference]:
    """Refer to the dead-letter exchange, unless it is the broker's own."""
    spec = resource.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    if spec.dead_letter is None or names.is_protected_exchange(spec.dead_letter.exchange):
        return
    address = names.exchange_address(spec.dead_letter.exchange, scope_of(spec, settings))
    yield Reference(str(address), ("dead_letter", "exchange"))


def exchange_references(resource: Resource, settings: Settings) -> Iterable[Reference]:
    """Refer to the alternate exchange, for order alone: the broker lets it come later."""
    spec = resource.spec
    assert isinstance(spec, ExchangeSpec)  # noqa: S101 - the kind's own spec
    other = dict(spec.arguments or ()).get("alternate-exchange")
    if isinstance(other, str) and other and other != resource.address.name:
        address = names.exchange_address(other, scope_of(spec, settings))
        yield Reference(str(address), ("arguments", "alternate-exchange"), optional=True)


def binding_references(resource: Resource, settings: Settings) -> Iterable[Reference]:
    """Refer to both ends, unless the exchange is the broker's own."""
    spec = resource.spec
    assert isinstance(spec, BindingSpec)  # noqa: S101 - the kind's own spec
    scope = scope_of(spec, settings)
    if not names.is_protected_exchange(spec.exchange):
        yield Reference(str(names.exchange_address(spec.exchange, scope)), ("exchange",))
    yield Reference(str(names.queue_address(spec.queue, scope)), ("queue",))


def queue_summary(spec: QueueSpec, address: Address) -> str:
    """Give a queue's settings on one line: `max_priority 5, message_ttl 4h, dead letters to dlx -> q.dlq`."""
    parts = [
        f"{'.'.join(path)} {_said(value)}"
        for path, value in spec.fields().items()
        if path[0] not in _QUIET | {"dead_letter"} or (path == ("type",) and value != "classic")
    ]
    if spec.dead_letter is not None:
        target = spec.dead_letter.exchange or "the default exchange"
        key = spec.dead_letter.routing_key
        implied = f" -> {address.name}.dlq" if spec.dead_letter.exchange else ""
        parts.append(f"dead letters to {target}" + (implied if key is None else f" as {key}"))
    return ", ".join(parts)


def _said(value: object) -> str:
    """Spell a value as the file does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _summary(spec: Spec, _address: Address) -> str:
    return ", ".join(
        f"{'.'.join(path)} {_said(value)}"
        for path, value in spec.fields().items()
        if path[0] not in _QUIET or path == ("type",)
    )


EXCHANGE = Kind(
    PROVIDER,
    "exchange",
    "exchanges",
    ExchangeSpec,
    _exchange,
    {"": rules.exchange_rule},
    _summary,
    references=exchange_references,
    effects=rules.exchange_effects,
    protected=names.is_protected_exchange,
    name_problem=names.name_problem,
    is_external=lambda spec: spec.external,
)
QUEUE = Kind(
    PROVIDER,
    "queue",
    "queues",
    QueueSpec,
    _queue,
    rules.QUEUE_RULES,
    queue_summary,
    expand=expand,
    references=queue_references,
    holds_data=True,
    protected=names.is_protected_queue,
    name_problem=names.name_problem,
    is_external=lambda spec: spec.external,
)
BINDING = Kind(
    PROVIDER,
    "binding",
    "bindings",
    BindingSpec,
    _binding,
    {"": rules.in_place},
    lambda spec, _address: ", ".join(f"{key} {value}" for key, value in spec.arguments),
    joins=True,
    references=binding_references,
    is_list=True,
)
POLICY = Kind(
    PROVIDER,
    "policy",
    "policies",
    PolicySpec,
    _policy,
    {"": rules.in_place},
    _summary,
    whole=frozenset({"definition"}),
    protected=names.is_protected_policy,
    name_problem=names.name_problem,
)
KINDS = (EXCHANGE, QUEUE, BINDING, POLICY)
