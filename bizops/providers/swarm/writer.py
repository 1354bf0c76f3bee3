"""Writes what is planned: parallel requests, one for each object, and an outcome for each in the engine's words."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Action, Outcome, Status
from bizops.providers.swarm import inventory, live, registry, write
from bizops.providers.swarm import network as networks
from bizops.providers.swarm import secret as secrets
from bizops.providers.swarm.network import Network
from bizops.providers.swarm.observe import engine_name
from bizops.providers.swarm.service import Service
from bizops.providers.swarm.shapes import Names, group
from bizops.providers.swarm.table import OWNER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Change, Step
    from bizops.providers.swarm.client import Answer, Engine
    from bizops.providers.swarm.registry import Resolved
    from bizops.providers.swarm.shapes import RawSpec

_IMAGE = ("image",)
_TRIES = 5
_OUT_OF_SEQUENCE = "out of sequence"
_CONFLICT = 409
_NOT_FOUND = 404
_MEANWHILE = "it was changed meanwhile: plan again"
_IN_USE = ("in use", "active endpoints")


@dataclass(frozen=True, slots=True)
class _Batch:
    """What one call of `apply` looks up once for all its steps."""

    names: Names
    images: Mapping[str, Resolved]


class Writer:
    """Writes for one topology, whose name goes on what is created."""

    def __init__(self, engine: Engine, topology: str, parallelism: int) -> None:
        self._engine = engine
        self._topology = topology
        self._parallelism = parallelism

    def write(self, steps: Sequence[Step]) -> list[Outcome]:
        """Write steps that need nothing of each other. Raises only where the engine does not answer at all."""
        batch = self._prepare(steps)
        with ThreadPoolExecutor(max_workers=min(self._parallelism, max(1, len(steps)))) as pool:
            return list(pool.map(lambda step: self._outcome(step, batch), steps))

    def _prepare(self, steps: Sequence[Step]) -> _Batch:
        changed = [
            field
            for step in steps
            if step.change and step.action in {Action.CREATE, Action.UPDATE}
            for field in step.change.fields
        ]
        paths = {field.path[0] for field in changed}
        names = Names()
        if paths & {"networks", "secrets", "configs"}:
            names = inventory.names(self._engine, with_configs="configs" in paths)
        images = {field.after for field in changed if field.path == _IMAGE and field.after}
        return _Batch(names, registry.resolve(self._engine, images))

    def _outcome(self, step: Step, batch: _Batch) -> Outcome:
        change = step.change
        if change is None:
            return Outcome(step, Status.FAILED, "Swarm has no writes without an address")
        try:
            if step.action is Action.DELETE:
                return self._delete(step, change)
            write_one = {"service": self._service, "network": self._network, "secret": self._secret}
            return write_one[change.address.kind](step, change, batch)
        except (LookupError, ValueError) as error:
            return Outcome(step, Status.FAILED, str(error.args[0]))
        except errors.ProviderError as error:
            return Outcome(step, Status.RETRY, str(error))

    # Services

    def _service(self, step: Step, change: Change, batch: _Batch) -> Outcome:
        if step.action is Action.CREATE:
            return self._create_service(step, change, batch)
        return self._update_service(step, change, batch)

    def _create_service(self, step: Step, change: Change, batch: _Batch) -> Outcome:
        assert change.resource is not None  # noqa: S101 - a creation has one
        name = engine_name(change.resource)
        spec, image = self._spec(write.blank(name), change, batch)
        answer = self._engine.ask(
            "POST",
            "/services/create",
            body=write.owned(spec, self._topology),
            headers=_auth(image),
        )
        if answer.status == _CONFLICT and self._is_there_already(name, change, batch):
            return Outcome(step, Status.APPLIED, "it was there already")
        return _judged(step, answer, _told(image))

    def _is_there_already(self, name: str, change: Change, batch: _Batch) -> bool:
        """True where a run that was killed has written this very service."""
        answer = self._engine.ask("GET", f"/services/{name}")
        if not answer.is_ok or inventory.owner(answer.body["Spec"].get("Labels")) != self._topology:
            return False
        assert change.resource is not None  # noqa: S101 - a creation has one
        spec = change.resource.spec
        assert isinstance(spec, Service)  # noqa: S101 - the kind says so
        found = dict(live.fields(answer.body["Spec"], batch.names, spec))
        return all(
            field.path == _IMAGE or (field.path in found and found[field.path].value == field.after)
            for field in change.fields
        )

    def _update_service(self, step: Step, change: Change, batch: _Batch) -> Outcome:
        raw = change.observed.raw
        spec, image = self._spec(raw["Spec"], change, batch)
        if change.adopts:
            spec = write.owned(spec, self._topology)
        index = raw["Version"]["Index"]
        for _ in range(_TRIES):
            answer = self._engine.ask(
                "POST",
                f"/services/{raw['ID']}/update",
                params={"version": index, "registryAuthFrom": "spec"},
                body=spec,
                headers=_auth(image),
            )
            if answer.is_ok or _OUT_OF_SEQUENCE not in answer.message:
                break
            fresh = self._engine.get(f"/services/{raw['ID']}")
            if fresh["Spec"] != raw["Spec"]:
                return Outcome(step, Status.FAILED, _MEANWHILE)
            index = fresh["Version"]["Index"]
        return _judged(step, answer, _told(image))

    def _spec(
        self, base: RawSpec, change: Change, batch: _Batch
    ) -> tuple[RawSpec, Resolved | None]:
        """Give the spec to write, and what was found out about a new image."""
        after = write.after(change.fields)
        image = batch.images.get(after.get(_IMAGE) or "")
        if image:
            after[_IMAGE] = image.reference
        spec = write.changed(base, after, batch.names)
        if image:
            _place(spec, image)
        return spec, image

    # Networks and secrets

    def _network(self, step: Step, change: Change, batch: _Batch) -> Outcome:
        del batch
        if step.action is Action.UPDATE:
            why = (
                "the labels of a network cannot be changed: declare it external, or delete it first"
            )
            return Outcome(step, Status.FAILED, why)
        assert change.resource is not None  # noqa: S101 - a creation has one
        spec = change.resource.spec
        assert isinstance(spec, Network)  # noqa: S101 - the kind says so
        body = networks.written(engine_name(change.resource), spec, {OWNER: self._topology})
        return _judged(step, self._engine.ask("POST", "/networks/create", body=body))

    def _secret(self, step: Step, change: Change, batch: _Batch) -> Outcome:
        del batch
        if step.action is Action.UPDATE:
            raw = change.observed.raw
            answer = self._engine.ask(
                "POST",
                f"/secrets/{raw['ID']}/update",
                params={"version": raw["Version"]["Index"]},
                body=write.owned(raw["Spec"], self._topology),
            )
            return _judged(step, answer)
        assert change.resource is not None  # noqa: S101 - a creation has one
        value = base64.b64encode(secrets.value_of(change.resource)).decode()
        name = engine_name(change.resource)
        body = {"Name": name, "Labels": {OWNER: self._topology}, "Data": value}
        answer = self._engine.ask("POST", "/secrets/create", body=body)
        if answer.status == _CONFLICT:
            there = self._engine.ask("GET", f"/secrets/{name}")
            if there.is_ok and inventory.owner(there.body["Spec"].get("Labels")) == self._topology:
                return Outcome(step, Status.APPLIED, "it was there already")
        return _judged(step, answer)

    def _delete(self, step: Step, change: Change) -> Outcome:
        """Delete by id, so that another object that took the name since the plan stays."""
        raw = change.observed.raw or {}
        identity = raw.get("ID") or raw.get("Id")
        if not identity:
            return Outcome(step, Status.APPLIED)
        answer = self._engine.ask("DELETE", f"/{change.address.kind}s/{identity}")
        if answer.status == _NOT_FOUND:
            return Outcome(step, Status.APPLIED)
        if not answer.is_ok and any(words in answer.message for words in _IN_USE):
            return Outcome(step, Status.RETRY, answer.message)
        return _judged(step, answer)


def _auth(image: Resolved | None) -> dict[str, str] | None:
    return {"X-Registry-Auth": image.credentials} if image and image.credentials else None


def _told(image: Resolved | None) -> str:
    """Say where an image could not be pinned, so that nodes may run different builds of one tag."""
    return f"its digest is not pinned: {image.problem}" if image and image.problem else ""


def _place(spec: RawSpec, image: Resolved) -> None:
    """Write what the image is built for; those of the image before would keep tasks from their nodes."""
    placement = (spec["TaskTemplate"].get("Placement") or {}).copy()
    placement.pop("Platforms", None)
    if image.platforms:
        placement["Platforms"] = [dict(platform) for platform in image.platforms]
    if placement or spec["TaskTemplate"].get("Placement"):
        group(spec, ("TaskTemplate",))["Placement"] = placement


def _judged(step: Step, answer: Answer, detail: str = "") -> Outcome:
    if answer.is_ok:
        return Outcome(step, Status.APPLIED, detail)
    passing = answer.status >= 500 and "leader" in answer.message  # noqa: PLR2004 - an election is under way
    return Outcome(step, Status.RETRY if passing else Status.FAILED, answer.message)
