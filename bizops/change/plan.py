"""The whole answer, and the steps that it is carried out in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.change.difference import Action, Change, Refusal, Write
from bizops.resource import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bizops.resource import Address, Observation


@dataclass(frozen=True, slots=True)
class Cluster:
    """The state of the cluster behind a reading, as one line for people.

    `text` is `3 nodes run`, or `2 of 3 nodes run: rabbit@rc3 is down`; empty where it was not asked for.
    `is_degraded` is True where a member is away, or data has fewer copies than it should.
    """

    text: str = ""
    is_degraded: bool = False


@dataclass(frozen=True, slots=True)
class System:
    """One live system as we found it. `problem` is why it could not be read, `identity` what it calls itself.

    `expected` is True where `expect` was given and matched. `remedy` is a command to try, `setting` the path of the
    connection setting behind the address, such as `connections.rabbitmq.url`. `cluster` is the state of its members.
    """

    provider: str
    address: str
    version: str = ""
    identity: str = ""
    expected: bool = False
    problem: str = ""
    remedy: str = ""
    setting: str = ""
    cluster: Cluster = Cluster()


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer as plain values.

    `changes` are sorted by system, in the order of `systems`, by kind and by address; the order of carrying out is
    the business of `graph.steps`.
    `unmanaged` are live objects inside `owns` that nobody declares. `unreadable` are addresses we know nothing of.
    `partial` is True where targets or exclusions leave something out.
    `population` counts, for each system, what is declared or owned there, selected or not.
    """

    topology: str
    changes: tuple[Change, ...] = ()
    writes: tuple[Write, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    unmanaged: tuple[Observation, ...] = ()
    unreadable: tuple[Observation, ...] = ()
    warnings: tuple[str, ...] = ()
    systems: tuple[System, ...] = ()
    partial: bool = False
    population: tuple[tuple[str, int], ...] = ()

    @property
    def digest(self) -> str:
        """Sixteen hex digits over all that apply would do; counts, times and reasons do not enter.

        A secret enters only as equal to or different from the other secrets of this plan.
        """
        seen: dict[Secret, int] = {}

        def masked(value: object) -> str:
            if isinstance(value, Secret):
                return f"hidden {seen.setdefault(value, len(seen))}"
            if isinstance(value, tuple):
                return f"({','.join(masked(item) for item in value)})"
            return f"{type(value).__name__} {value!r}"

        lines = [self.topology]
        lines += [f"{subject} {masked(facts)}" for subject, facts in self._basis()]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def moved(self, later: Plan) -> tuple[str, ...]:
        """Give what a later plan would do otherwise than this one: addresses, and what writes without one are called.

        Hidden values are compared as they are, which a digest that others may read cannot do.
        """
        was, now = self._facts(), later._facts()
        return tuple(sorted(name for name in {*was, *now} if was.get(name) != now.get(name)))

    def _facts(self) -> dict[str, list[tuple[object, ...]]]:
        found: dict[str, list[tuple[object, ...]]] = {}
        for subject, facts in self._basis():
            found.setdefault(subject, []).append(facts)
        return found

    def _basis(self) -> Iterator[tuple[str, tuple[object, ...]]]:
        """Give all that consent is to, each fact with the address or the write that it is about."""
        for change in self.changes:
            if change.action is not Action.NOOP:
                name = str(change.address)
                yield name, (change.action.name, change.adopts, change.observed.identity)
                yield from ((name, (f.path, f.before, f.after)) for f in change.fields)
                yield from ((name, (effect.kind.name,)) for effect in change.effects)
        for write in self.writes:
            yield f"{write.provider} {write.identity}", (write.action.name,)
        for refusal in self.refusals:
            yield str(refusal.address or "the plan as a whole"), ("refused", refusal.field)
        yield from ((str(observed.address), ("unmanaged",)) for observed in self.unmanaged)
        yield from ((str(observed.address), ("unreadable",)) for observed in self.unreadable)

    @property
    def is_complete(self) -> bool:
        """True where everything that was asked for could be read."""
        return not self.unreadable and not any(system.problem for system in self.systems)

    @property
    def is_empty(self) -> bool:
        """True where apply would write nothing."""
        return not self.writes and all(change.action is Action.NOOP for change in self.changes)

    @property
    def is_in_force(self) -> bool:
        """True where apply would write nothing but upkeep: all that is declared is in force."""
        unchanged = all(c.action is Action.NOOP or c.is_upkeep for c in self.changes)
        return unchanged and all(write.is_upkeep for write in self.writes)

    @property
    def degraded(self) -> tuple[Address, ...]:
        """Give the declared addresses whose live object does not run as it is declared."""
        return tuple(
            change.address
            for change in self.changes
            if change.observed.degraded
            and change.resource is not None
            and not change.resource.external
        )

    @property
    def stuck(self) -> tuple[Address, ...]:
        """Give the degraded addresses for which neither their system nor this plan does anything."""
        degraded = frozenset(self.degraded)
        return tuple(
            change.address
            for change in self.changes
            if change.address in degraded
            and change.observed.is_stuck
            and change.action is Action.NOOP
        )

    @property
    def awaited(self) -> tuple[Address, ...]:
        """Give the declared addresses that apply writes nothing to, and whose system is still at work on them."""
        return tuple(change.address for change in self.changes if change.is_awaited)

    def refused(self) -> frozenset[Address]:
        """Give the addresses with a refusal."""
        return frozenset(refusal.address for refusal in self.refusals if refusal.address)


@dataclass(frozen=True, slots=True)
class Step:
    """One node of the graph: a change, or one half of a REPLACE, or a write.

    `action` is what this step does: a REPLACE is a DELETE step and a CREATE step; a NOOP step carries order only.
    `consent` is True where the user named this address, so that data in it may go.
    """

    action: Action
    change: Change | None = None
    write: Write | None = None
    consent: bool = False

    @property
    def is_awaited(self) -> bool:
        """True where nothing is written, and what was written before has yet to settle."""
        return self.change is not None and self.change.is_awaited

    @property
    def only_orders(self) -> bool:
        """True where there is nothing to do, and what needs it is ordered by it all the same."""
        return self.action is Action.NOOP and not self.is_awaited

    @property
    def key(self) -> tuple[str, str]:
        """A sortable identity, unique within a plan."""
        if self.write is not None:
            return (f"{self.write.provider}.write/{self.write.identity}", self.action.name)
        assert self.change is not None  # noqa: S101 - one of the two is always there
        return (str(self.change.address), self.action.name)

    @property
    def provider(self) -> str:
        """The provider that carries it out."""
        if self.write is not None:
            return self.write.provider
        assert self.change is not None  # noqa: S101 - one of the two is always there
        return self.change.address.provider
