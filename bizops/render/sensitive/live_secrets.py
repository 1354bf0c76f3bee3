"""Values of live objects that are secret because of what the files declare there; pure.

A variable that is secret makes what stands in the same place of the live object secret, too: its value of before. Such
a value is taken out of all that is printed, as a failing task or a server may repeat it anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops import sensitive
from bizops.errors import ProviderError
from bizops.render.sensitive.concealment import declared_fields
from bizops.resource import secrets_within, texts_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bizops.change import Change, FieldChange, Plan
    from bizops.provider import Health
    from bizops.resource import Address, Observation, Path, Resource, Secret

    Hide = Callable[[str], str]


def live_secrets(plan: Plan, hide: Hide) -> set[str]:
    """Give the secret values of live objects that a plan read. `hide` takes the known ones out of a text."""
    pairs = [
        (field.path, field.before, _after(field, change.resource))
        for change in plan.changes
        for field in (*change.fields, *change.unmanaged)
    ]
    observed = [*(change.observed for change in plan.changes), *plan.unmanaged]
    pairs += [(path, field.value, None) for each in observed for path, field in each.fields]
    return set(_distinct(_befores(pairs, hide)))


def _after(field: FieldChange, resource: Resource | None) -> Any:  # noqa: ANN401 - any setting
    hidden = resource.hidden if resource is not None else ()
    return sensitive.at_its_place(field.path, field.after, hidden)


def secrets_in_live_names(plan: Plan, hide: Hide) -> set[str]:
    """Give the values in live addresses that stand in the place of a secret one: a binding has its routing key there.

    It joins the same two objects as a declared one whose settings are secret.
    """
    secret_joins = {
        frozenset(change.resource.needs)
        for change in plan.changes
        if change.resource is not None and _is_told(change.resource.spec.fields().values(), hide)
    }
    live = [_live_join(change) for change in plan.changes if _is_undeclared(change)]
    live += [_observed_join(observed) for observed in plan.unmanaged]
    found: set[str] = set()
    for ends, values in live:
        if len(ends) == _ENDS and ends in secret_joins:
            names = {end.name for end in ends}
            found |= {text for value in values for text in texts_within(value)} - names
    return {value for value in found if value and sensitive.is_distinct(value)}


_ENDS = 2
"""Of a join, such as a binding."""
_Join = tuple[frozenset["Address"], list[Any]]


def _is_undeclared(change: Change) -> bool:
    return change.resource is None or change.dies_with is not None


def _live_join(change: Change) -> _Join:
    if change.resource is None:
        return _observed_join(change.observed)
    return frozenset(change.resource.needs), [*change.resource.spec.fields().values()]


def _observed_join(observed: Observation) -> _Join:
    ends = frozenset(use.address for use in observed.uses)
    return ends, [field.value for _, field in observed.fields]


def _is_told(values: Iterable[Any], hide: Hide) -> bool:
    return any(hide(text) != text for value in values for text in texts_within(value))


def secrets_of_healths(
    healths: Mapping[str, Health | ProviderError], resources: Iterable[Resource], hide: Hide
) -> set[str]:
    """Give the secret values of live objects that a status read."""
    declared = {resource.address: declared_fields(resource) for resource in resources}
    pairs = [
        (path, value, declared.get(address, {}).get(path))
        for health in healths.values()
        if not isinstance(health, ProviderError)
        for address, settings in health.settings
        for path, value in settings
    ]
    return set(_distinct(_befores(pairs, hide)))


def _befores(pairs: Iterable[tuple[Path, Any, Any]], hide: Hide) -> Iterator[Secret]:
    """Give what is secret on the side of before; what is a guess there hides nothing elsewhere."""

    def is_known(text: str) -> bool:
        return hide(text) != text

    for path, before, after in pairs:
        yield from secrets_within(before)
        if any(secrets_within(after)) or any(map(is_known, texts_within(after))):
            guessed = set(secrets_within(sensitive.hide(path, before)))
            shown = secrets_within(sensitive.pair(path, before, after, is_known)[0])
            yield from (each for each in shown if each not in guessed)


def _distinct(secrets: Iterable[Secret]) -> Iterator[str]:
    return (s.reveal() for s in secrets if sensitive.is_distinct(s.reveal()))
