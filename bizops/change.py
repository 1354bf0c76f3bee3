"""What would be done and what was done: changes, refusals, plans, outcomes.

Frozen values all the way down. A plan is built once, sorted once and never edited. Apply may use changes, writes
and their order; reasons, effects and notes are for people.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from bizops.resource import Secret

if TYPE_CHECKING:
    from bizops.resource import Address, Observation, Path, Resource


class Action(Enum):
    """The only operation enum. The value is the symbol that people see."""

    NOOP = " "
    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One line of a diff. `before` is None where the setting is not there yet, `after` where it goes.

    Hidden values stand here as `resource.Secret` and print as nothing. `origin` is where `before` comes from.
    `reason` says why the field cannot simply be changed, such as `fixed when the queue is declared`.
    `forces` is True where this field alone makes the change a REPLACE.
    """

    path: Path
    before: Any
    after: Any
    origin: str = ""
    reason: str = ""
    forces: bool = False

    @property
    def name(self) -> str:
        """The path as people write it: `deploy.replicas`."""
        return ".".join(self.path)


class EffectKind(Enum):
    """What sort of consequence a change has beyond the value that changes."""

    RESTART = "restart"
    DATA_LOSS = "data_loss"
    NOTE = "note"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Effect:
    """A consequence in words, with the numbers behind it as sorted pairs: `(("of", 4), ("tasks", 4))`.

    A DATA_LOSS effect makes the guard ask for consent to this address. Numbers that the live system keeps
    changing (messages, consumers) belong in `live`, which neither decides nor enters a digest.
    """

    kind: EffectKind
    text: str
    data: tuple[tuple[str, Any], ...] = ()
    live: tuple[tuple[str, Any], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Write:
    """Something that a provider writes to carry out changes, with no address of its own (a derived policy).

    `identity` is unique within the provider. It is carried out after everything in `after` (addresses and
    identities of writes) and before every address in `serves`. `action` is CREATE or DELETE, never UPDATE.
    `shown_under` are the addresses it is listed beneath. `payload` is the provider's own.
    """

    provider: str
    identity: str
    action: Action
    text: str
    serves: tuple[Address, ...] = ()
    after: tuple[Address | str, ...] = ()
    shown_under: tuple[Address, ...] = ()
    payload: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Change:
    """One resource, before and after.

    | action  | observed | resource | fields              |
    |---------|----------|----------|---------------------|
    | NOOP    | present  | wanted   | none differ         |
    | CREATE  | absent   | wanted   | every managed one   |
    | UPDATE  | present  | wanted   | those that differ   |
    | REPLACE | present  | wanted   | those that differ   |
    | DELETE  | present  | None     | none                |

    A live object that is recreated because it dies with another has a `resource` made from its observation and
    `reason` says with what. `unmanaged` are differences that `lifecycle.ignore_changes` hides.
    `adopts` is True where our ownership mark is put on an object that has none, or another's.
    `dies_with` is the address whose deletion takes this one along: it is not deleted, only created again.
    """

    address: Address
    action: Action
    resource: Resource | None
    observed: Observation
    fields: tuple[FieldChange, ...] = ()
    effects: tuple[Effect, ...] = ()
    needs: tuple[Address, ...] = ()
    reason: str = ""
    unmanaged: tuple[FieldChange, ...] = ()
    adopts: bool = False
    dies_with: Address | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A difference that will not be applied. `field` is empty where the whole address is meant.

    `address` is None where the plan as a whole is refused. `remedies` are the ways out, each complete.
    """

    address: Address | None
    field: str
    why: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class System:
    """One live system as we found it. `problem` is why it could not be read, `identity` what it calls itself.

    `expected` is True where `expect` was given and matched. `remedy` is a command to try, `setting` the path of the
    connection setting behind the address, such as `connections.rabbitmq.url`.
    """

    provider: str
    address: str
    version: str = ""
    identity: str = ""
    expected: bool = False
    problem: str = ""
    remedy: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole answer as plain values.

    `changes` are sorted by system, in the order of `systems`, and address; `graph.steps` has the order of carrying out.
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


class Status(Enum):
    """How a step ended. RETRY: it may pass on another try. RUNNING: written, still settling when we stopped."""

    APPLIED = "applied"
    FAILED = "failed"
    RETRY = "retry"
    SKIPPED = "skipped"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step. `detail` is one line for people; `lines` are further ones (a task's last log lines).

    `seconds` from the first write until it settled. SKIPPED names the failed need in `detail`.
    """

    step: Step
    status: Status
    detail: str = ""
    lines: tuple[str, ...] = ()
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Readiness:
    """Has what we wrote taken effect? Neither settled nor failed: ask again.

    `detail` is what a person waiting wants to know: `2/4 on the new spec, task 3 starting`.
    """

    settled: bool = False
    failed: bool = False
    detail: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """Outcomes in the order in which they ended; `interrupted` where a signal stopped it."""

    outcomes: tuple[Outcome, ...] = ()
    interrupted: bool = False

    @property
    def is_ok(self) -> bool:
        """True where everything that was to be done is done."""
        return not self.interrupted and all(
            outcome.status is Status.APPLIED for outcome in self.outcomes
        )
