"""One declared resource against one observation: the change it takes, and what stands in its way; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import diff
from bizops.change import Action, Change, Effect, EffectKind, FieldChange, Refusal
from bizops.provider import IN_PLACE, Mutability, Transition, Verdict, is_match
from bizops.resource import Presence

if TYPE_CHECKING:
    from bizops.planner.selection import Targeting
    from bizops.provider import Kind
    from bizops.resource import Observation, Resource

Compared = tuple[Change, tuple[Refusal, ...]]


def compare(
    resource: Resource, observed: Observation, kind: Kind, topology: str, choice: Targeting
) -> Compared:
    """Give the change for one resource that could be read, with its refusals.

    A refused change keeps its fields, so that a reader sees what it would have been.
    """
    if resource.external:
        return _external(resource, observed)
    if observed.presence is Presence.ABSENT:
        return with_effects(_creation(resource, observed), kind), ()
    change, refusals = _update(resource, observed, kind)
    adopted, ownership = _adoption(change, kind, topology, choice)
    return with_effects(_restarted(adopted, kind, choice), kind), (*ownership, *refusals)


def _external(resource: Resource, observed: Observation) -> Compared:
    change = Change(resource.address, Action.NOOP, resource, observed, needs=resource.needs)
    if observed.presence is Presence.PRESENT:
        return change, ()
    why = "it is external, so it must exist already, and it does not"
    remedies = ("create it where it belongs", "correct its name", "drop external: true")
    return change, (Refusal(resource.address, "external", why, remedies),)


def _creation(resource: Resource, observed: Observation) -> Change:
    wanted = {**resource.spec.fields(), **dict(observed.refined)}
    fields = tuple(FieldChange(path, None, wanted[path]) for path in sorted(wanted))
    return Change(resource.address, Action.CREATE, resource, observed, fields, needs=resource.needs)


def _update(resource: Resource, observed: Observation, kind: Kind) -> Compared:
    live = dict(observed.fields)
    wanted = {**resource.spec.fields(), **dict(observed.refined)}
    found = diff.diff(wanted, live, kind.whole)
    ignores = resource.lifecycle.ignores
    unmanaged = tuple(f for f in found if ignores(f.path) and not f.pins)
    changed: list[FieldChange] = []
    effects: list[Effect] = []
    refusals: list[Refusal] = []
    action = Action.NOOP
    for field in found:
        if ignores(field.path):
            continue
        verdict = IN_PLACE
        if not field.pins and not (field.default_of and field.before == field.after):
            verdict = kind.rule(field.path)(_transition(field, resource, observed))
        forces = verdict.mutability is Mutability.REPLACE
        changed.append(replace(field, reason=verdict.why, forces=forces))
        effects += _effects(field, verdict)
        if verdict.mutability is Mutability.NEVER:
            refusals.append(Refusal(resource.address, field.name, verdict.why, verdict.remedies))
        if forces:
            action = Action.REPLACE
        elif action is Action.NOOP:
            action = Action.UPDATE
    change = Change(
        resource.address,
        action,
        resource,
        observed,
        tuple(changed),
        tuple(effects),
        resource.needs,
        unmanaged=unmanaged,
    )
    return change, tuple(refusals)


def _transition(field: FieldChange, resource: Resource, observed: Observation) -> Transition:
    return Transition(field.path, field.before, field.after, field.origin, resource, observed)


def _effects(field: FieldChange, verdict: Verdict) -> list[Effect]:
    data = (("field", field.name),)
    effects = [Effect(EffectKind.WARNING, text, data) for text in verdict.warnings]
    effects += [Effect(EffectKind.NOTE, text, data) for text in verdict.notes]
    if verdict.mutability is Mutability.LOSES_DATA:
        effects.append(Effect(EffectKind.DATA_LOSS, verdict.why, data))
    return effects


def _adoption(
    change: Change, kind: Kind, topology: str, choice: Targeting
) -> tuple[Change, tuple[Refusal, ...]]:
    """Refuse to write what is not ours; with consent, make taking it over part of the change."""
    owner = change.observed.owner
    if owner is None or owner == topology:
        return change, ()
    why = f"it belongs to topology {owner}" if owner else "it exists and carries no bizops label"
    if kind.adoption_problem:
        remedies = ("declare it external: true", "give yours another name")
        return change, (
            Refusal(change.address, "", f"{why}, and {kind.adoption_problem}", remedies),
        )
    if any(is_match(str(change.address), pattern) for pattern in choice.adopt):
        mark = FieldChange(("bizops.topology",), owner or None, topology)
        action = Action.UPDATE if change.action is Action.NOOP else change.action
        return replace(change, action=action, fields=(*change.fields, mark), adopts=True), ()
    remedies = (f"--adopt {change.address}", "give yours another name")
    return change, (Refusal(change.address, "", why, remedies),)


def _restarted(change: Change, kind: Kind, choice: Targeting) -> Change:
    """Start its tasks anew where the user asked for it; a replacement does so anyway."""
    text = str(change.address)
    is_asked = any(is_match(text, pattern) for pattern in choice.restart)
    if kind.restart is None or not is_asked or change.action is Action.REPLACE:
        return change
    field = kind.restart(change.observed)
    return replace(change, action=Action.UPDATE, fields=(*change.fields, field))


def with_effects(change: Change, kind: Kind) -> Change:
    """Give the change with the consequences that its kind sees in it."""
    if change.action is Action.NOOP:
        return change
    return replace(change, effects=(*change.effects, *kind.effects(change)))
