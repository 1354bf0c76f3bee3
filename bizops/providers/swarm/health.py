"""How the declared services are doing, for people; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bizops.provider import Health
from bizops.providers.swarm import observation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.providers.swarm.inventory import Inventory, Raw
    from bizops.providers.swarm.standing import Standing
    from bizops.resource import Path, Resource

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


def of(services: Sequence[Resource], found: Inventory) -> Health:
    """Give one row for each service, in the order given."""
    rows, settings = [], []
    for resource in services:
        name = observation.engine_name(resource)
        raw = found.services.get(name)
        fields = observation.settings(raw, found, resource) if raw else ()
        cells, problem = _row(resource, raw, found.standings.get(name), dict(fields))
        rows.append((resource.address, cells, problem))
        settings.append((resource.address, fields))
    cluster = found.nodes.cluster()
    is_fine = not cluster.is_degraded and not any(row[2] for row in rows)
    verdict = "ok" if is_fine else "DEGRADED"
    return Health(COLUMNS, tuple(rows), verdict, cluster, tuple(settings))


def _row(
    resource: Resource, raw: Raw | None, stands: Standing | None, live: Mapping[Path, Any]
) -> tuple[tuple[str, ...], str]:
    name = resource.address.name
    if raw is None or stands is None:
        return (name, "-", "-", "", ""), "it does not exist"
    update = raw.get("UpdateStatus") or {}
    state = update.get("State", "")
    image = observation.tag_of(
        raw["Spec"]["TaskTemplate"].get("ContainerSpec", {}).get("Image", "")
    )
    wrong = "" if _is_history(state, resource, live) else _WRONG.get(state, "")
    problem = wrong or stands.trouble
    cells = (
        name,
        f"{stands.running}/{stands.wanted}",
        image,
        _told(state, update),
        stands.error if problem else "",
    )
    return cells, problem


def _is_history(state: str, resource: Resource, live: Mapping[Path, Any]) -> bool:
    """True of a rollback that led to what is declared: Swarm keeps its status until the next update."""
    wanted = resource.spec.fields()
    return state == "rollback_completed" and all(
        path in live and live[path] == value for path, value in wanted.items()
    )


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
