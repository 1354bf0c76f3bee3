"""The contract between the core and a provider.

A provider is a folder in `bizops/providers/` that exposes `DEFINITION`. The definition is pure and imports no client
library: it says which kinds exist, how their fields may change and what follows from a declaration. `connect` gives
the one object that talks to the live system.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from bizops import errors

if TYPE_CHECKING:
    from bizops.change import Change, Outcome, Readiness, Refusal, Step, System, Write
    from bizops.resource import Address, Observation, Path, Resource, Spec


class Mutability(Enum):
    """How a field may go from one value to another."""

    IN_PLACE = "in place"
    LOSES_DATA = "in place, losing data"
    REPLACE = "by replacing"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Transition:
    """All that a rule may look at: the value before (with its origin), the value after, and both sides whole."""

    path: Path
    before: Any
    after: Any
    origin: str
    resource: Resource
    observed: Observation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says of a transition.

    `why` goes with LOSES_DATA, REPLACE and NEVER. `remedies` go with NEVER. `warnings` and `notes` are for people;
    in `notes` stand things such as `for messages published from now on; the 143 that wait keep 1h`.
    """

    mutability: Mutability
    why: str = ""
    remedies: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Rule = Callable[[Transition], Verdict]
IN_PLACE = Verdict(Mutability.IN_PLACE)


@dataclass(frozen=True, slots=True)
class Reference:
    """Something that a spec refers to: the text of an address, and the path of the field that names it.

    Where nobody declares it, that is a fault at the field. `optional` ones only order: no fault.
    """

    address: str
    path: Path
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault or a warning that an offline check found, at a field of a resource."""

    address: Address
    path: Path
    problem: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run may look at beyond the declared addresses.

    `owns` maps a kind's name to its patterns (`*` and `?` only, anchored, case-sensitive).
    `settings` are the provider's section settings (vhost, policy priority). `refresh` are address globs whose tags
    are to be resolved.
    """

    topology: str
    owns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    settings: Spec | None = None
    refresh: tuple[str, ...] = ()

    def is_owned(self, kind: str, name: str) -> bool:
        """True where the name matches a pattern of that kind."""
        return any(is_match(name, pattern) for pattern in dict(self.owns).get(kind, ()))


def is_match(name: str, pattern: str) -> bool:
    """Match a name against `*` and `?`, anchored and case-sensitive; every other character stands for itself."""
    import re  # noqa: PLC0415 - not needed by `version` and `--help`

    translated = "".join(
        ".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern
    )
    return re.fullmatch(translated, name, re.DOTALL) is not None


@dataclass(frozen=True, slots=True)
class Observations:
    """One observation for each address asked for, and one for each live object inside the scope.

    `system` says what was read. `context` is the provider's own view of what is not a resource (all policies, say):
    `derive` gets it. `warnings` are shown as they are.
    """

    system: System
    found: tuple[Observation, ...] = ()
    warnings: tuple[str, ...] = ()
    context: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a set of changes: writes without an address, and what stands in their way."""

    writes: tuple[Write, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[tuple[Address, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stake:
    """What goes when an address is deleted or replaced, asked for just before it is decided.

    `needs_consent` is True where data may be lost, or where we cannot know. `text` has the numbers:
    `812 messages (0 consumers, 1 binding)`. `remedies` are ways to do without the loss: `drain it and plan again`.
    """

    address: Address
    needs_consent: bool
    text: str
    remedies: tuple[str, ...] = ()


def no_derivation(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Derive nothing: what most providers do."""
    del changes, observations, scope
    return Derived()


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource, as data.

    `address(name, spec, settings)` gives the identity; `name` is the key in the map, "" for an item of a list.
    `rules` maps a dotted path, or the beginning of one, to the rule for it; the longest wins, and "" is the default.
    `whole` are first path segments whose map is owned whole: a live key that nobody declares is a difference there.
    `expand` gives the resources that one implies (a dead-letter queue); an explicit entry of that address wins.
    `references` are what the spec refers to. `effects(change)` adds consequences, such as restarts.
    `summary(spec)` is the one line of settings under a created resource.
    `holds_data`: deleting or replacing it is put to `Provider.weigh` and may need consent.
    `protected(name)` is True for names that are never touched whatever is declared (`amq.*`).
    `name_problem(name)` says why the system would refuse a name, or "".
    `is_list`: the section holds a list of entries, not a map. `is_external(spec)`: must exist, never written.
    """

    provider: str
    name: str
    plural: str
    spec: type[Spec]
    address: Callable[[str, Any, Any], Address]
    rules: Mapping[str, Rule]
    summary: Callable[[Any], str]
    whole: frozenset[str] = frozenset()
    expand: Callable[[Resource, Any], Iterable[Resource]] = lambda _resource, _settings: ()
    references: Callable[[Resource, Any], Iterable[Reference]] = lambda _resource, _settings: ()
    effects: Callable[[Change], Iterable[Any]] = lambda _change: ()
    holds_data: bool = False
    protected: Callable[[str], bool] = lambda _name: False
    name_problem: Callable[[str], str] = lambda _name: ""
    is_list: bool = False
    is_external: Callable[[Any], bool] = lambda _spec: False

    def rule(self, path: Path) -> Rule:
        """Give the rule for a path: the longest dotted beginning that has one."""
        for length in range(len(path), -1, -1):
            found = self.rules.get(".".join(path[:length]))
            if found is not None:
                return found
        message = f"{self.provider}.{self.name} has no rule for {'.'.join(path)} and no default"
        raise LookupError(message)


@dataclass(frozen=True, slots=True)
class Options:
    """How to talk: seconds for one request, how many requests at once."""

    timeout: float = 10.0
    parallelism: int = 16


@dataclass(frozen=True, slots=True)
class Definition:
    """A provider's offline face.

    `connection` is the model of `connections.<name>`, `settings` that of the section's own keys.
    `check(resources, settings)` finds what is wrong across the resources of this provider without asking it.
    `near_names` maps keys that people write to the key that they mean, with a reason: `{"ttl": "message_ttl ..."}`.
    `connect(connection, settings, options)` imports the client and gives the live side; it may connect lazily.
    """

    name: str
    kinds: tuple[Kind, ...]
    connection: type[Spec]
    settings: type[Spec]
    connect: Callable[[Any, Any, Options], Provider]
    check: Callable[[Sequence[Resource], Any], Iterable[Finding]] = lambda _resources, _settings: ()
    derive: Callable[[Sequence[Change], Observations, Scope], Derived] = no_derivation
    near_names: Mapping[str, str] = field(default_factory=dict)

    def kind(self, name: str) -> Kind:
        """Give a kind by its name; raises LookupError."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        message = f"{self.name} has no kind {name}"
        raise LookupError(message)


class Lease(Protocol):
    """A lock that expires by itself. Every call raises ProviderError where the system fails."""

    seconds: float

    def take(self) -> str:
        """Take the lease or renew our own: gives "" if it is ours now, else the holder's words."""

    def release(self) -> None:
        """Give it back; nothing happens where it is not ours."""

    def break_open(self) -> None:
        """Free it whoever holds it."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `status` shows of one system: rows of cells, the verdict in one or two words.

    `rows` are `(address, cells, problem)`; a row with a problem is always shown, the others on demand.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Address, tuple[str, ...], str], ...]
    verdict: str = "ok"


class Provider(Protocol):
    """The live side. Raises ProviderError from `observe`, `weigh`, `status`; `apply` raises nothing for an item."""

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read in bulk, write nothing. A part that cannot be read gives UNREADABLE observations."""

    def weigh(self, addresses: Sequence[Address]) -> Sequence[Stake]:
        """Say what goes with each address."""

    def apply(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        """Write steps that need nothing of each other; one outcome for each, APPLIED, FAILED or RETRY."""

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Say for each step, in order, whether what was written has taken effect."""

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give the lock for that topology, or None where this system has none to offer."""

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Give the health of what is declared, for people."""

    def close(self) -> None:
        """Give back connections."""


@functools.cache
def names() -> tuple[str, ...]:
    """Give the names of all providers: the folders in `bizops.providers`, sorted."""
    package = importlib.import_module("bizops.providers")
    return tuple(sorted(module.name for module in pkgutil.iter_modules(package.__path__)))


@functools.cache
def definition(name: str) -> Definition:
    """Load a provider's offline face by name; raises UsageError that lists the known ones."""
    if name not in names():
        message = f"there is no provider {name}; known are {', '.join(names())}"
        raise errors.UsageError(message)
    found: Definition = importlib.import_module(f"bizops.providers.{name}").DEFINITION
    return found
