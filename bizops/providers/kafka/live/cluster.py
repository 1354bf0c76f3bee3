"""What one look at a cluster gave, as plain values, and what follows from it for a plan; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.kafka.declared import configs
from bizops.providers.kafka.live.members import brokers, some

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bizops.change import Change
    from bizops.provider import Observations, Scope
    from bizops.providers.kafka.live.members import Members
    from bizops.resource import Address


@dataclass(frozen=True, slots=True)
class Said:
    """Kafka's own words of refusal; `about` is the field that they are about, where its error code tells."""

    words: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class ClusterState:
    """Which brokers answer, and what the cluster said to changes that it was asked to try.

    `tried` gives by topic what was refused; nothing was written to get it. `alike` gives by name that is not there a
    live topic whose name is the same to Kafka.
    """

    members: Members
    tried: tuple[tuple[str, Said], ...] = ()
    alike: tuple[tuple[str, str], ...] = ()


def derive(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Refuse what the cluster would refuse, before anything is written."""
    del scope
    view = observations.context
    if not isinstance(view, ClusterState):
        return Derived()
    tried, alike = dict(view.tried), dict(view.alike)
    refusals: list[Refusal] = []
    going = {change.address.name for change in changes if change.action is Action.DELETE}
    for change in changes:
        if change.action in {Action.CREATE, Action.UPDATE}:
            found = list(_too_few_replicas(change))
            if change.action is Action.CREATE and change.address.name in alike:
                found.append(_collision(change.address, alike[change.address.name], going))
            if not found and change.address.name in tried:
                found.append(_refused(change, tried[change.address.name], view.members))
            refusals.extend(found)
    refused = {refusal.address for refusal in refusals}
    begun = [change for change in changes if change.address not in refused]
    return Derived(
        refusals=tuple(refusals), warnings=tuple(_short_of_replicas(begun, view.members))
    )


def _collision(address: Address, other: str, going: Collection[str]) -> Refusal:
    """Refuse a name; what is in its way and goes in this run is not gone before, as its users have to settle first."""
    why = f"Kafka refuses it beside topic {other}: '.' and '_' are one character in metric names"
    ways: tuple[str, ...] = (f"write {other}", "choose another name")
    if other in going:
        ways = (f"--exclude {address} in the run that deletes {other}, and apply again", *ways)
    return Refusal(address, "", why, ways)


def alike(names: Collection[str], live: Collection[str]) -> dict[str, str]:
    """Give, for each of these names that a live topic has but for `.` and `_`, that topic."""
    known = {each.replace(".", "_"): each for each in sorted(live)}
    return {
        name: known[name.replace(".", "_")]
        for name in names
        if name not in live and name.replace(".", "_") in known
    }


def _short_of_replicas(changes: Sequence[Change], members: Members) -> Iterator[str]:
    """Say which topics would begin with fewer replicas in sync than they ask for.

    KRaft counts the brokers that are registered, also those that are down, and places replicas on them (4.3).
    """
    alive = len(members.answering)
    names = [
        change.address.name
        for change in changes
        if change.action is Action.CREATE and (_factor(change) or 0) > alive
    ]
    if names:
        yield (
            f"kafka: {some(names)} would begin with replicas out of sync, as {members.text}; "
            "they catch up when it is back"
        )


def _factor(change: Change) -> int | None:
    assert change.resource is not None  # noqa: S101 - a creation has one
    spec: Any = change.resource.spec
    factor: int | None = spec.replication_factor
    return factor


def _too_few_replicas(change: Change) -> Iterator[Refusal]:
    """Compare with the live number of replicas; the declared one is compared before anybody is asked."""
    assert change.resource is not None  # noqa: S101 - a creation and an update have one
    live = dict(change.observed.fields).get(("replication_factor",))
    for field in change.fields:
        if (
            field.path == ("configs", "min.insync.replicas")
            and live is not None
            and isinstance(live.value, int)
            and isinstance(field.after, int)
            and field.after > live.value
        ):
            yield Refusal(
                change.address,
                field.name,
                f"the topic has {live.value} replicas: every write with acks=all would be refused",
                (f"write min.insync.replicas: {live.value} or less",),
            )


def _refused(change: Change, said: Said, members: Members) -> Refusal:
    """Give Kafka's words, and what to do: the nearest key where it does not know one, how many brokers there are."""
    remedies: tuple[str, ...]
    address = change.address
    if said.about == "replication_factor":
        alive = len(members.answering)
        remedies = (
            f"write replication_factor: {members.total} or less",
            "add brokers, and plan again",
        )
        if members.down and (_factor(change) or 0) <= members.total:
            remedies = (f"wait for {brokers(members.down)}, and plan again", *remedies)
        why = (
            f"Kafka would refuse it: {said.words}; {alive} broker{'' if alive == 1 else 's'} alive"
        )
        return Refusal(address, said.about, why, remedies)
    name = said.words.rpartition(": ")[2].strip() if _UNKNOWN_KEY in said.words else ""
    near = configs.nearest(name) if name else ""
    remedies = (f"write {near}",) if near and near != name else ()
    return Refusal(
        address, f"configs.{name}" if name else "", f"Kafka would refuse it: {said.words}", remedies
    )


_UNKNOWN_KEY = "nknown topic config name"
