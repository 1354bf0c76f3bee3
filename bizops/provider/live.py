"""The side of a provider that talks to its system."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from bizops.change import Cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bizops.change import Outcome, Readiness, Step, System
    from bizops.provider.scope import Scope
    from bizops.resource import Address, Observation, Path, Resource, Use


@dataclass(frozen=True, slots=True)
class Options:
    """How to talk: seconds for one request, how many requests at once."""

    timeout: float = 10.0
    parallelism: int = 16


@dataclass(frozen=True, slots=True)
class Bystander:
    """A live object of others, in words (`service web of topology shop`).

    `texts` are its settings that may name objects of ours, `uses` what it does name.
    """

    name: str
    texts: tuple[tuple[Path, str], ...] = ()
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True, slots=True)
class Observations:
    """One observation for each address asked for, and one for each live object inside the scope.

    `system` says what was read. `context` is the provider's own view of what is not a resource (all policies, say):
    `derive` gets it. `warnings` are shown as they are. `bystanders` are live objects of others that were read.
    """

    system: System
    found: tuple[Observation, ...] = ()
    warnings: tuple[str, ...] = ()
    context: Any = field(default=None, compare=False, repr=False)
    bystanders: tuple[Bystander, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class DataAtRisk:
    """What goes when an address is deleted or replaced, asked for just before it is decided.

    `needs_consent` is True where data may be lost, or where we cannot know. `text` has the numbers:
    `812 messages (0 consumers, 1 binding)`. `remedies` are ways to do without the loss: `drain it and plan again`.
    `identity` is that of the observation, where only this question finds it out.
    """

    address: Address
    needs_consent: bool
    text: str
    remedies: tuple[str, ...] = ()
    identity: str = ""


class Lease(Protocol):
    """A lock that expires by itself after `seconds`. Every call raises ProviderError where the system fails."""

    seconds: float

    def take(self) -> str:
        """Take the lease: gives "" if it is ours now, else the holder's words."""

    def renew(self, within: float) -> None:
        """Let our own begin anew, within the seconds that it surely lasts.

        Raises LockLostError where it is not ours any more.
        """

    def release(self) -> None:
        """Give it back; nothing happens where it is not ours."""

    def break_open(self) -> str:
        """Free it whoever holds it, and give the holder's words; "" where nobody did."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `status` shows of one system: rows of cells, the verdict in one or two words.

    `rows` are `(address, cells, problem)`; a row with a problem is always shown, the others on demand.
    `cluster` is the state of the system's members. `settings` are those of live objects, by path: what a row says may
    repeat one that must not be shown.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Address, tuple[str, ...], str], ...]
    verdict: str = "ok"
    cluster: Cluster = field(default_factory=Cluster)
    settings: tuple[tuple[Address, tuple[tuple[Path, Any], ...]], ...] = field(
        default=(), repr=False
    )


def never() -> bool:
    """Say that nobody stops us."""
    return False


class Provider(Protocol):
    """The live side. Raises ProviderError from `observe`, `weigh`, `status`; `apply` raises nothing for an item."""

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read in bulk, write nothing. A part that cannot be read gives UNREADABLE observations."""

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Say what goes with each address."""

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write steps that need nothing of each other; one outcome for each, APPLIED, FAILED or RETRY.

        `is_stopped` is asked before each request: from True on nothing more is sent, and what was not sent at all is
        SKIPPED. A batch may be thousands of requests, and the lock may be lost, or somebody interrupt, in its middle.
        """

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Say for each step, in order, whether what was written has taken effect.

        A step that has settled is asked about again where a deletion waits for it, from the thread of another system.
        """

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give the lock for that topology, or None where this system has none to offer."""

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Give the health of what is declared, for people."""

    def close(self) -> None:
        """Give back connections."""
