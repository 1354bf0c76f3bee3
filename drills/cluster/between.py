"""A member that is killed in the middle of an apply: between any two writes, or when something new has come to be."""

from __future__ import annotations

import dataclasses
import itertools
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drills.cluster.harm import Harm
from drills.cluster.outage import Row
from drills.cluster.promises import Expected, broken, lost, not_empty, slow
from drills.cluster.state import State, UnreadableError
from drills.cluster.writes import WriteGate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from drills.cluster.command import Said
    from drills.cluster.rabbitmq import Rabbitmq
    from drills.cluster.state import Subject

MOMENTS = ("fresh-1", "fresh-2", "fresh-3")
"""Objects of the change of Kafka and Swarm, each of which needs the one before."""
HONEST = Expected(frozenset({0, 1, 3}), writes=True)
"""An apply that loses a member may fail, and has to say so."""


@dataclass(frozen=True, slots=True)
class Way:
    """From one state of the topology to the other: a command and its overlays."""

    command: str
    overlays: tuple[str, ...]


THERE = Way("apply", ("change",))
BACK = Way("prune", ())


def between_writes(subject: Rabbitmq, tell: Callable[[Row], None]) -> None:
    """Kill a node at each write of an apply and, on the way back, of one with --prune, until none is left.

    On the way there it is the node that is spoken to, and its answer is lost; the other addresses are left then. On
    the way back it is the node that has drill_far, before the write.
    """
    subject.reset()
    contents = subject.state(counts=True).contents
    for number in itertools.count():
        struck = [_strike_at(subject, way, number, contents, tell) for way in (THERE, BACK)]
        if not any(struck):
            return


def _strike_at(
    subject: Rabbitmq,
    way: Way,
    number: int,
    contents: Mapping[str, int],
    tell: Callable[[Row], None],
) -> bool:
    """Go one way with a kill at one write; gives whether there was such a write."""
    names = subject.members.names
    victim = names[0] if way is THERE else names[-1]
    first, *others = subject.addresses
    gate = WriteGate(
        first,
        number,
        lambda: subject.members.harm(victim, Harm.KILL),
        is_forwarded=way is THERE,
    )
    with gate:
        said = subject.line_to([gate.url, *others]).run(way.command, *way.overlays)
    if not gate.has_struck and said.code == 0:
        return False
    moment = f"{victim} killed {'behind' if way is THERE else 'before'} write {number + 1}"
    _finish(subject, way, moment, said, contents, tell)
    return gate.has_struck


def at_moments(subject: Subject, tell: Callable[[Row], None]) -> None:
    """Kill the last member when the first, the second and the third new object is there."""
    for moment in MOMENTS:
        subject.reset()
        before = subject.state(counts=True)
        begun = time.monotonic()
        started = subject.line.start(THERE.command, *THERE.overlays)
        watch = threading.Thread(target=_kill_when, args=(subject, moment, started.poll))
        watch.start()
        said = subject.line.wait(started, begun)
        watch.join()
        victim = subject.members.names[-1]
        _finish(
            subject, THERE, f"{victim} killed once {moment} is there", said, before.contents, tell
        )


def _kill_when(subject: Subject, moment: str, ended: Callable[[], int | None]) -> None:
    """Look as fast as it goes for an object, and kill then."""
    while ended() is None:
        try:
            objects = subject.state().objects
        except UnreadableError:
            continue
        if any(address.endswith(moment) for address in objects):
            subject.members.harm(subject.members.names[-1], Harm.KILL)
            return


# Six parameters: a row is about all of them.
def _finish(  # noqa: PLR0913, PLR0917
    subject: Subject,
    way: Way,
    moment: str,
    said: Said,
    contents: Mapping[str, int],
    tell: Callable[[Row], None],
) -> None:
    """Let the member come back, apply again, and see that all is there once and nothing is left to do."""
    subject.members.heal()
    subject.wait_until_whole()
    found = _judge(subject, said)
    again = subject.line.run(way.command, *way.overlays)
    found += slow(again)
    if again.code:
        found.append(f"the next run ended with {again.code}: {again.words()}")
    plan = subject.line.run("plan", *way.overlays)
    found += not_empty(plan)
    after = subject.state(counts=True)
    found += lost(dataclasses.replace(after, contents=contents), after)
    words = said.words(subject.members.names)
    tell(Row(subject.system, moment, way.command, said.code, said.seconds, words, tuple(found)))


def _judge(subject: Subject, said: Said) -> list[str]:
    """Find the promises that it broke. Nobody expects this kill, so it is noticed as late as a member that froze."""
    settling = subject.expected("apply", Harm.FREEZE, 1).settling
    expected = dataclasses.replace(HONEST, settling=settling)
    return broken("apply", said, expected, (), State(frozenset(), {}))
