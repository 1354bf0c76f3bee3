"""The plan as programs read it: Terraform's vocabulary, so that existing policy tools port.

`plan.schema.json` beside this file is the contract. A minor version adds keys; a major one may change them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from bizops import sensitive
from bizops.change import Action
from bizops.render.sensitive.concealment import declared_fields
from bizops.render.tally import tally
from bizops.render.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bizops.change import Change, Effect, FieldChange, Plan, Refusal, System, Write
    from bizops.render.heading import Heading
    from bizops.resource import Observation, Path, Source

FORMAT_VERSION = "1.0"
ACTIONS = {
    Action.NOOP: ["no-op"],
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.DELETE: ["delete"],
}
Json = dict[str, Any]


def plan_json(plan: Plan, *, heading: Heading) -> Json:
    """Give the plan as plain values for JSON, every hidden one as `(hidden #1)`."""
    values = Values()
    refused = plan.refused()
    return {
        "format_version": FORMAT_VERSION,
        **topology_json(heading, plan.systems),
        "resource_changes": [
            _change(change, plan, values, refused=change.address in refused)
            for change in plan.changes
        ],
        "writes": [_write(write) for write in plan.writes],
        "refusals": [refusal_json(refusal) for refusal in plan.refusals],
        "unmanaged": [_observed(observed, values) for observed in plan.unmanaged],
        "unreadable": [
            {"address": str(observed.address), "why": observed.why} for observed in plan.unreadable
        ],
        "warnings": list(plan.warnings),
        "summary": dataclasses.asdict(tally(plan)),
        "digest": plan.digest,
        "partial": plan.partial,
        "complete": plan.is_complete,
        "applyable": plan.is_complete and not plan.refusals and not plan.is_empty,
        "errored": False,
    }


def topology_json(heading: Heading, systems: Iterable[System]) -> Json:
    """Give the topology and the systems; without seconds, so that the same plan is the same document."""
    return {
        "topology": heading.topology,
        "environment": heading.environment,
        "files": list(heading.files),
        "systems": [_system(system, heading) for system in systems],
    }


def _system(system: System, heading: Heading) -> Json:
    reading = heading.reading(system.provider)
    return {
        **dataclasses.asdict(system),
        "objects": reading.objects if reading and not system.problem else 0,
    }


def _change(change: Change, plan: Plan, values: Values, *, refused: bool) -> Json:
    resource = change.resource
    before, before_sensitive = _before(change, values)
    after, after_sensitive = _after(change, values)
    return {
        "address": str(change.address),
        "mode": "data" if resource is not None and resource.external else "managed",
        "provider_name": change.address.provider,
        "type": f"{change.address.provider}.{change.address.kind}",
        "name": change.address.name,
        "source": source_json(resource.source if resource else None),
        "change": {
            "actions": ACTIONS[change.action],
            "before": before,
            "after": after,
            "after_unknown": {},
            "before_sensitive": before_sensitive,
            "after_sensitive": after_sensitive,
            "replace_paths": [list(field.path) for field in change.fields if field.forces],
        },
        "fields": [_field(field, values) for field in change.fields],
        "not_managed": [_field(field, values) for field in change.unmanaged],
        "effects": [_effect(effect, values) for effect in change.effects],
        "writes": [write.identity for write in plan.writes if change.address in write.shown_under],
        "needs": [str(need) for need in change.needs],
        "waits": [str(user) for user in change.waits],
        "reason": change.reason,
        "notes": list(change.observed.notes),
        "counts": dict(change.observed.counts),
        "degraded": change.observed.degraded,
        "away": change.observed.away,
        "adopts": change.adopts,
        "refused": refused,
    }


def _before(change: Change, values: Values) -> tuple[Json | None, Json | bool]:
    """Give what is there of what is declared, and what differs: settings that nobody manages stay out."""
    if change.action is Action.CREATE:
        return None, False
    live = {path: field.value for path, field in change.observed.fields}
    if change.resource is not None and change.action is not Action.DELETE:
        wanted = declared_fields(change.resource)
        live = {
            path: sensitive.pair(path, value, wanted[path], lambda _text: False)[0]
            for path, value in live.items()
            if path in wanted
        }
    for field in change.fields:
        if field.before is not None:
            _replace(live, field.path, field.before)
    return values.tree(live)


def _after(change: Change, values: Values) -> tuple[Json | None, Json | bool]:
    if change.action is Action.DELETE or change.resource is None:
        return None, False
    wanted = declared_fields(change.resource)
    for path, value in change.observed.refined:
        wanted[path] = sensitive.at_its_place(path, value, change.resource.hidden)
    for field in change.fields:
        if field.after is not None:
            _replace(wanted, field.path, field.after)
    return values.tree(wanted)


def _replace(fields: dict[Path, Any], path: Path, value: Any) -> None:  # noqa: ANN401 - any setting
    """Set a value, unless the setting that holds it is there whole."""
    if not any(path[:length] in fields for length in range(1, len(path))):
        fields[path] = value


def _field(field: FieldChange, values: Values) -> Json:
    return {
        "path": list(field.path),
        "before": values.json(field.before),
        "after": values.json(field.after),
        "origin": field.origin,
        "reason": field.reason,
        "forces_replacement": field.forces,
        "pins": field.pins,
        "default_of": field.default_of,
    }


def _effect(effect: Effect, values: Values) -> Json:
    return {
        "kind": effect.kind.value,
        "text": effect.text,
        "data": values.json(dict(effect.data)),
        "live": values.json(dict(effect.live)),
    }


def _write(write: Write) -> Json:
    return {
        "provider_name": write.provider,
        "identity": write.identity,
        "actions": ACTIONS[write.action],
        "text": write.text,
        "serves": [str(address) for address in write.serves],
        "after": [str(item) for item in write.after],
        "shown_under": [str(address) for address in write.shown_under],
        "is_upkeep": write.is_upkeep,
    }


def refusal_json(refusal: Refusal) -> Json:
    """Give a refusal; its address is null where the plan as a whole is refused."""
    return {
        "address": str(refusal.address) if refusal.address else None,
        "field": refusal.field,
        "why": refusal.why,
        "remedies": list(refusal.remedies),
    }


def _observed(observed: Observation, values: Values) -> Json:
    live, _ = values.tree({path: field.value for path, field in observed.fields})
    return {
        "address": str(observed.address),
        "counts": dict(observed.counts),
        "notes": list(observed.notes),
        "fields": live,
    }


def source_json(source: Source | None) -> Json | None:
    """Give where a resource was written; `derived` names the setting that implied it."""
    return source._asdict() if source is not None else None
