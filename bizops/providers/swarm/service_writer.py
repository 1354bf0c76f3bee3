"""Creates and updates services: raw specs, pinned images, and never over what moved since the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Outcome, Status
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.engine import registry, responses
from bizops.providers.swarm.spec import spec_edit
from bizops.providers.swarm.spec.field_codecs import Names, group
from bizops.providers.swarm.state import inventory, last_declared, live_settings
from bizops.providers.swarm.state.observation import engine_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Change, Step
    from bizops.providers.swarm.engine.client import Engine
    from bizops.providers.swarm.engine.registry import Resolved
    from bizops.providers.swarm.engine.responses import Answer
    from bizops.providers.swarm.spec.field_codecs import RawSpec
    from bizops.resource import Path, Resource

_IMAGE = ("image",)
_TRIES = 5
_OUT_OF_SEQUENCE = "out of sequence"
_CONFLICT = 409
_MEANWHILE = "it was changed meanwhile: plan again"
_NEEDS_ENGINE = {("healthcheck", "start_interval"): (1, 44)}
"""Settings that an older engine drops without a word, and the API version that has them."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one batch needs to know, looked up once: ids by name, and what each image means right now."""

    names: Names = field(default_factory=Names)
    images: Mapping[str, Resolved] = field(default_factory=dict)


def look_up(engine: Engine, steps: Sequence[Step], called: Mapping[str, str]) -> Resolution:
    """Ask the engine and the registries for all that the services of a batch refer to.

    `called` leads from the keys of networks to their names in the engine where those differ.
    """
    names = Names(called=called)
    settings = [wanted(step) for step in steps if step.change and _is_written(step)]
    if not settings:
        return Resolution(names)
    used = {path[0] for each in settings for path in each}
    if used & {"networks", "secrets", "configs"}:
        names = inventory.names(engine, called, with_configs="configs" in used)
    images = {each[_IMAGE] for each in settings if each.get(_IMAGE)}
    return Resolution(names, registry.resolve(engine, images))


def _is_written(step: Step) -> bool:
    is_service = step.change is not None and step.change.address.kind == "service"
    return is_service and step.action in {Action.CREATE, Action.UPDATE}


def wanted(step: Step) -> dict[Path, Any]:
    """Give the settings that a step writes: those that differ, or all declared ones where it creates."""
    change = _change(step)
    if step.action is Action.UPDATE:
        return spec_edit.after(change.fields)
    return {**_resource(step).spec.fields(), **dict(change.observed.refined)}


def create(engine: Engine, step: Step, topology: str, lookup: Resolution) -> Outcome:
    """Create a service with our label. One that a killed run created already is as good."""
    name = engine_name(_resource(step))
    spec, image = _spec(engine, spec_edit.blank(name), step, lookup)
    body = spec_edit.owned(spec, topology, _declared(_change(step), topology, lookup))
    answer = engine.ask("POST", "/services/create", body=body, headers=_credentials(image))
    if answer.status == _CONFLICT and _is_there_already(engine, step, topology, lookup):
        return Outcome(step, Status.APPLIED, "it was there already")
    return responses.outcome(step, answer, _told(image))


def update(engine: Engine, step: Step, topology: str, lookup: Resolution) -> Outcome:
    """Write the planned paths over the spec that the plan saw."""
    change = _change(step)
    raw = change.observed.raw
    spec, image = _spec(engine, raw["Spec"], step, lookup)
    spec = spec_edit.owned(spec, topology, _declared(change, topology, lookup))
    answer = _written(engine, raw, spec, _credentials(image))
    return _moved(step) if answer is None else responses.outcome(step, answer, _told(image))


def record(engine: Engine, step: Step, topology: str, lookup: Resolution) -> Outcome:
    """Write the label alone that tells what is declared: it restarts nothing."""
    assert step.write is not None  # noqa: S101 - the caller looked
    change: Change = step.write.payload
    raw = change.observed.raw
    spec = spec_edit.owned(raw["Spec"], topology, _declared(change, topology, lookup))
    answer = _written(engine, raw, spec)
    return _moved(step) if answer is None else responses.outcome(step, answer)


def _written(
    engine: Engine, raw: RawSpec, spec: RawSpec, headers: dict[str, str] | None = None
) -> Answer | None:
    """Update a service; None where its spec is another than the plan saw.

    Swarm moves the version index whenever it notes a status, so a conflict counts only where the spec is another.
    """
    index = raw["Version"]["Index"]
    for _ in range(_TRIES):
        answer = engine.ask(
            "POST",
            f"/services/{raw['ID']}/update",
            params={"version": index, "registryAuthFrom": "spec"},
            body=spec,
            headers=headers,
        )
        if answer.is_ok or _OUT_OF_SEQUENCE not in answer.message:
            break
        fresh = engine.get(f"/services/{raw['ID']}")
        if fresh["Spec"] != raw["Spec"]:
            return None
        index = fresh["Version"]["Index"]
    return answer


def _moved(step: Step) -> Outcome:
    return Outcome(step, Status.FAILED, _MEANWHILE)


def _declared(change: Change, topology: str, lookup: Resolution) -> str:
    assert change.resource is not None  # noqa: S101 - only what is declared is written
    refined, called = dict(change.observed.refined), lookup.names.called
    return last_declared.label(change.resource, refined, topology, called)


def _change(step: Step) -> Change:
    assert step.change is not None  # noqa: S101 - only changes come here
    return step.change


def _resource(step: Step) -> Resource:
    resource = _change(step).resource
    assert resource is not None  # noqa: S101 - a creation has one
    return resource


def _is_there_already(engine: Engine, step: Step, topology: str, lookup: Resolution) -> bool:
    answer = engine.ask("GET", f"/services/{engine_name(_resource(step))}")
    if not answer.is_ok or inventory.owner(answer.body["Spec"].get("Labels")) != topology:
        return False
    spec = _resource(step).spec
    assert isinstance(spec, Service)  # noqa: S101 - the kind says so
    found = dict(live_settings.fields(answer.body["Spec"], lookup.names, spec))
    return all(
        path == _IMAGE
        or spec_edit.is_bookkeeping(path)
        or (path in found and found[path].value == value)
        for path, value in wanted(step).items()
    )


def _spec(
    engine: Engine, base: RawSpec, step: Step, lookup: Resolution
) -> tuple[RawSpec, Resolved | None]:
    """Give the spec to write, and what was found out about its new image.

    Raises LookupError for what does not exist, ValueError for a setting that this engine would drop.
    """
    after = wanted(step)
    for path, version in _NEEDS_ENGINE.items():
        if after.get(path) is not None and not engine.speaks(version):
            message = f"{'.'.join(path)} needs API {version[0]}.{version[1]}, and this engine would drop it"
            raise ValueError(message)
    image = lookup.images.get(after.get(_IMAGE) or "")
    if image:
        after[_IMAGE] = image.reference
    spec = spec_edit.changed(base, after, lookup.names)
    if image:
        _place(spec, image)
    return spec, image


def _place(spec: RawSpec, image: Resolved) -> None:
    """Write what the image is built for; the platforms of the image before would keep tasks from their nodes."""
    before = spec["TaskTemplate"].get("Placement")
    placement = {key: held for key, held in (before or {}).items() if key != "Platforms"}
    if image.platforms:
        placement["Platforms"] = [dict(platform) for platform in image.platforms]
    if placement or before:
        group(spec, ("TaskTemplate",))["Placement"] = placement


def _credentials(image: Resolved | None) -> dict[str, str] | None:
    return {"X-Registry-Auth": image.credentials} if image and image.credentials else None


def _told(image: Resolved | None) -> str:
    """Say where an image could not be pinned, for then nodes may run different builds of one tag."""
    if not image or not image.problem:
        return ""
    pinned = "its digest was not found" if "@" in image.reference else "its digest is not pinned"
    return f"{pinned}: {image.problem}"
