"""One harm from its beginning to its end: one member is gone, then the majority, then all are back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.cluster.promises import MISUSE, REMOVERS, broken, changed, lost
from drills.cluster.state import DrillError, State, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drills.cluster.command import Said
    from drills.cluster.harm import Harm
    from drills.cluster.state import Subject

COMMANDS = ("plan", "drift", "apply", "prune", "destroy")


@dataclass(frozen=True, slots=True)
class Row:
    """What a command said in a situation, and the promises that it broke."""

    system: str
    situation: str
    command: str
    code: int | None
    seconds: float
    words: str
    broken: tuple[str, ...]


class Outage:
    """Drills one system with one harm; `tell` gets each row as it comes. Raises DrillError."""

    def __init__(self, subject: Subject, harm: Harm, tell: Callable[[Row], None]) -> None:
        self._subject = subject
        self._harm = harm
        self._tell = tell
        self._gone: list[str] = []
        self._has_change = False

    def run(self) -> None:
        """Do it all; the members are healed whatever comes."""
        self._subject.reset()
        self._subject.prepare(self._harm)
        whole = self._subject.state(counts=True)
        try:
            self._take_away()
            for command in COMMANDS:
                self._look(command, whole)
            reached = self._state() or whole
            self._take_away()
            for command in COMMANDS:
                self._look(command, reached)
        finally:
            self._subject.members.heal()
        self._subject.wait_until_whole()
        self._end(whole)

    def _take_away(self) -> None:
        name = self._subject.members.names[-1 - len(self._gone)]
        self._subject.members.harm(name, self._harm)
        self._subject.wait_for_loss(name, self._harm)
        self._gone.append(name)

    def _look(self, command: str, before: State) -> None:
        """Run a command, and judge it by what it says and by what was written."""
        expected = self._subject.expected(command, self._harm, len(self._gone))
        said = self._subject.line.run(command, *self._overlays(command))
        if MISUSE.search(said.text):
            raise DrillError(said.text)
        found = broken(command, said, expected, self._gone, before)
        after = self._state()
        if after is not None:
            found += lost(before, after) if self._may_write(command) else changed(before, after)
        if command == "apply" and len(self._gone) == 1:
            self._has_change = said.code == 0
        self._row(command, said, found)

    def _overlays(self, command: str) -> tuple[str, ...]:
        """Choose the files: with a change on top, and one more while the majority is gone."""
        if len(self._gone) == 1:
            changes: tuple[str, ...] = () if command in {"plan", "drift"} else ("change",)
        else:
            changes = ("change", "more") if command == "apply" else ("change",)
        return (*changes, "less") if command == "prune" else changes

    def _may_write(self, command: str) -> bool:
        """Tell whether writes are no fault; after the change of one outage it is there for the others."""
        return len(self._gone) == 1 and (command == "apply" or command in REMOVERS)

    def _end(self, whole: State) -> None:
        """All are back: nothing is lost or there twice, and the plan is empty."""
        self._gone.clear()
        found = []
        if not self._has_change:
            said = self._subject.line.run("apply", "change")
            if said.code:
                found.append(f"the next apply ended with {said.code}: {said.words()}")
        said = self._subject.line.run("plan", "change")
        if said.code or said.planned or "No changes" not in said.out:
            found.append(f"the plan is not empty: {sorted(said.planned)}")
        found += lost(whole, self._subject.state(counts=True))
        self._row("plan", said, found)

    def _state(self) -> State | None:
        try:
            return self._subject.state()
        except UnreadableError:
            return None

    def _row(self, command: str, said: Said, found: list[str]) -> None:
        away = " and ".join(self._gone)
        situation = f"{away} {self._harm.value}" if away else f"all back ({self._harm.value})"
        names = self._subject.members.names[1:]
        row = Row(
            self._subject.system,
            situation,
            command,
            said.code,
            said.seconds,
            said.words(names),
            tuple(found),
        )
        self._tell(row)
