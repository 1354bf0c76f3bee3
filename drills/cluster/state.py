"""What a cluster has, as the drills' own clients see it; and the contract that each system's part fulfils."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drills.cluster.command import CommandLine
    from drills.cluster.harm import Harm, Members
    from drills.cluster.promises import Expected


class UnreadableError(Exception):
    """The cluster does not say what it has, as one without a majority may."""


class DrillError(Exception):
    """A drill could not be carried out, so it proved nothing."""


@dataclass(frozen=True, slots=True)
class State:
    """`objects` are addresses as bizops writes them, `settings` what was set on or for them.

    `contents` has numbers of messages, records or running tasks. `doubles` says what is there twice.
    """

    objects: frozenset[str]
    settings: Mapping[str, str]
    contents: Mapping[str, int] = field(default_factory=dict)
    doubles: tuple[str, ...] = ()


class Subject(Protocol):
    """A system under drill: its members, its state, and what is expected of a command."""

    system: str

    @property
    def line(self) -> CommandLine:
        """Give the command line, on the system's topology."""

    @property
    def members(self) -> Members:
        """Give the members."""

    def versions(self) -> str:
        """Say what is drilled, for the page."""

    def reset(self) -> None:
        """Remove whatever drills left, declare the topology, and put contents in."""

    def state(self, *, counts: bool = False) -> State:
        """Ask the first member; raises UnreadableError. Contents are counted while all members are there."""

    def prepare(self, harm: Harm) -> None:
        """Set what has to be set while all members are there."""

    def wait_for_loss(self, name: str, harm: Harm) -> None:
        """Wait until the survivors know, where they can know; raises DrillError."""

    def wait_until_whole(self) -> None:
        """Wait until all members serve again, after they were healed; raises DrillError."""

    def expected(self, command: str, harm: Harm, gone: int) -> Expected:
        """Say what is promised of a command while so many members are gone."""


def wait(is_done: Callable[[], bool], what: str, patience: float = 90) -> None:
    """Look some times a second until something is so; raises DrillError where it does not come about."""
    end = time.monotonic() + patience
    while not is_done():
        if time.monotonic() > end:
            message = f"in {patience:g} s it did not come about that {what}"
            raise DrillError(message)
        time.sleep(0.3)
