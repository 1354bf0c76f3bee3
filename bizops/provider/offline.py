"""The side of a provider that asks nothing: its definition, found by name."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.provider.versions import Versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bizops.change import Change, Effect, Refusal, Write
    from bizops.provider.kind import Finding, Kind
    from bizops.provider.live import Observations, Options, Provider
    from bizops.provider.scope import Scope
    from bizops.resource import Address, Resource, Spec


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from a set of changes together: writes without an address, what stands in their way, and effects."""

    writes: tuple[Write, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    effects: tuple[tuple[Address, Effect], ...] = ()


def no_derivation(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Derive nothing: what most providers do."""
    del changes, observations, scope
    return Derived()


@dataclass(frozen=True, slots=True)
class Definition:
    """A provider's offline face.

    `connection` is the model of `connections.<name>`, `settings` that of the section's own keys.
    `check(resources, settings)` finds what is wrong across the resources of this provider without asking it.
    `near_names` maps keys that people write to the key that they mean, with a reason: `{"ttl": "message_ttl ..."}`.
    `versions` are those that it was tried with, and what each lacks.
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
    versions: Versions = field(default_factory=Versions)

    def kind(self, name: str) -> Kind:
        """Give a kind by its name; raises LookupError."""
        for kind in self.kinds:
            if kind.name == name:
                return kind
        message = f"{self.name} has no kind {name}"
        raise LookupError(message)


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
