"""One harm from its beginning to its end: one member is gone, then the majority, then all are back."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.cluster.promises import MISUSE, REMOVERS, broken, changed, lost, not_empty
from drills.cluster.state import DrillError, State, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from drills.cluster.command import Said
    from drills.cluster.harm import Harm
    from drills.cluster.state import Subject

Call = tuple[str, tuple[str, ...]]
"""A command, and the overlays that it gets."""
WITH_ONE_GONE: tuple[Call, ...] = (
    ("plan", ()),
    ("drift", ()),
    ("apply", ("change",)),
    ("prune", ("change", "less")),
    ("destroy", ("change",)),
)
WITHOUT_A_MAJORITY: tuple[Call, ...] = (
    ("plan", ("change",)),
    ("drift", ("change",)),
    ("apply", ("change", "setting")),
    ("apply", ("change", "more")),
    ("prune", ("change", "less")),
    ("destroy", ("change",)),
)
"""What is known may be compared, so an apply of a mere setting is another question than one of something new."""


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
        self._has_change = self._may_be_late = False
        self._last = self._exists = State(frozenset(), {})

    def run(self) -> None:
        """Do it all; the members are healed whatever comes."""
        self._subject.reset()
        self._subject.prepare(self._harm)
        whole = self._subject.state(counts=True)
        # Where nobody says what is there any more, it is what was there before.
        self._exists = self._last = dataclasses.replace(whole, contents={})
        try:
            for calls in (WITH_ONE_GONE, WITHOUT_A_MAJORITY):
                self._take_away()
                for command, overlays in calls:
                    self._look(command, overlays)
        finally:
            self._gone.clear()
            self._subject.members.heal()
        self._subject.wait_until_whole()
        self._end(whole)

    def _take_away(self) -> None:
        name = self._subject.members.names[-1 - len(self._gone)]
        self._subject.members.harm(name, self._harm)
        self._subject.wait_for_loss(name, self._harm)
        self._gone.append(name)
        self._read()

    def _look(self, command: str, overlays: tuple[str, ...]) -> None:
        """Run a command, and judge it by what it says and by what was written."""
        expected = self._subject.expected(command, self._harm, len(self._gone))
        said = self._subject.line.run(command, *overlays)
        if MISUSE.search(said.text):
            raise DrillError(said.text)
        found = broken(command, said, expected, self._gone, self._exists)
        before = self._last
        self._read()
        if command in REMOVERS and expected.writes and said.code == 0:
            found += self._restore(said)
        else:
            found += (lost if expected.writes else changed)(before, self._last)
        if command == "apply" and len(self._gone) == 1:
            self._has_change = said.code == 0
        if expected.late and re.search(expected.late, said.text):
            self._may_be_late = True
        self._row(f"{command}, {overlays[-1]}" if overlays else command, said, found)

    def _read(self) -> None:
        """Read what is there, and keep what was read before where nobody says it."""
        with contextlib.suppress(UnreadableError):
            self._last = self._subject.state()
            objects = self._exists.objects | self._last.objects
            self._exists = dataclasses.replace(self._exists, objects=objects)

    def _restore(self, said: Said) -> list[str]:
        """See that what a removal says to be gone is gone, and make it again."""
        found = [f"{name} is still there" for name in said.destroyed & self._last.objects]
        again = self._subject.line.run("apply", "change")
        if again.code:
            found.append(f"making it again ended with {again.code}: {again.words()}")
        self._read()
        return found

    def _end(self, whole: State) -> None:
        """All are back: nothing is lost or there twice, nothing was written late, and the plan is empty."""
        before = self._last
        self._read()
        found = []
        if self._has_change and not self._may_be_late:
            # What was hidden with a member, as 3.10 hides bindings, is not made by its return.
            known = before.objects | (self._exists.objects & self._last.objects)
            found += changed(dataclasses.replace(before, objects=known), self._last)
        else:
            said = self._subject.line.run("apply", "change")
            if said.code:
                found.append(f"the next apply ended with {said.code}: {said.words()}")
        said = self._subject.line.run("plan", "change")
        found += not_empty(said)
        found += [
            fault for fault in lost(whole, self._subject.state(counts=True)) if fault not in found
        ]
        self._row("plan", said, found)

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
