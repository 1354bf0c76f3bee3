"""The smallest provider that keeps the contract: things in a dictionary."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from bizops import errors, provider
from bizops.change import Action, Cluster, FieldChange, Outcome, Readiness, Status, Step, System
from bizops.provider import (
    IN_PLACE,
    Bystander,
    DataAtRisk,
    Definition,
    Health,
    Kind,
    Mutability,
    Observations,
    Options,
    Provider,
    Scope,
    Transition,
    Verdict,
    never,
)
from bizops.resource import (
    Address,
    Field,
    Observation,
    Presence,
    Resource,
    Spec,
    Use,
    absent,
    unreadable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class Thing(Spec):
    """The spec of the fake provider's one kind."""

    size: int | None = None
    """Changes in place; shrinking loses data."""
    shape: str | None = None
    """Fixed at creation."""
    root: str | None = None
    """Never changes."""
    tags: tuple[tuple[str, str], ...] | None = None
    """Owned whole."""

    def fields(self) -> dict[tuple[str, ...], Any]:
        """Give one path for each tag."""
        plain = {path: value for path, value in super().fields().items() if path != ("tags",)}
        return plain | {("tags", key): value for key, value in self.tags or ()}


def _size(transition: Transition) -> Verdict:
    if transition.before is not None and (transition.after or 0) < transition.before:
        return Verdict(Mutability.LOSES_DATA, "shrinking drops what no longer fits")
    return IN_PLACE


def fake_address(name: str) -> Address:
    """Give the address of a fake thing."""
    return Address("fake", "thing", (name,))


THING = Kind(
    provider="fake",
    name="thing",
    plural="things",
    spec=Thing,
    address=lambda name, _spec, _settings: fake_address(name),
    rules={
        "": lambda _transition: IN_PLACE,
        "size": _size,
        "shape": lambda _transition: Verdict(Mutability.REPLACE, "fixed when the thing is made"),
        "root": lambda _transition: Verdict(Mutability.NEVER, "roots do not move", ("keep root as it is",)),
    },
    summary=lambda spec, _address: ", ".join(f"{'.'.join(path)} {value}" for path, value in spec.fields().items()),
    whole=frozenset({"tags"}),
    mentions=frozenset({"tags"}),
    restart=lambda _observed: FieldChange(("restarts",), 0, 1),
    holds_data=True,
)  # fmt: skip


def fake_definition(connect: Callable[[], Provider] | None = None) -> Definition:
    """Give the offline face of the fake provider."""
    made = connect or FakeProvider

    def connected(_connection: object, _settings: object, _options: Options) -> Provider:
        return made()

    return Definition("fake", (THING,), Spec, Spec, connected)


@contextlib.contextmanager
def installed(*definitions: Definition) -> Iterator[None]:
    """Let `provider.definition` find these besides the real ones."""
    found = provider.definition
    extra = {definition.name: definition for definition in definitions}

    def definition(name: str) -> Definition:
        return extra[name] if name in extra else found(name)

    with mock.patch.object(provider, "definition", definition):
        yield


@dataclass
class FakeProvider:
    """An in-memory system that keeps the contract, and fails where it is told to.

    `things` is the system: name to settings by path. `fails` maps a name to the words of its next failures,
    `unread` are names that cannot be read, `away` and `degraded` give why by name, `stuck` are degraded for good.
    `uses` gives the names that one uses and the setting that says so, which nothing enforces for `loose` ones, and
    `former` the names that it used before and has not settled without.
    `users` and `claims` are those of an observation, `bystanders` those of the reading. `settles` is how many looks a
    name takes to settle, `journal` what was written, in order.
    """

    things: dict[str, dict[tuple[str, ...], Any]] = field(default_factory=dict)
    fails: dict[str, list[Outcome | str]] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    away: Mapping[str, str] = field(default_factory=dict)
    degraded: Mapping[str, str] = field(default_factory=dict)
    stuck: frozenset[str] = frozenset()
    uses: Mapping[str, Sequence[tuple[str, tuple[str, ...]]]] = field(default_factory=dict)
    former: Mapping[str, Sequence[str]] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    users: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bystanders: tuple[Bystander, ...] = ()
    cluster: Cluster = field(default_factory=Cluster)
    settles: dict[str, int] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    dependents: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    problem: str = ""
    journal: list[tuple[str, str]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Give what is in `things`; raises UnreachableError where there is a problem."""
        if self.problem:
            raise errors.UnreachableError(self.problem)
        asked = {resource.address.name for resource in resources}
        owned = {name for name in self.things if scope.is_owned("thing", name)}
        found = tuple(self._observation(name) for name in sorted(asked | owned))
        system = System("fake", "memory", "1", cluster=self.cluster)
        return Observations(system, found, bystanders=self.bystanders)

    def _observation(self, name: str) -> Observation:
        address = fake_address(name)
        if name in self.unread:
            return unreadable(address, "permission denied")
        if name not in self.things:
            return absent(address)
        fields = tuple(
            (path, Field(value, "thing")) for path, value in sorted(self.things[name].items())
        )
        return Observation(
            address,
            Presence.PRESENT,
            fields,
            dependents=self.dependents.get(name, ()),
            uses=tuple(
                Use(fake_address(used), path, is_enforced=name not in self.loose)
                for used, path in self.uses.get(name, ())
            )
            + tuple(Use(fake_address(n), (), is_former=True) for n in self.former.get(name, ())),
            former=tuple((("tags", "WAS"), used) for used in self.former.get(name, ())),
            users=self.users.get(name, ()),
            claims=self.claims.get(name, ()),
            away=self.away.get(name, ""),
            degraded=self.degraded.get(name, ""),
            is_stuck=name in self.stuck,
        )

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Ask for consent where a weight is given."""
        return [
            DataAtRisk(
                address, address.name in self.weights, self.weights.get(address.name, "nothing")
            )
            for address in addresses
        ]

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write each step, or fail as told."""
        self.batches.append(len(steps))
        return [
            Outcome(step, Status.SKIPPED) if is_stopped() else self._apply(step) for step in steps
        ]

    def _apply(self, step: Step) -> Outcome:
        assert step.change is not None
        name = step.change.address.name
        self.journal.append((step.action.name, name))
        if self.fails.get(name):
            failure = self.fails[name].pop(0)
            return (
                Outcome(step, Status.FAILED, failure)
                if isinstance(failure, str)
                else replace(failure, step=step)
            )
        if step.action is Action.DELETE:
            self.things.pop(name, None)
        else:
            assert step.change.resource is not None
            self.things[name] = self.things.get(name, {}) | step.change.resource.spec.fields()
            for changed in step.change.fields:
                if changed.after is None:
                    self.things[name].pop(changed.path, None)
        return Outcome(step, Status.APPLIED)

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Count down `settles`."""
        return [self._readiness(step) for step in steps]

    def _readiness(self, step: Step) -> Readiness:
        assert step.change is not None
        name = step.change.address.name
        left = self.settles.get(name, 0)
        self.settles[name] = max(0, left - 1)
        return Readiness(settled=left == 0, detail=f"{left} looks left" if left else "settled")

    def lease(self, topology: str, holder: str) -> None:
        """Offer no lock."""

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Say that all is well, but for what is degraded."""
        del scope
        rows = tuple(
            (r.address, (r.address.name,), self.degraded.get(r.address.name, "")) for r in resources
        )
        return Health(("THING",), rows, "DEGRADED" if any(why for _, _, why in rows) else "ok")

    def close(self) -> None:
        """Nothing is held."""
