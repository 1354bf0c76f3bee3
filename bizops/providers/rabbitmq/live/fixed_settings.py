"""What was given when a queue or an exchange was declared, and is not in the file any more; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.provider import fixed
from bizops.providers.rabbitmq.declared.specs import QueueSpec
from bizops.providers.rabbitmq.live import queue_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bizops.providers.rabbitmq.live.snapshots import Vhost
    from bizops.resource import Observation, Path, Spec

_CREATED: Mapping[str, Mapping[Path, Any]] = {
    "queue": {
        ("durable",): True,
        ("auto_delete",): False,
        ("single_active_consumer",): False,
    },
    "exchange": {
        ("type",): "direct",
        ("durable",): True,
        ("auto_delete",): False,
        ("internal",): False,
    },
}
"""What an object has that was created without the setting."""
_FIXED = frozenset({"argument", "declaration"})


def notes(found: Observation, spec: Spec, vhost: Vhost) -> Iterator[str]:
    """Name what the declaration does not have and nothing takes away."""
    created = _CREATED.get(found.address.kind)
    if created is None:
        return
    if isinstance(spec, QueueSpec) and not vhost.settings.problem:
        created = {
            **created,
            ("type",): queue_state.default_type(spec, vhost.settings.default_type),
        }
    given = [
        (path, field)
        for path, field in found.fields
        if field.origin in _FIXED and not (path == ("type",) and vhost.settings.problem)
    ]
    yield from fixed(given, spec.fields(), created)
