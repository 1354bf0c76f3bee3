"""What `status` shows of the declared queues; pure.

The listing with statistics has every queue, also what lies on nodes that are down (3.10.8, 4.0.5 and 4.3.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.provider import Health
from bizops.providers.rabbitmq.declared.specs import QueueSpec
from bizops.providers.rabbitmq.live import cluster
from bizops.providers.rabbitmq.naming.names import encode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.providers.rabbitmq.live.cluster import Nodes
    from bizops.resource import Address, Resource

COLUMNS = ("QUEUE", "READY", "UNACKED", "CONSUMERS", "IN/s", "OUT/s", "DLQ")
_WANTED = (
    "name,state,node,members,online,messages_ready,messages_unacknowledged,consumers,"
    "message_stats.publish_details.rate,message_stats.deliver_get_details.rate"
)

_UNREAD = "nobody consumes"

Listing = "Mapping[str, Mapping[str, Any]]"


def path(vhost: str) -> str:
    """Give the path of the listing with statistics; it is slower than the cheap one, and read for people only."""
    return f"/queues/{encode(vhost)}?columns={_WANTED}"


def health(
    resources: Sequence[Resource],
    listings: Mapping[str, Mapping[str, Any]],
    section_vhost: str,
    nodes: Nodes,
) -> Health:
    """Give one row for each declared queue; a dead-letter queue that is implied is a column of its parent."""
    queues = [r for r in resources if isinstance(r.spec, QueueSpec)]
    implied = {
        r.address for r in queues if r.source is not None and r.source.derived == "dead_letter"
    }
    rows = tuple(
        _row(resource.address, listings[resource.address.scope or section_vhost], nodes, implied)
        for resource in queues
        if resource.address not in implied
    )
    places = [cluster.place(item, nodes) for each in listings.values() for item in each.values()]
    state = cluster.state(nodes, places)
    is_degraded = state.is_degraded or any(p and p != _UNREAD for _, _, p in rows)
    return Health(COLUMNS, rows, "DEGRADED" if is_degraded else "ok", state)


def _row(
    address: Address, listing: Mapping[str, Any], nodes: Nodes, implied: set[Address]
) -> tuple[Address, tuple[str, ...], str]:
    name = address.name
    queue = listing.get(name)
    dead = address._replace(parts=(f"{name}.dlq",))
    letters = listing.get(dead.name, {}) if dead in implied else {}
    their_place = cluster.place(letters, nodes)
    is_known = bool(letters) and not their_place.away
    dlq = str(letters.get("messages_ready") or 0) if is_known else "-"
    place = cluster.place(queue or {}, nodes)
    if queue is None or place.away:
        problem = f"it lies {place.away}" if place.away else "missing"
        return address, (name, "-", "-", "-", "-", "-", dlq), problem
    stats = queue.get("message_stats") or {}
    ready, unacked = queue.get("messages_ready") or 0, queue.get("messages_unacknowledged") or 0
    consumers = queue.get("consumers") or 0
    cells = (
        name,
        str(ready),
        str(unacked),
        str(consumers),
        _rate(stats, "publish_details"),
        _rate(stats, "deliver_get_details"),
        dlq,
    )
    state = queue.get("state") or "running"
    if state not in {"running", "live", "idle", "flow"}:
        return address, cells, f"missing: it is {state}"
    if place.lacking:
        return address, cells, place.lacking
    if their_place.away:
        return address, cells, f"{dead.name} lies {their_place.away}"
    return address, cells, _UNREAD if ready and not consumers else ""


def _rate(stats: Mapping[str, Any], name: str) -> str:
    rate = (stats.get(name) or {}).get("rate") or 0.0
    return f"{rate:.2f}"
