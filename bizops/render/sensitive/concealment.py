"""Plans, outcomes and healths as they may be shown; pure.

What is hidden on one side of a difference is hidden on both. A value that is hidden at its place by a guess is taken
out of all that is said of the same address, too: a server's refusal repeats it, and so does a task that prints it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bizops import sensitive
from bizops.errors import ProviderError
from bizops.redaction import Redaction
from bizops.resource import Secret, secrets_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bizops.change import Change, FieldChange, Outcome, Plan, Refusal
    from bizops.provider import Health
    from bizops.resource import Address, Observation, Path, Resource

    Hide = Callable[[str], str]


def veiled(plan: Plan, hide: Hide) -> Plan:
    """Give the plan with a Secret wherever a field must not be shown, and without known secrets in its words.

    `hide` takes the secret values that are known out of a text.
    """
    by_address = {change.address: change for change in plan.changes}
    return replace(
        plan,
        changes=tuple(_change(change, hide) for change in plan.changes),
        refusals=tuple(_refusal(each, by_address, hide) for each in plan.refusals),
        unmanaged=tuple(_observed(each, _said_of(each, hide)) for each in plan.unmanaged),
        unreadable=tuple(replace(each, why=hide(each.why)) for each in plan.unreadable),
        warnings=tuple(hide(text) for text in plan.warnings),
    )


def veiled_outcome(outcome: Outcome, hide: Hide) -> Outcome:
    """Give what became of a step without the values that its own fields hide; `hide` as above."""
    change = outcome.step.change
    if change is None or not (outcome.detail or outcome.lines):
        return outcome
    said = words(change, hide)
    return replace(outcome, detail=said(outcome.detail), lines=tuple(map(said, outcome.lines)))


def veiled_health(
    healths: Mapping[str, Health | ProviderError], resources: Iterable[Resource]
) -> dict[str, Health | ProviderError]:
    """Give healths without the values that the declared fields of each address hide."""
    declared = {resource.address: declared_fields(resource) for resource in resources}

    def row(
        address: Address, cells: tuple[str, ...], problem: str
    ) -> tuple[Address, tuple[str, ...], str]:
        hide = _hiding(declared.get(address, {}).items(), str)
        return address, tuple(map(hide, cells)), hide(problem)

    return {
        name: health
        if isinstance(health, ProviderError)
        else replace(health, rows=tuple(row(*each) for each in health.rows))
        for name, health in healths.items()
    }


def words(change: Change, hide: Hide) -> Hide:
    """Give what takes the values that the fields of a change hide out of a text about it, and the known ones."""
    fields: list[tuple[Path, Any]] = []
    if change.resource is not None:
        fields += declared_fields(change.resource).items()
    fields += [(path, field.value) for path, field in change.observed.fields]
    for each in (*change.fields, *change.unmanaged):
        fields += [(each.path, value) for value in _pair(each, change.resource, hide)]
    return _hiding(fields, hide)


def declared_fields(resource: Resource) -> dict[Path, Any]:
    """Give what is declared, with a Secret wherever it comes from the secret of a variable."""
    return {
        path: sensitive.at_its_place(path, value, resource.hidden)
        for path, value in resource.spec.fields().items()
    }


def _pair(field: FieldChange, resource: Resource | None, hide: Hide) -> tuple[Any, Any]:
    hidden = resource.hidden if resource is not None else ()
    after = sensitive.at_its_place(field.path, field.after, hidden)
    return sensitive.pair(field.path, field.before, after, lambda text: hide(text) != text)


def _hiding(fields: Iterable[tuple[Path, Any]], hide: Hide) -> Hide:
    """Give what takes known secrets out of a text, then what fields hide, as it is or with known ones taken out of it.

    The other way round a word that a field hides would be cut out of a known secret, and leave the rest.
    """
    found = {secret for path, value in fields for secret in _secrets(sensitive.hide(path, value))}
    values = {secret.reveal() for secret in found}
    hidden = (values | set(map(hide, values))) - {sensitive.HIDDEN}
    if not hidden:
        return hide
    rest = Redaction(hidden).text
    return lambda text: rest(hide(text)) if text else text


def _secrets(value: Any) -> Iterator[Secret]:  # noqa: ANN401 - any setting
    for secret in secrets_within(value):
        yield secret
        yield from map(Secret, sensitive.parts(secret.reveal()))


def _change(change: Change, hide: Hide) -> Change:
    found, observed = change, change.observed
    if change.fields or change.unmanaged:
        fields = tuple(_field(field, change.resource, hide) for field in change.fields)
        unmanaged = tuple(_field(field, change.resource, hide) for field in change.unmanaged)
        found = replace(change, fields=fields, unmanaged=unmanaged)
    if change.reason or change.effects or observed.degraded or observed.notes:
        said = words(change, hide)
        effects = tuple(replace(each, text=said(each.text)) for each in change.effects)
        observed = _observed(observed, said)
        found = replace(found, reason=said(change.reason), effects=effects, observed=observed)
    return found


def _field(field: FieldChange, resource: Resource | None, hide: Hide) -> FieldChange:
    before, after = _pair(field, resource, hide)
    said = _hiding([(field.path, before), (field.path, after)], hide)
    return replace(
        field, before=before, after=after, origin=said(field.origin), reason=said(field.reason)
    )


def _refusal(refusal: Refusal, changes: Mapping[Address, Change], hide: Hide) -> Refusal:
    change = changes.get(refusal.address) if refusal.address else None
    said = words(change, hide) if change else hide
    return replace(refusal, why=said(refusal.why), remedies=tuple(map(said, refusal.remedies)))


def _said_of(observed: Observation, hide: Hide) -> Hide:
    return _hiding(((path, field.value) for path, field in observed.fields), hide)


def _observed(observed: Observation, said: Hide) -> Observation:
    if not (observed.degraded or observed.notes):
        return observed
    notes = tuple(map(said, observed.notes))
    return replace(observed, degraded=said(observed.degraded), notes=notes)
