"""What follows from the changes of services: their label, and what stands in their way; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.change import Action, Effect, EffectKind, Write
from bizops.provider import Derived
from bizops.providers.swarm import conflicts, precheck
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec.field_table import DECLARED
from bizops.providers.swarm.spec.structured_fields import mode_of
from bizops.providers.swarm.state import last_declared
from bizops.providers.swarm.state.inventory import Inventory
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.change import Change
    from bizops.provider import Observations, Scope
    from bizops.resource import Address, Path

_MOVING = frozenset({"updating", "paused", "rollback_started", "rollback_paused"})


def derive(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Give what a service's label needs, notes on what left the file and stays, and what cannot be done."""
    found = observations.context
    called = found.names.called if isinstance(found, Inventory) else {}
    writes: list[Write] = []
    refused = list(precheck.refusals(changes, found)) if isinstance(found, Inventory) else []
    effects: list[tuple[Address, Effect]] = []
    for change in changes:
        if not _is_live_service(change):
            continue
        said = _notes(change, scope.topology, called)
        if change.action is Action.UPDATE:
            effects += [(change.address, Effect(EffectKind.NOTE, text)) for text in said]
            refused += conflicts.refusals(change, _wanted(change))
        elif change.action is Action.NOOP and _may_be_labelled(change, scope.topology, called):
            writes.append(_labelling(change, said))
    return Derived(tuple(writes), tuple(refused), effects=tuple(effects))


def _is_live_service(change: Change) -> bool:
    declared = change.resource is not None and isinstance(change.resource.spec, Service)
    return declared and change.observed.presence is Presence.PRESENT


def _notes(change: Change, topology: str, called: Mapping[str, str]) -> list[str]:
    record = last_declared.recorded(change.observed.raw["Spec"], topology)
    fields, wanted = dict(change.observed.fields), _wanted(change)
    return list(last_declared.notes(fields, record or {}, wanted, called))


def _wanted(change: Change) -> dict[Path, Any]:
    assert change.resource is not None  # noqa: S101 - the caller looked
    return {**change.resource.spec.fields(), **dict(change.observed.refined)}


def _may_be_labelled(change: Change, topology: str, called: Mapping[str, str]) -> bool:
    """True where the label says something else, and writing it alone harms nothing.

    Swarm runs a job again and goes on with a paused update whatever is written (swarmkit `controlapi/service.go`).
    """
    raw = change.observed.raw
    if change.observed.owner != topology or change.observed.degraded:
        return False
    if mode_of(raw["Spec"])[0].endswith("-job"):
        return False
    if (raw.get("UpdateStatus") or {}).get("State", "") in _MOVING:
        return False
    assert change.resource is not None  # noqa: S101 - the caller looked
    wanted = last_declared.label(change.resource, dict(change.observed.refined), topology, called)
    return bool((raw["Spec"].get("Labels") or {}).get(DECLARED) != wanted)


def _labelling(change: Change, said: Sequence[str]) -> Write:
    name = change.address.name
    return Write(
        "swarm",
        f"{DECLARED} {name}",
        Action.CREATE,
        "; ".join([f"label {DECLARED} of service {name}", *said]),
        shown_under=(change.address,),
        payload=change,
        is_upkeep=True,
    )
