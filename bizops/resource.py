"""What is wanted and what is there: addresses, specs, resources, observations.

Every type here is a frozen value. Maps are sorted tuples of pairs, so that equal content is equal text.
Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENCODED = str.maketrans({"%": "%25", "/": "%2F", "@": "%40", ":": "%3A", "#": "%23"})

Path = tuple[str, ...]
"""Where a setting stands inside a spec: `("deploy", "replicas")`, `("configs", "retention.ms")`."""


class Address(NamedTuple):
    """Identity and sort key of everything: prints `rabbitmq.queue/auto_orders`.

    `parts` are the names that make it up (a binding has three: exchange, routing key, queue);
    `scope` is the vhost where it is not the section's; `digest` tells bindings apart by their arguments.
    """

    provider: str
    kind: str
    parts: tuple[str, ...]
    scope: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The name as the system knows it; the parts of a compound name joined by colons, unencoded."""
        return ":".join(self.parts)

    def __str__(self) -> str:
        """Percent-encode `/ @ : # %` inside names, so that the text is unambiguous."""
        name = ":".join(part.translate(_ENCODED) for part in self.parts)
        scope = f"@{self.scope.translate(_ENCODED)}" if self.scope else ""
        digest = f"#{self.digest}" if self.digest else ""
        return f"{self.provider}.{self.kind}/{name}{scope}{digest}"


class Source(NamedTuple):
    """Where something was written. `derived` names the setting that implied it, such as `dead_letter`."""

    file: str
    line: int
    column: int
    derived: str = ""

    def __str__(self) -> str:
        """Print as `file:line`, or as `from dead_letter` where a setting implied it."""
        return f"from {self.derived}" if self.derived else f"{self.file}:{self.line}"


class Secret:
    """A value that is compared but never printed. `reveal()` is for the one place that writes it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value itself: only for what is sent to the system that owns it."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "(hidden)"


class Spec(BaseModel):
    """The settings of one resource, as declared. Unknown keys are faults; `None` means *not managed by us*.

    Field names are the keys of the topology file. A map is held as a sorted tuple of pairs.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True
    )

    def fields(self) -> dict[Path, Any]:
        """Give every managed setting by its path; values are scalars, `Secret`s or tuples.

        A set-like list is a sorted tuple here, and an open map has one path for each key, so that
        comparing two specs is comparing two dictionaries.
        """
        return {
            (name,): value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }

    def withheld(self) -> tuple[Secret, ...]:
        """Give the values that are secret whatever they look like, so that no output shows them anywhere."""
        return ()


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What the user asked of any resource, whatever its kind.

    `protect`: never deleted or replaced. `ignore_changes`: dotted paths written at creation only.
    """

    protect: bool = False
    ignore_changes: tuple[str, ...] = ()

    def ignores(self, path: Path) -> bool:
        """True where differences of this setting are not managed."""
        name = ".".join(path)
        return any(name == each or name.startswith(f"{each}.") for each in self.ignore_changes)


@dataclass(frozen=True, slots=True)
class Resource:
    """What is wanted. `needs` must be settled before it; `external` must exist and is never written.

    `unread` are fields of the spec that were written and have faults, so that they say nothing: neither what they are
    nor that they were left out. Only checks of a faulty topology ever see one.
    `hidden` are the paths whose values hold a secret of a variable, an element of a list by its number behind the
    list's path: the file may be all that says so.
    """

    address: Address
    spec: Spec
    needs: tuple[Address, ...] = ()
    source: Source | None = field(default=None, compare=False)
    lifecycle: Lifecycle = Lifecycle()
    external: bool = False
    unread: frozenset[str] = field(default=frozenset(), compare=False)
    hidden: frozenset[Path] = field(default=frozenset(), compare=False)


class Presence(Enum):
    """What a read told us. UNREADABLE is not ABSENT: we do not know."""

    PRESENT = "present"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Field:
    """One live setting and where it comes from.

    `origin` is in the system's words: `argument`, `policy NAME`, `operator policy NAME`, `topic config`,
    `broker default`, `spec`. Rules about how a field may change look at it.
    `ours` is True where bizops wrote it for this resource, so that it goes when it is no longer declared.
    `inherited` says from whom the object has it where it is not set on the object: `the broker's default`. Others may
    change it there, so an equal declared value is still to be set.
    `default_of` says whose default is in force then (`engine`, `broker`), "" where there is none, and `default` is
    its value, None where nobody knows it.
    """

    value: Any
    origin: str = ""
    ours: bool = False
    inherited: str = ""
    default: Any = None
    default_of: str = ""


class Use(NamedTuple):
    """What a live object uses, and the setting that says so: it lets go of it where that setting changes.

    `is_enforced` is True where the system itself refuses to delete what is used. `is_former` is True where settings of
    before name it, which part of the object still runs with, or may be set back to: it lets go when it has settled.
    """

    address: Address
    path: Path
    is_enforced: bool = True
    is_former: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """What is there.

    `fields` holds every live setting that the kind can manage, by path.
    `owner` is None where objects of this kind carry no ownership mark; else the topology named on it, or "".
    `refined` gives, by path, what a declared value means right now (a tag resolved to a digest).
    `dependents` are live objects that die with this one, such as a queue's bindings.
    `uses` is what this live object uses: none of it is deleted before this has settled without it.
    `former` are texts, by path, of settings of before that part of it still runs with, or that it may be set back to.
    `users` are live objects of others that use this one, in words: the system refuses to delete it while they do.
    `claims` are other topologies that the system shows to declare it, too.
    `counts` (messages, consumers, running tasks) and `notes` are for people: they never decide and never enter
    a digest. `raw` is the provider's own, handed back to it at apply.
    `away` says where it lies while that part of the cluster is down: `on rabbit@rc3, which is down`. Its fields are
    true, what it holds is unknown, and it is neither deleted nor replaced.
    `degraded` says what does not run as it is declared, though the settings are equal, with the system's own error.
    `is_stuck` is True where the system does nothing about it any more, so that only a restart tries again.
    `is_moving` is True while the system itself still brings about what was written: an apply waits for its end.
    `identity` tells this object from another one that was made in its place, and from itself before its tasks were
    started anew. It enters the digest of a plan that changes or deletes the object, and is shown to nobody.
    """

    address: Address
    presence: Presence
    fields: tuple[tuple[Path, Field], ...] = ()
    why: str = ""
    owner: str | None = None
    refined: tuple[tuple[Path, Any], ...] = ()
    dependents: tuple[Resource, ...] = ()
    uses: tuple[Use, ...] = field(default=(), compare=False)
    former: tuple[tuple[Path, str], ...] = field(default=(), compare=False, repr=False)
    users: tuple[str, ...] = field(default=(), compare=False)
    claims: tuple[str, ...] = field(default=(), compare=False)
    counts: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)
    raw: Any = field(default=None, compare=False, repr=False)
    away: str = ""
    degraded: str = field(default="", compare=False)
    is_stuck: bool = field(default=False, compare=False)
    is_moving: bool = field(default=False, compare=False)
    identity: str = field(default="", compare=False, repr=False)


def absent(address: Address, *, raw: Any = None) -> Observation:  # noqa: ANN401 - the provider's own
    """Give the observation of something that we looked for and that is not there."""
    return Observation(address, Presence.ABSENT, raw=raw)


def unreadable(address: Address, why: str) -> Observation:
    """Give the observation of something that could not be read, with the reason."""
    return Observation(address, Presence.UNREADABLE, why=why)


def texts_within(value: Any) -> Iterator[str]:  # noqa: ANN401 - any setting
    """Give every text in a value: in lists and maps, and what is hidden as well."""
    for leaf in _leaves(value):
        if isinstance(leaf, str):
            yield leaf
        elif isinstance(leaf, Secret):
            yield leaf.reveal()


def secrets_within(value: Any) -> Iterator[Secret]:  # noqa: ANN401 - any setting
    """Give what is hidden in a value: in lists and maps, too."""
    return (leaf for leaf in _leaves(value) if isinstance(leaf, Secret))


def _leaves(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any setting
    if isinstance(value, (tuple, list)):
        for each in value:
            yield from _leaves(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _leaves(each)
    else:
        yield value
