"""How each field may change: in place, losing data, by replacing, or never; pure.

The answer rests on what the broker would make of the change: arguments and operator policies stay as they are while
the derived policy changes, and the result either has the declared value or it has not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Effect, EffectKind
from bizops.provider import IN_PLACE, Mutability, Rule, Transition, Verdict
from bizops.providers.rabbitmq.changes import message_loss
from bizops.providers.rabbitmq.declared import setting_keys
from bizops.providers.rabbitmq.declared.specs import OWN_NAME, QueueSpec
from bizops.providers.rabbitmq.live import effective_settings, queue_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.effective_settings import Setting

FIXED = Verdict(Mutability.REPLACE, "fixed when the queue is declared")


def _fixed(_transition: Transition) -> Verdict:
    return FIXED


def _setting(transition: Transition) -> Verdict:
    """Judge a setting that a policy can carry."""
    seen: queue_state.QueueState = transition.observed.raw
    spec = transition.resource.spec
    assert isinstance(spec, QueueSpec)  # noqa: S101 - the kind's own spec
    path = transition.path
    key = setting_keys.POLICY_KEY[path]
    if transition.after is not None and not queue_state.is_in_policy(path, spec):
        return FIXED
    definition = wanted_definition(seen, spec)
    before, after = seen.settings(), seen.settings_under(definition)
    if transition.after is not None:
        blocked = _blocked(transition, key, after)
        if blocked is not None:
            return blocked
    lost = message_loss.losses(seen, before, after, {key} if definition else None)
    notes = _notes(seen, key, before)
    if not lost:
        return Verdict(Mutability.IN_PLACE, notes=notes, warnings=_warnings(transition, key, after))
    taker = seen.foreign[0].name if seen.foreign and not definition else ""
    why = f"policy {taker} takes over: {'; '.join(lost)}" if taker else "; ".join(lost)
    return Verdict(Mutability.LOSES_DATA, why, notes=notes)


def wanted_definition(seen: queue_state.QueueState, spec: QueueSpec) -> dict[str, object]:
    """Give what the queue's derived policy will hold: its own settings, and those carried from a foreign policy."""
    wanted = queue_state.policy_part(seen.subject.name, spec)
    return {**carried(seen, wanted), **wanted} if wanted else {}


def carried(seen: queue_state.QueueState, wanted: Mapping[str, object]) -> dict[str, object]:
    """Give the keys of a foreign policy that go into ours, because ours takes its place.

    Only what is in force is carried, so nothing bites because of us: all keys of the foreign policy that ours
    displaces; where ours is in place already, those that it holds, with the foreign value where that is no stricter.
    """
    foreign = seen.foreign[0] if seen.foreign else None
    if foreign is None:
        return {}
    if not seen.is_covered:
        return {key: value for key, value in foreign.definition if key not in wanted}
    mine = dict(seen.covering[0].definition)
    theirs = {key: value for policy in reversed(seen.foreign) for key, value in policy.definition}
    kept: dict[str, object] = {}
    for key in sorted((mine.keys() & theirs.keys()) - wanted.keys()):
        origin = f"policy {foreign.name}"
        now = {key: effective_settings.Setting(mine[key], origin)}
        then = {key: effective_settings.Setting(theirs[key], origin)}
        is_strict = key in effective_settings.SMALLER | {
            "delivery-limit"
        } and message_loss.is_lower(key, now, then)
        kept[key] = mine[key] if is_strict or key == "overflow" else theirs[key]
    return kept


def _blocked(transition: Transition, key: str, after: Mapping[str, Setting]) -> Verdict | None:
    """Judge a value that would not come into force, however the policy is written."""
    wanted = transition.after
    if wanted == OWN_NAME:
        wanted = transition.resource.address.name
    reached = after.get(key)
    if reached is not None and reached.value == wanted:
        return None
    if reached is not None and reached.origin.startswith("operator policy"):
        return Verdict(
            Mutability.NEVER,
            f"{reached.origin} holds it at {reached.value}",
            (
                f"declare {reached.value}",
                f"ask the broker's administrator to change {reached.origin}",
            ),
        )
    shown = f" {reached.value}" if reached is not None else ""
    return Verdict(
        Mutability.REPLACE, f"argument x-{key}{shown} wins, and is fixed when the queue is declared"
    )


def _notes(
    seen: queue_state.QueueState, key: str, before: Mapping[str, Setting]
) -> tuple[str, ...]:
    """Say what a new TTL means for what waits."""
    queue = seen.queue
    if key != "message-ttl" or queue is None or queue.is_known_empty:
        return ()
    waiting = "what waits" if queue.messages is None else f"the {queue.messages} that wait"
    verb = "keeps" if queue.messages is None else "keep"
    kept = before[key].value if key in before else "no limit"
    return (f"for messages published from now on; {waiting} {verb} {kept}",)


def _warnings(transition: Transition, key: str, after: Mapping[str, Setting]) -> tuple[str, ...]:
    if key == "message-ttl" and key not in after:
        return ("messages published from now on never expire, and hold up those behind them",)
    if key == "dead-letter-exchange" and transition.after is None and key not in after:
        return ("messages that expire or are rejected are dropped from now on",)
    return ()


QUEUE_RULES: dict[str, Rule] = {
    "": _fixed,
    "dead_letter": _setting,
    **dict.fromkeys(setting_keys.TUNABLES, _setting),
}


def exchange_rule(transition: Transition) -> Verdict:
    """Replace, unless bindings to other exchanges would be lost: those cannot be declared here."""
    others = transition.observed.raw
    if others:
        return Verdict(
            Mutability.NEVER,
            f"fixed when the exchange is declared, and replacing it would lose {len(others)} bindings to exchanges",
            ("keep it as it is", "delete those bindings first"),
        )
    return Verdict(Mutability.REPLACE, "fixed when the exchange is declared")


def exchange_effects(change: Change) -> Iterable[Effect]:
    """Name the bindings to and from other exchanges that a deletion takes along: nothing else shows them."""
    others = change.observed.raw
    if change.action is Action.DELETE and others:
        names = ", ".join(f"{b.exchange} -> {b.destination} ({b.routing_key!r})" for b in others)
        text = f"takes along bindings between exchanges: {names}"
        yield Effect(EffectKind.WARNING, text, (("takes_along", len(others)),))


def in_place(_transition: Transition) -> Verdict:
    """Let a policy change; what it does to queues is for `declared` to say, which sees all of them."""
    return IN_PLACE
