"""The whole answer, and the steps that it is carried out in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops.change.difference import Action, Change, Refusal, Write
from bizops.resource import Secret

if TYPE_CHECKING:
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
        for change in self.changes:
            if change.action is not Action.NOOP:
                lines.append(f"{change.action.name} {change.address} {change.adopts}")
                lines += [f"{f.path} {masked(f.before)} {masked(f.after)}" for f in change.fields]
                lines += [effect.kind.name for effect in change.effects]
        lines += [f"{write.action.name} {write.provider} {write.identity}" for write in self.writes]
        lines += [f"refused {refusal.address} {refusal.field}" for refusal in self.refusals]
        lines += [f"unmanaged {observed.address}" for observed in self.unmanaged]
        lines += [f"unreadable {observed.address}" for observed in self.unreadable]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

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
