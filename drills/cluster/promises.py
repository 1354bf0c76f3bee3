"""What is promised of a command while members are away, and which promises a run broke. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.cluster.command import BEYOND, DEADLINE
from drills.cluster.harm import Harm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drills.cluster.command import Said
    from drills.cluster.state import State

REMOVERS = frozenset({"prune", "destroy"})
READERS = frozenset({"plan", "drift"})
_MAKES_OR_REMOVES = frozenset({"+", "-", "-/+"})
_CRASH = re.compile(r"Traceback \(most recent|failed in a way it should not")
MISUSE = re.compile(r"No such option|unexpected extra argument")
"""What a drill that calls a command wrongly is told: it would look like a refusal."""


@dataclass(frozen=True, slots=True)
class Expected:
    """`codes` are the exit codes that tell the truth. `names` says that the member has to be named.

    `writes` says that the command may change something. Where `words` match what it says, any exit code tells the
    truth. `reports` are marks and kinds that tell the truth besides. `late` says that what an apply could not write may
    be written when the members are back, as it says itself. `settling` are the seconds more that it may take where it
    waits until what was written runs.
    """

    codes: frozenset[int]
    names: bool = False
    writes: bool = False
    words: str = ""
    reports: frozenset[str] = frozenset()
    late: str = ""
    settling: float = 0


def usual(command: str, harm: Harm, gone: int) -> Expected:
    """Give what holds on all three systems while so many of three members are gone."""
    is_known = harm is not Harm.FREEZE
    if gone > 1:
        codes = frozenset({3}) if command in READERS else frozenset({1, 3})
        return Expected(codes)
    if command in REMOVERS:
        return Expected(frozenset({1} if is_known else {1, 3}), names=is_known)
    if command == "apply":
        # Nobody can know of one that froze a moment ago: it may fail, and has to say so.
        return Expected(frozenset({0} if is_known else {0, 1, 3}), writes=True)
    return Expected(frozenset({0} if is_known else {0, 3}), names=is_known)


def broken(
    command: str, said: Said, expected: Expected, member: Sequence[str], before: State
) -> list[str]:
    """Say which promises a run broke by what it said. `before` was there; `member` is how its name may be written."""
    found = slow(said, expected.settling)
    if _CRASH.search(said.text):
        found.append("it crashed")
    tells = expected.words and re.search(expected.words, said.text)
    if said.code not in expected.codes and not tells:
        allowed = " or ".join(map(str, sorted(expected.codes)))
        found.append(f"exit {said.code}, expected {allowed}")
    if expected.names and said.code != 3 and not any(name in said.text for name in member):  # noqa: PLR2004 - exit code
        found.append("does not name who is away")
    if command in READERS:
        found += _misread(said, expected, before)
    if not expected.writes:
        gone = sorted(said.destroyed & before.objects)
        found += [f"says that {address} is destroyed" for address in gone]
    return found


def slow(said: Said, settling: float = 0) -> list[str]:
    """Say whether a command took longer than its deadline and what is allowed on top of it."""
    allowed = DEADLINE + BEYOND + settling
    return (
        [f"took {said.seconds:.0f} s, allowed are {allowed:.0f}"] if said.seconds > allowed else []
    )


def not_empty(plan: Said) -> list[str]:
    """Say whether a plan has something to do, though all was done."""
    found = slow(plan)
    if plan.code or plan.planned or "No changes" not in plan.out:
        said = "; ".join(line.strip() for line in plan.out.splitlines() if line.startswith("  "))
        found.append(f"the plan is not empty: {sorted(plan.planned)}: {said}")
    return found


def _misread(said: Said, expected: Expected, before: State) -> list[str]:
    """Find what a plan or a drift report says of what is there, and is not so."""
    found = []
    for mark, address in sorted(said.planned):
        if mark in expected.reports:
            continue
        if address in before.objects or mark not in _MAKES_OR_REMOVES:
            found.append(f"plans {mark} {address}")
    for kind, address in sorted(said.drifted):
        if kind == "NOT READ" or kind in expected.reports:
            continue
        if address in before.objects or kind != "MISSING":
            found.append(f"reports {kind} {address}")
    return found


def changed(before: State, after: State) -> list[str]:
    """Say what was written between two states where nothing should have been."""
    found = lost(before, after)
    found += [f"made {address}" for address in sorted(after.objects - before.objects)]
    names = sorted({*before.settings, *after.settings})
    found += [
        f"wrote {name}" for name in names if before.settings.get(name) != after.settings.get(name)
    ]
    return found


def lost(before: State, after: State) -> list[str]:
    """Say what was there and is not any more, and what is there twice."""
    found = [f"lost {address}" for address in sorted(before.objects - after.objects)]
    for name, number in sorted(before.contents.items()):
        if name in after.contents and after.contents[name] != number:
            found.append(f"{name} holds {after.contents[name]}, put in were {number}")
        elif after.contents and name not in after.contents:
            found.append(f"{name} is not counted any more")
    return [*found, *(f"twice: {double}" for double in after.doubles)]
