"""How the declared services are doing, for people; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bizops.provider import Health
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.state import observation, update_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.swarm.state.convergence import Convergence
    from bizops.providers.swarm.state.inventory import Inventory, Raw
    from bizops.providers.swarm.state.observation import Declared
    from bizops.resource import Resource

COLUMNS = ("SERVICE", "TASKS", "IMAGE", "UPDATE", "LAST ERROR")
_UPDATES = {
    "updating": "updating",
    "completed": "",
    "paused": "paused",
    "rollback_started": "rolling back",
    "rollback_completed": "rolled back",
    "rollback_paused": "rollback paused",
}
_WRONG = {
    "paused": "its last update is paused",
    "rollback_started": "Swarm is rolling it back",
    "rollback_completed": "Swarm rolled its last update back",
    "rollback_paused": "its rollback is paused",
}


def of(declared: Declared, found: Inventory) -> Health:
    """Give one row for each declared service, in the order given."""
    rows, settings = [], []
    for resource in declared.resources:
        if not isinstance(resource.spec, Service):
            continue
        name = observation.engine_name(resource)
        raw = found.services.get(name)
        fields = observation.settings(raw, found, resource.spec) if raw else ()
        is_as_declared = observation.is_as_declared(
            fields, resource.spec, declared.renamed(resource.spec)
        )
        cells, problem = _row(
            resource, raw, found.standings.get(name), is_as_declared=is_as_declared
        )
        rows.append((resource.address, cells, problem))
        settings.append((resource.address, tuple((path, field.value) for path, field in fields)))
    cluster = found.nodes.cluster()
    is_fine = not cluster.is_degraded and not any(row[2] for row in rows)
    verdict = "ok" if is_fine else "DEGRADED"
    return Health(COLUMNS, tuple(rows), verdict, cluster, tuple(settings))


def _row(
    resource: Resource, raw: Raw | None, stands: Convergence | None, *, is_as_declared: bool
) -> tuple[tuple[str, ...], str]:
    name = resource.address.name
    if raw is None or stands is None:
        return (name, "-", "-", "", ""), "it does not exist"
    update = raw.get("UpdateStatus") or {}
    state = update.get("State", "")
    image = observation.tag_of(
        raw["Spec"]["TaskTemplate"].get("ContainerSpec", {}).get("Image", "")
    )
    is_history = update_status.is_history(state, is_as_declared=is_as_declared)
    problem = ("" if is_history else _WRONG.get(state, "")) or stands.trouble
    cells = (
        name,
        f"{stands.running}/{stands.wanted}",
        image,
        _told(state, update),
        stands.error if problem else "",
    )
    return cells, problem


def _told(state: str, update: Mapping[str, Any]) -> str:
    words = _UPDATES.get(state, state)
    when = update.get("CompletedAt") or update.get("StartedAt")
    if not words or not when:
        return words
    try:
        moment = datetime.fromisoformat(str(when)[:19] + "+00:00")
    except ValueError:
        return words
    minutes = int((datetime.now(UTC) - moment).total_seconds() // 60)
    return f"{words} {_ago(minutes)}"


def _ago(minutes: int) -> str:
    for size, unit in ((1440, "d"), (60, "h")):
        if minutes >= size:
            return f"{minutes // size} {unit} ago"
    return f"{minutes} min ago" if minutes > 0 else "just now"
