"""What the management API answers to each question of ours (3.10.8, 4.0.5 and 4.3.6): what is read of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from bizops.provider.expected import MAP, NUMBER

if TYPE_CHECKING:
    from bizops.provider.expected import Shape

_RATE = {"rate?": NUMBER}
_QUEUE = {
    "name": str,
    "type?": str,
    "durable?": bool,
    "auto_delete?": bool,
    "arguments?": MAP,
    "policy?": str,
    "state?": str,
    "node?": str,
    "members?": [str],
    "online?": [str],
    **dict.fromkeys(("messages?", "messages_unacknowledged?", "messages_ready?"), NUMBER),
    "consumers?": NUMBER,
    "message_stats?": {"publish_details?": _RATE, "deliver_get_details?": _RATE},
}
_EXCHANGE = {
    "name": str,
    "type": str,
    **dict.fromkeys(("durable?", "auto_delete?", "internal?"), bool),
    "arguments?": MAP,
}
_BINDING = {
    **dict.fromkeys(("source", "destination", "destination_type", "routing_key"), str),
    "arguments?": MAP,
    "properties_key?": str,
}
_POLICY = {
    "name": str,
    "pattern": str,
    "apply-to?": str,
    "priority?": NUMBER,
    "definition?": MAP,
}
_SHAPES: tuple[tuple[str, Shape], ...] = (
    (
        "/overview",
        {
            "rabbitmq_version": str,
            "cluster_name?": str,
            "node?": str,
            "exchange_types?": [{"name": str}],
        },
    ),
    ("/whoami", {"name": str, "tags?": (list, str)}),
    ("/global-parameters/internal_cluster_id", {"value": str}),
    ("/deprecated-features", [{"name": str, "state?": str, "deprecation_phase": str}]),
    # Without a name, or with nothing at all, it is a vhost that goes just now (4.3.6 and 3.10.8, three nodes).
    ("/vhosts", [{"name?": str, "default_queue_type?": str}]),
    ("/vhost-limits", [{"vhost": str, "value?": {"max-queues?": NUMBER}}]),
    ("/nodes", [{"name": str, "running": bool}]),
    ("/queues/[^/]+", [_QUEUE]),
    ("/queues/[^/]+/[^/]+", {"arguments?": MAP, "state?": str}),
    ("/exchanges/[^/]+", [_EXCHANGE]),
    ("/bindings/[^/]+", [_BINDING]),
    ("/(operator-)?policies/[^/]+", [_POLICY]),
)


def of(path: str) -> Shape:
    """Give the shape of the answer to GET of a path below `/api`."""
    return next(
        shape for pattern, shape in _SHAPES if re.fullmatch(pattern, path.partition("?")[0])
    )
