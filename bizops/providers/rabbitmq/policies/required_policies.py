"""What each queue needs of a derived policy, and what stands in the way; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Refusal
from bizops.providers.rabbitmq.changes import rules
from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.declared.specs import QueueSpec
from bizops.providers.rabbitmq.live import effective_settings, queue_state
from bizops.providers.rabbitmq.naming.names import is_derived, topology_of_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.change import Change
    from bizops.providers.rabbitmq.declared.field_types import Pairs
    from bizops.providers.rabbitmq.live.effective_settings import Policy

STAYS = frozenset({Action.NOOP, Action.UPDATE})


@dataclass(frozen=True, slots=True)
class RequiredPolicy:
    """The definition that a queue's derived policy must have, empty where it needs none.

    `pins` names the policies that alone give a live queue what it declares, so that ours changes nothing today.
    """

    definition: Pairs = ()
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()


def of_undeclared(covering: Policy) -> RequiredPolicy:
    """Keep what a live queue has that this plan says nothing about.

    A message published while no TTL matches never expires and blocks those behind it, so coverage never lapses.
    """
    return RequiredPolicy(covering.definition)


def of_change(change: Change, seen: queue_state.QueueState, priority: int) -> RequiredPolicy:
    """Give the claim of a declared queue, with a refusal for each foreign policy in its way.

    `seen` is the queue among the policies that this plan leaves.
    """
    assert change.resource is not None  # noqa: S101 - a deletion claims nothing
    spec = change.resource.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    if change.action is Action.REPLACE:
        seen = queue_state.recreated(seen, spec)
    wanted = _wanted(change, seen, spec)
    if not wanted:
        is_dropped = any(f.path in setting_keys.POLICY_KEY for f in change.fields)
        kept = seen.is_covered and change.action is Action.NOOP and not is_dropped
        return RequiredPolicy(seen.covering[0].definition) if kept else RequiredPolicy()
    carried = rules.carried(seen, wanted)
    definition = field_types.freeze({**carried, **wanted})
    strong = _stronger(seen, definition, priority)
    refusals = tuple(_overruled(change, policy, min(wanted), priority) for policy in strong)
    refusals = refusals or _weaker(change, seen, wanted, priority)
    refusals += _capped(change, seen, wanted)
    without = seen.settings_under({})
    is_met = not seen.is_covered and _is_met(wanted, without)
    givers = _givers(wanted, without) if is_met else ()
    if is_met and (refusals or not givers):
        return RequiredPolicy()
    pins = givers if change.action in STAYS else ()
    return RequiredPolicy(definition, refusals, _notes(seen, carried), pins)


def _wanted(change: Change, seen: queue_state.QueueState, spec: QueueSpec) -> dict[str, Any]:
    """Give the declared settings of the policy; what `ignore_changes` hides stays as it is."""
    wanted = queue_state.policy_part(seen.subject.name, spec)
    if change.action not in STAYS:
        return wanted
    mine = dict(seen.covering[0].definition) if seen.is_covered else {}
    for field in change.unmanaged:
        key = setting_keys.POLICY_KEY.get(field.path)
        if key is None:
            continue
        wanted.pop(key, None)
        if key in mine:
            wanted[key] = mine[key]
    return wanted


def _is_met(wanted: Mapping[str, Any], without: Mapping[str, effective_settings.Setting]) -> bool:
    """True where all that is wanted is in force without any policy of ours."""
    return all(key in without and without[key].value == value for key, value in wanted.items())


def _givers(
    wanted: Mapping[str, Any], without: Mapping[str, effective_settings.Setting]
) -> tuple[str, ...]:
    """Name the policies from which what is wanted comes. What the queue has by itself nobody else can take away."""
    origins = {without[key].origin for key in wanted}
    return tuple(sorted(origin for origin in origins if "policy " in origin))


def _stronger(seen: queue_state.QueueState, definition: Pairs, priority: int) -> tuple[Policy, ...]:
    """Give the foreign policies that would win over ours, or tie with it so that nobody can say which is in force.

    One that ties and says the same may win: nothing depends on it. So two topologies may declare one queue alike, and
    the policies of both show it.
    """
    return tuple(
        policy
        for policy in seen.foreign
        if policy.priority >= priority and not is_same(policy, definition, priority)
    )


def is_same(policy: Policy, definition: Pairs, priority: int) -> bool:
    """True where it makes no difference which of the two the broker applies."""
    return policy.priority == priority and policy.definition == definition


def _overruled(change: Change, policy: Policy, key: str, priority: int) -> Refusal:
    how = "wins over" if policy.priority > priority else "ties with"
    left_out = f"give policy {policy.name} a pattern that leaves {change.address.name} out"
    ways: tuple[str, ...] = (
        f"give policy {policy.name} a priority below {priority}",
        left_out,
        f"policy_priority: {policy.priority + 1} in the rabbitmq section",
    )
    if is_derived(policy.name):
        other = topology_of_policy(policy.name)
        ways = (f"take the queue out of topology {other}, and apply that one first",)
    return Refusal(
        change.address,
        _field(key),
        f"policy {policy.name} (priority {policy.priority}) matches it and {how} ours (priority {priority})",
        (*ways, "settings_in: arguments on this queue"),
    )


def _weaker(
    change: Change, seen: queue_state.QueueState, wanted: Mapping[str, Any], priority: int
) -> tuple[Refusal, ...]:
    """Refuse to displace foreign policies that cannot be carried: several, or one that sets the same key.

    Where one that says the same as ours is in force, it has displaced them already.
    """
    if seen.is_covered or not seen.foreign or seen.foreign[0].priority == priority:
        return ()
    leave_out = f"a pattern that leaves {change.address.name} out"
    if len(seen.foreign) > 1:
        names = ", ".join(f"{p.name} (priority {p.priority})" for p in seen.foreign)
        why = f"several policies match it, and only one can be carried into ours: {names}"
        return (
            Refusal(
                change.address,
                _field(min(wanted)),
                why,
                (f"give all but one of them {leave_out}", "settings_in: arguments on this queue"),
            ),
        )
    foreign = seen.foreign[0]
    return tuple(
        Refusal(
            change.address,
            _field(key),
            f"policy {foreign.name} (priority {foreign.priority}) sets {key} {value} on it too",
            (
                f"give policy {foreign.name} {leave_out}",
                f"take {key} out of policy {foreign.name}",
                f"drop {_field(key)} here",
            ),
        )
        for key, value in foreign.definition
        if key in wanted and wanted[key] != value
    )


def _capped(
    change: Change, seen: queue_state.QueueState, wanted: Mapping[str, Any]
) -> tuple[Refusal, ...]:
    """Refuse what an operator policy forbids on a queue that does not exist yet; rules see to live ones."""
    if change.action in STAYS:
        return ()
    reached = seen.settings_under(wanted)
    return tuple(
        Refusal(
            change.address,
            _field(key),
            f"{reached[key].origin} holds it at {reached[key].value}",
            (f"declare {reached[key].value}", "ask the broker's administrator to change it"),
        )
        for key, value in wanted.items()
        if reached[key].value != value and reached[key].origin.startswith("operator policy")
    )


def _notes(seen: queue_state.QueueState, carried: Mapping[str, Any]) -> tuple[str, ...]:
    if not carried:
        return ()
    names = ", ".join(p.name for p in seen.foreign if p.keys & carried.keys())
    held = ", ".join(f"{key} {value}" for key, value in sorted(carried.items()))
    return (f"carries {held} of policy {names}, whose place ours takes",)


def _field(key: str) -> str:
    return ".".join(setting_keys.PATH_OF_KEY[key])
