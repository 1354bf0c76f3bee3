"""What a plan may not do without being told to; pure.

Four rules: a protected resource is never deleted or replaced; nor is what lies on a part of the cluster that is down;
whatever can lose data needs its address named; and a plan that removes a large part of one system needs the number
named. Each refusal carries every way out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action, Change, Effect, EffectKind, Plan, Refusal
from bizops.provider import DataAtRisk, is_match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.resource import Address

SHARE = 0.30
"""A plan may remove this part of one system's declared and owned objects before it is asked."""
FEW = 2
"""So many removals are never asked about, however few objects there are."""

_REMOVALS = frozenset({Action.DELETE, Action.REPLACE})


@dataclass(frozen=True, slots=True)
class Consents:
    """What the user agreed to. `allow_data_loss` are globs over addresses.

    `max_deletes` is how many objects of one system may go, None for the rule of SHARE and FEW.
    `is_destroy`: the user typed the topology's name, so the share is not asked about again.
    """

    allow_data_loss: tuple[str, ...] = ()
    max_deletes: int | None = None
    is_destroy: bool = False

    def allows(self, address: Address) -> bool:
        """True where the user named this address."""
        return any(is_match(str(address), pattern) for pattern in self.allow_data_loss)


def at_stake(plan: Plan) -> tuple[Address, ...]:
    """Give the addresses whose deletion or replacement must be weighed before it is decided."""
    return tuple(
        change.address
        for change in plan.changes
        if change.action in _REMOVALS
        and change.dies_with is None
        and not change.observed.away
        and _holds_data(change.address)
    )


def guard(plan: Plan, stakes: Mapping[Address, DataAtRisk], limits: Consents) -> Plan:
    """Give the plan with a refusal for all that needs consent and has none.

    `stakes` has an entry for each address of `at_stake`; one that is missing is taken for the worst.
    """
    changes = tuple(_with_stake(change, stakes) for change in plan.changes)
    refusals = [*plan.refusals]
    for change in changes:
        refusals += _protection(change)
        refusals += _absence(change) or _data_loss(change, stakes, limits)
    refusals += _mass_deletion(plan, limits)
    return replace(plan, changes=changes, refusals=tuple(refusals))


def _holds_data(address: Address) -> bool:
    return provider.definition(address.provider).kind(address.kind).holds_data


def _stake(change: Change, stakes: Mapping[Address, DataAtRisk]) -> DataAtRisk | None:
    is_asked = change.action in _REMOVALS and not change.dies_with and not change.observed.away
    if not is_asked or not _holds_data(change.address):
        return None
    worst = DataAtRisk(
        change.address, needs_consent=True, text="what it holds, which could not be read"
    )
    return stakes.get(change.address, worst)


def _with_stake(change: Change, stakes: Mapping[Address, DataAtRisk]) -> Change:
    stake = _stake(change, stakes)
    if stake is None:
        return change
    if stake.identity:
        change = replace(change, observed=replace(change.observed, identity=stake.identity))
    if not stake.needs_consent:
        return change
    effect = Effect(EffectKind.DATA_LOSS, f"deletes {stake.text}")
    return replace(change, effects=(*change.effects, effect))


def _protection(change: Change) -> list[Refusal]:
    resource = change.resource
    if change.action not in _REMOVALS or resource is None or not resource.lifecycle.protect:
        return []
    why = "lifecycle.protect forbids to delete or replace it"
    return [
        Refusal(
            change.address,
            "lifecycle.protect",
            why,
            ("keep the field as it is", "remove protect first"),
        )
    ]


def _absence(change: Change) -> list[Refusal]:
    """Refuse whatever the user allows: what it holds is unknown, and it would come back with that part."""
    away = change.observed.away
    if change.action not in _REMOVALS or change.dies_with or not away:
        return []
    verb = "deleted" if change.action is Action.DELETE else "replaced"
    why = f"it lies {away}: what it holds is unknown, so it cannot be {verb}"
    return [Refusal(change.address, "", why, ("bring that back and plan again",))]


def _data_loss(
    change: Change, stakes: Mapping[Address, DataAtRisk], limits: Consents
) -> list[Refusal]:
    if limits.allows(change.address):
        return []
    consent = f"--allow-data-loss {change.address}"
    stake = _stake(change, stakes)
    if stake is not None and stake.needs_consent:
        forcing = [field.name for field in change.fields if field.forces]
        ways = [f"keep {name} as it is" for name in forcing]
        return [
            Refusal(
                change.address,
                "",
                f"it would delete {stake.text}",
                (*stake.remedies, *ways, consent),
            )
        ]
    return [
        Refusal(
            change.address,
            dict(effect.data).get("field", ""),
            effect.text,
            (f"keep {dict(effect.data).get('field', 'it')} as it is", consent),
        )
        for effect in change.effects
        if effect.kind is EffectKind.DATA_LOSS and stake is None
    ]


def _mass_deletion(plan: Plan, limits: Consents) -> list[Refusal]:
    """Count what goes in each system against what is declared or owned there."""
    if limits.is_destroy:
        return []
    goes = Counter(
        change.address.provider
        for change in plan.changes
        if change.action in _REMOVALS and change.dies_with is None
    )
    there = dict(plan.population)
    refusals = []
    for name in sorted(goes):
        number, total = goes[name], there[name]
        few = number <= FEW or number <= SHARE * total
        if limits.max_deletes is None and not few:
            why = f"{name}: {number} of {total} objects would be deleted or replaced, more than {SHARE:.0%}"
        elif limits.max_deletes is not None and number > limits.max_deletes:
            why = f"{name}: {number} objects would be deleted or replaced, more than --max-deletes {limits.max_deletes}"
        else:
            continue
        refusals.append(Refusal(None, "", why, (f"--max-deletes {number}",)))
    return refusals
