"""Who still uses what is to be deleted, and whose it is besides; pure.

Nothing is taken from a user that is still there: a deletion waits until each user has settled without it, and is
refused where one keeps it. What another topology declares, too, stays unless it is adopted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import provider
from bizops.change import Action, Effect, EffectKind, Refusal
from bizops.planner import mentions
from bizops.provider import is_match
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.planner.selection import Targeting
    from bizops.provider import Observations
    from bizops.resource import Address, Observation, Use


def with_users(
    changes: Sequence[Change], observations: Mapping[str, Observations]
) -> tuple[list[Change], list[Refusal]]:
    """Give the changes, whose deletions wait for the users of what they delete, and the refusals of the others.

    A user that is known by a name alone, which no system checks, is waited for, too; where it keeps it, that is told.
    """
    planned = {change.address: change for change in changes}
    deleted = {a: c for a, c in planned.items() if c.action is Action.DELETE and not c.dies_with}
    there = [
        observed
        for each in observations.values()
        for observed in each.found
        if observed.presence is Presence.PRESENT
    ]
    leaving: dict[Address, list[Address]] = {}
    warnings: dict[Address, list[str]] = {}
    refusals: list[Refusal] = []
    names = mentions.names(deleted)
    for observed in there:
        change = planned.get(observed.address)
        named = mentions.uses(observed, names)
        for use in (*observed.uses, *named):
            if _lets_go(change, use) and not (use in named and mentions.stays(change, use)):
                leaving.setdefault(use.address, []).append(observed.address)
            elif use.address not in deleted:
                continue
            elif use.is_former:
                refusals.append(_unsettled(use, observed))
            elif use.is_enforced:
                refusals.append(_kept(use, observed, change))
            elif use.path:  # a binding without a setting goes along, and is told so
                text = mentions.text(str(observed.address), use)
                warnings.setdefault(use.address, []).append(text)
    for use, text in mentions.of_others(observations, names):
        warnings.setdefault(use.address, []).append(text)
    refusals += [refusal for change in changes for refusal in _used_by_others(change)]
    waits = {address: _waits(change, leaving, deleted) for address, change in deleted.items()}
    return [_with(change, waits, warnings) for change in changes], list(dict.fromkeys(refusals))


def _waits(
    change: Change, leaving: Mapping[Address, Sequence[Address]], deleted: Collection[Address]
) -> list[Address]:
    """Give what a deletion waits for: all that leaves it, and for a join all that leaves what it leads from and to.

    Of deletions that would wait for each other, as those of two queues that dead-letter into one another, none waits.
    """
    mine = leaving.get(change.address, ())
    waited = [user for user in mine if user not in deleted]
    waited += [
        u for u in mine if u in deleted and change.address not in _before(u, leaving, deleted)
    ]
    is_join = provider.definition(change.address.provider).kind(change.address.kind).joins
    ends = [use.address for use in change.observed.uses] if is_join else []
    for address in (change.address, *ends):
        for each in (address, *_before(address, leaving, deleted)):
            waited += [user for user in leaving.get(each, ()) if user not in deleted]
    # A join goes before its ends do.
    return [user for user in waited if user not in ends]


def _before(
    address: Address, leaving: Mapping[Address, Sequence[Address]], deleted: Collection[Address]
) -> set[Address]:
    """Give the deletions that come before that of an address, which may be itself: of its users, of theirs, and on."""
    found: set[Address] = set()
    frontier = [address]
    while frontier:
        users = [user for user in leaving.get(frontier.pop(), ()) if user in deleted]
        frontier += [user for user in users if user not in found]
        found.update(users)
    return found


def _with(
    change: Change,
    waits: Mapping[Address, Sequence[Address]],
    warnings: Mapping[Address, Sequence[str]],
) -> Change:
    texts = dict.fromkeys(warnings.get(change.address, ()))
    effects = tuple(Effect(EffectKind.WARNING, text) for text in texts)
    users = tuple(sorted({*waits.get(change.address, ())}))
    return replace(change, waits=users, effects=(*change.effects, *effects))


def _lets_go(change: Change | None, use: Use) -> bool:
    """True where the user goes, or where the setting that names what it uses is changed; of former ones, any."""
    if change is None or change.action is Action.NOOP:
        return False
    if change.action is Action.DELETE or use.is_former:
        return True
    return any(field.path[: len(use.path)] == use.path for field in change.fields)


def _kept(use: Use, observed: Observation, change: Change | None) -> Refusal:
    user, name = observed.address, ".".join(use.path)
    setting = f" ({name})" if name else ""
    way = f"change {name} of {user}" if change and name else f"let {user} go in the same run"
    ways = (way, f"declare {use.address}", f"--exclude {use.address}")
    return Refusal(use.address, "", f"{user} uses it{setting}, and keeps it", ways)


def _unsettled(use: Use, observed: Observation) -> Refusal:
    user = observed.address
    why = f"{user} has not settled without it: some of it runs with settings that name it, or may be set back to them"
    ways = (f"plan again when {user} runs as declared", f"--exclude {use.address}")
    return Refusal(use.address, "", why, ways)


def _used_by_others(change: Change) -> list[Refusal]:
    if change.action not in {Action.DELETE, Action.REPLACE} or change.dies_with:
        return []
    if not change.observed.users:
        return []
    verb = "deleted" if change.action is Action.DELETE else "replaced"
    users = change.observed.users
    why = f"{' and '.join(users)} use{'s' if len(users) == 1 else ''} it, so it cannot be {verb}"
    ways = ("take it from there first", f"--exclude {change.address}")
    return [Refusal(change.address, "", why, ways)]


def unread(others: Mapping[str, Observations]) -> Iterator[str]:
    """Say of which systems nobody knows whether their objects use what is deleted."""
    for name, each in others.items():
        if each.system.problem:
            why = (
                f"{name} was not read, so whether something there uses what is deleted is not known"
            )
            yield f"{why}: {each.system.problem}"


def claimed(observed: Observation, choice: Targeting) -> bool:
    """True where another topology declares it, too, and nobody asked to take it over."""
    text = str(observed.address)
    return bool(observed.claims) and not any(is_match(text, pattern) for pattern in choice.adopt)


def claims_text(observed: Observation) -> str:
    """Say who declares it besides: `topology b declares it, too`."""
    if len(observed.claims) == 1:
        return f"topology {observed.claims[0]} declares it, too"
    return f"topologies {' and '.join(observed.claims)} declare it, too"


def claimed_replacements(changes: Iterable[Change], choice: Targeting) -> list[Refusal]:
    """Refuse to replace what another topology declares, too."""
    return [
        Refusal(
            change.address,
            "",
            f"{claims_text(change.observed)}, so it cannot be replaced",
            (f"--adopt {change.address}", "keep the field as it is"),
        )
        for change in changes
        if change.action is Action.REPLACE
        and change.dies_with is None
        and claimed(change.observed, choice)
    ]
