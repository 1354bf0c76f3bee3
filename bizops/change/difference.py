"""One resource, before and after, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

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

    `default_of` says whose default comes into force because the setting is taken away (`engine`, `broker`); `after` is
    that default then, None where nobody knows it.
    Hidden values stand here as `resource.Secret` and print as nothing. `origin` is where `before` comes from.
    `reason` says why the field cannot simply be changed, such as `fixed when the queue is declared`.
    `forces` is True where this field alone makes the change a REPLACE.
    `pins` says from whom the object has an equal value that it is to have of its own: `the broker's default`.
    """

    path: Path
    before: Any
    after: Any
    origin: str = ""
    reason: str = ""
    forces: bool = False
    pins: str = ""
    default_of: str = ""

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

    A DATA_LOSS effect makes the guard ask for consent to this address. `takes_along` in `data` counts what others made
    and what goes with a deletion, so that a provider knows which of it was shown. Numbers that the live system keeps
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
    `is_upkeep` is True where everything that is declared is in force without it: it only says the same in another form,
    such as a pattern that newer servers take. A plan shows it and apply writes it, but it is no drift.
    """

    provider: str
    identity: str
    action: Action
    text: str
    serves: tuple[Address, ...] = ()
    after: tuple[Address | str, ...] = ()
    shown_under: tuple[Address, ...] = ()
    payload: Any = field(default=None, repr=False)
    is_upkeep: bool = False


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
    `waits` are the users of what is deleted: it goes when they have settled without it, and stays where one did not. Of
    what is not deleted they are those that give up what it takes, such as a published port.
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
    waits: tuple[Address, ...] = ()

    @property
    def is_awaited(self) -> bool:
        """True where nothing is to be written, and what was written before has yet to settle."""
        is_ours = self.resource is not None and not self.resource.external
        return self.action is Action.NOOP and is_ours and self.observed.is_moving

    @property
    def is_upkeep(self) -> bool:
        """True where it only sets what is in force already: all that is declared is in force without it."""
        is_update = self.action is Action.UPDATE and not self.adopts and bool(self.fields)
        return is_update and all(field.pins for field in self.fields)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A difference that will not be applied. `field` is empty where the whole address is meant.

    `address` is None where the plan as a whole is refused. `remedies` are the ways out, each complete.
    """

    address: Address | None
    field: str
    why: str
    remedies: tuple[str, ...] = ()
