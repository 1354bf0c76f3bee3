"""Writes what is planned: parallel requests, one for each object, and an outcome for each in the engine's words."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Action, Outcome, Status
from bizops.providers.swarm import names_for_ids, service_writer
from bizops.providers.swarm.compose import network as networks
from bizops.providers.swarm.compose import secret as secrets
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.engine import responses
from bizops.providers.swarm.spec import spec_edit
from bizops.providers.swarm.spec.field_table import OWNER
from bizops.providers.swarm.state import inventory
from bizops.providers.swarm.state.observation import engine_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.change import Change, Step
    from bizops.providers.swarm.engine.client import Engine

_CONFLICT = 409


class Writer:
    """Writes for one topology, whose name goes on what is created.

    `called` leads from the keys of networks to their names in the engine where those differ.
    """

    def __init__(
        self, engine: Engine, topology: str, called: Mapping[str, str], parallelism: int
    ) -> None:
        self._engine = engine
        self._topology = topology
        self._called = called
        self._parallelism = parallelism

    def write(self, steps: Sequence[Step], is_stopped: Callable[[], bool]) -> list[Outcome]:
        """Write steps that need nothing of each other. Raises only where the engine does not answer at all."""

        def carry_out(step: Step) -> Outcome:
            if is_stopped():
                return Outcome(step, Status.SKIPPED)
            return self._outcome(step, lookup)

        lookup = service_writer.look_up(self._engine, steps, self._called)
        with ThreadPoolExecutor(max_workers=min(self._parallelism, max(1, len(steps)))) as pool:
            return list(pool.map(carry_out, steps))

    def _outcome(self, step: Step, lookup: service_writer.Resolution) -> Outcome:
        try:
            outcome = (
                self._written(step, step.change, lookup)
                if step.change
                else service_writer.record(self._engine, step, self._topology, lookup)
            )
        except (LookupError, ValueError) as error:
            return Outcome(step, Status.FAILED, str(error.args[0]))
        except errors.UnansweredError as error:
            # Managers that lost their majority may do it once they have it again; the next try would wait as long.
            return Outcome(step, Status.FAILED, f"{error}; it may still be written: plan again")
        except errors.ProviderError as error:
            return Outcome(step, Status.RETRY, str(error))
        if outcome.status is Status.APPLIED:
            return outcome
        return replace(outcome, detail=names_for_ids.named(self._engine, outcome.detail))

    def _written(self, step: Step, change: Change, lookup: service_writer.Resolution) -> Outcome:
        if step.action is Action.DELETE:
            return self._delete(step, change)
        if change.address.kind == "service":
            carry_out = (
                service_writer.create if step.action is Action.CREATE else service_writer.update
            )
            return carry_out(self._engine, step, self._topology, lookup)
        if change.address.kind == "network":
            return self._network(step, change)
        return self._secret(step, change)

    def _network(self, step: Step, change: Change) -> Outcome:
        assert change.resource is not None  # noqa: S101 - a network is created or deleted, never updated
        spec = change.resource.spec
        assert isinstance(spec, Network)  # noqa: S101 - the kind says so
        labels = {OWNER: self._topology, **networks.record(change.resource.hidden)}
        body = networks.written(engine_name(change.resource), spec, labels)
        answer = self._engine.ask("POST", "/networks/create", body=body)
        if answer.status == _CONFLICT and self._is_ours("networks", body["Name"]):
            return Outcome(step, Status.APPLIED, "it was there already")
        return responses.outcome(step, answer)

    def _secret(self, step: Step, change: Change) -> Outcome:
        if step.action is Action.UPDATE or change.resource is None:
            return self._label_secret(step, change)
        spec = change.resource.spec
        assert isinstance(spec, secrets.Secret)  # noqa: S101 - the kind says so
        value = base64.b64encode(secrets.value_of(spec)).decode()
        name = engine_name(change.resource)
        body = {"Name": name, "Labels": {OWNER: self._topology}, "Data": value}
        answer = self._engine.ask("POST", "/secrets/create", body=body)
        if answer.status == _CONFLICT and self._is_ours("secrets", name):
            return Outcome(step, Status.APPLIED, "it was there already")
        return responses.outcome(step, answer)

    def _label_secret(self, step: Step, change: Change) -> Outcome:
        """Adopt a secret: its labels are all that can be changed."""
        raw = change.observed.raw
        answer = self._engine.ask(
            "POST",
            f"/secrets/{raw['ID']}/update",
            params={"version": raw["Version"]["Index"]},
            body=spec_edit.owned(raw["Spec"], self._topology),
        )
        return responses.outcome(step, answer)

    def _is_ours(self, plural: str, name: str) -> bool:
        """True where a run that was killed has created it already."""
        there = self._engine.ask("GET", f"/{plural}/{name}")
        labelled = there.body if plural == "networks" else (there.body or {}).get("Spec", {})
        return there.is_ok and inventory.owner(labelled.get("Labels")) == self._topology

    def _delete(self, step: Step, change: Change) -> Outcome:
        """Delete by id, so that another object that took the name since the plan stays."""
        raw = change.observed.raw or {}
        identity = raw.get("ID") or raw.get("Id")
        if not identity:
            return Outcome(step, Status.APPLIED)
        path = f"/{change.address.kind}s/{identity}"
        return responses.deletion(step, self._engine.ask("DELETE", path))
