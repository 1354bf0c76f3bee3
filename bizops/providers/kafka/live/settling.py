"""Has every broker that answers taken over what was written? Pure.

"Created" is true on the controller first: right after 1,000 creations a broker of Kafka 4.3 listed one. A broker that
does not answer shows a wrong picture to nobody, so what the others show is enough where they are the majority.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from bizops.change import Action, Readiness
from bizops.providers.kafka.declared import configs
from bizops.providers.kafka.live.members import Members
from bizops.providers.kafka.live.members import brokers as broker_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from bizops.change import Change, Step


@dataclass(frozen=True, slots=True)
class PartitionView:
    """The leader of a partition (below 0: none), its replicas, and those in sync, by the ids of their brokers."""

    leader: int
    replicas: frozenset[int]
    in_sync: frozenset[int]

    @classmethod
    def of(cls, leader: int, replicas: Iterable[int], in_sync: Iterable[int]) -> PartitionView:
        """Take over what a client gives."""
        return cls(leader, frozenset(replicas), frozenset(in_sync))

    def waits_for(self, alive: Collection[int]) -> frozenset[int]:
        """Give the brokers without which it can have no leader: every replica in sync is on one that is down."""
        if self.leader >= 0 or self.in_sync & frozenset(alive):
            return frozenset()
        return self.replicas - frozenset(alive)


class ConfigView(NamedTuple):
    """The value of one config, and the number of its source: 1 is the topic itself, 0 is not told."""

    value: str | None
    source: int

    @property
    def is_inherited(self) -> bool:
        """True where the topic does not have it of its own."""
        return self.source > 1


@dataclass(frozen=True, slots=True)
class BrokerView:
    """What one broker shows: partitions by topic; config values by topic.

    `problem` is why it showed nothing, `silence` for how many seconds it has not.
    """

    broker: str
    number: int = -1
    topics: Mapping[str, tuple[PartitionView, ...]] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, ConfigView]] = field(default_factory=dict)
    problem: str = ""
    silence: float = 0.0

    def lacks(self, step: Step, alive: Collection[int]) -> str:
        """Say what of a step this broker does not show yet, or ""."""
        change = _change(step)
        name = change.address.name
        if step.action is Action.DELETE:
            return f"{self.broker} still lists it" if name in self.topics else ""
        if name not in self.topics:
            return f"{self.broker} does not list it yet"
        parts = self.topics[name]
        wanted = max(_partitions(change), len(parts))
        led = sum(part.leader >= 0 or bool(part.waits_for(alive)) for part in parts)
        if led < wanted:
            return f"{self.broker} shows {led} of {wanted} partitions with a leader"
        return self._lacks_configs(step)

    def _lacks_configs(self, step: Step) -> str:
        shown = self.values.get(_change(step).address.name, {})
        pinned = {field.path[-1] for field in _change(step).fields if field.pins}
        for key, value in sorted(altered(step).items()):
            found = shown.get(key)
            if found is None or found.value is None or configs.observed(key, found.value) != value:
                return f"{self.broker} does not show {key} {value} yet"
            if key in pinned and found.is_inherited:
                return f"{self.broker} does not show {key} as the topic's own yet"
        for key in sorted(taken_away(step)):
            found = shown.get(key)
            if found is not None and not found.is_inherited:
                return f"{self.broker} still shows {key} {found.value}"
        return ""


def readiness(
    steps: Sequence[Step], views: Sequence[BrokerView], patience: float
) -> list[Readiness]:
    """Say for each step whether every view shows its outcome.

    A broker that has been silent for `patience` seconds is left out, where most of the others answer. Without a
    majority nothing is known: what is shown may be old. A broker that is down leaves the metadata after some seconds.
    """
    answering = [view for view in views if not view.problem]
    silent = [view for view in views if view.problem]
    if len(answering) <= len(silent):
        return [Readiness(unread=True, detail=_minority(answering, silent)) for _ in steps]
    waited_for = [view for view in silent if view.silence < patience]
    if waited_for:
        detail = f"{waited_for[0].broker} {waited_for[0].problem}"
        return [Readiness(detail=detail) for _ in steps]
    return [_readiness(step, answering, silent) for step in steps]


def _minority(answering: Sequence[BrokerView], silent: Sequence[BrokerView]) -> str:
    if not silent:
        return "no broker answers"
    numbers, theirs = (frozenset(view.number for view in views) for views in (answering, silent))
    return Members(numbers, theirs).text


def altered(step: Step) -> dict[str, Any]:
    """Give the config values that an update sets; a creation sets them together with the topic."""
    if step.action is not Action.UPDATE:
        return {}
    return {
        f.path[1]: f.after
        for f in _change(step).fields
        if f.path[0] == "configs" and not f.default_of
    }


def taken_away(step: Step) -> frozenset[str]:
    """Give the configs that an update takes away from the topic."""
    return frozenset(f.path[-1] for f in _change(step).fields if f.default_of)


def _readiness(
    step: Step, answering: Sequence[BrokerView], silent: Sequence[BrokerView]
) -> Readiness:
    alive = {view.number for view in answering}
    lacking = [text for view in answering if (text := view.lacks(step, alive))]
    if lacking:
        others = f" (and {len(lacking) - 1} more)" if len(lacking) > 1 else ""
        return Readiness(detail=f"{lacking[0]}{others}")
    shown = f"all {len(answering)} brokers" if len(answering) > 1 else answering[0].broker
    if silent:
        shown = f"{len(answering)} of {len(answering) + len(silent)} brokers"
    parts = answering[0].topics.get(_change(step).address.name, ())
    named = frozenset[int]().union(*(part.replicas for part in parts))
    down = (named | {view.number for view in silent}) - alive if alive != {-1} else frozenset[int]()
    away = f"; {broker_names(down)} {'is' if len(down) == 1 else 'are'} away" if down else ""
    if step.action is Action.DELETE:
        return Readiness(settled=True, detail=f"gone from {shown}{away}")
    count = f"{len(parts)} partition{'' if len(parts) == 1 else 's'}"
    stuck = sum(bool(part.waits_for(alive)) for part in parts)
    without = f" ({stuck} without a leader)" if stuck else ""
    return Readiness(settled=True, detail=f"{count}{without}, {shown}{away}")


def _partitions(change: Change) -> int:
    return getattr(change.resource.spec, "partitions", None) or 1 if change.resource else 1


def _change(step: Step) -> Change:
    assert step.change is not None  # noqa: S101 - this provider derives no writes
    return step.change
