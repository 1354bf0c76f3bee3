"""What the workers of all systems share: which steps are taken, done or lost."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from bizops import graph
from bizops.change import Action, Outcome, Status, Step

if TYPE_CHECKING:
    from bizops.applier.progress import Listener
    from bizops.applier.users import Users
    from bizops.graph import Graph, Key


class Schedule:
    """What all workers share: which steps are taken, done or lost. Every method may be called from any thread."""

    def __init__(self, steps: Graph, listener: Listener, users: Users) -> None:
        self.users = users
        self._graph = steps
        self._listener = listener
        self._taken: set[Key] = set()
        self._done: set[Key] = set()
        self._outcomes: list[Outcome] = []
        self._moved = threading.Condition()
        self._moves = 0

    @property
    def moves(self) -> int:
        """How often something ended so far, which may have made something else ready."""
        with self._moved:
            return self._moves

    def wait(self, moves: int, seconds: float) -> None:
        """Wait until there are more moves than that, at most so many seconds."""
        with self._moved:
            self._moved.wait_for(lambda: self._moves > moves, seconds)

    def take(self, provider: str) -> list[Step]:
        """Take every step of that provider that is ready; steps that only carry order are done on the way."""
        with self._moved:
            batch: list[Step] = []
            again = True
            while again:
                again = False
                for step in list(graph.ready(self._graph, self._done, self._taken)):
                    if step.only_orders:
                        self._taken.add(step.key)
                        self._done.add(step.key)
                        again = True
                    elif step.provider == provider:
                        self._taken.add(step.key)
                        batch.append(step)
            return batch

    def put_back(self, step: Step) -> None:
        """Take back that a step was taken: nothing of it was written, because the apply was stopped."""
        with self._moved:
            self._taken.discard(step.key)

    def has_more(self, provider: str) -> bool:
        """True where a step of that provider may still become ready."""
        with self._moved:
            return any(
                step.provider == provider and key not in self._taken
                for key, step in self._graph.steps.items()
            )

    def tell_started(self, step: Step) -> None:
        """Pass on that a step is being written."""
        with self._moved:
            self._listener.started(step)

    def tell_waiting(self, step: Step, detail: str, seconds: float) -> None:
        """Pass on what a step waits for."""
        with self._moved:
            self._listener.waiting(step, detail, seconds)

    def end(self, outcome: Outcome) -> None:
        """Note how a step ended; one that did not succeed takes its dependents along."""
        with self._moved:
            self._note(outcome)
            if outcome.status is Status.APPLIED:
                self._done.add(outcome.step.key)
            else:
                self._skip(outcome)
            self._moves += 1
            self._moved.notify_all()

    def finish(self) -> tuple[Outcome, ...]:
        """Give every outcome; what was never taken is skipped."""
        with self._moved:
            for key, step in self._graph.steps.items():
                if key not in self._taken and not step.only_orders:
                    self._taken.add(key)
                    self._note(Outcome(step, Status.SKIPPED, self._unstarted(step)))
            return tuple(self._outcomes)

    def _unstarted(self, step: Step) -> str:
        """Say that a step was not started, and where a write without an address has changed it all the same."""
        behind = self._graph.needs[step.key] & self._done
        if any(self._graph.steps[key].write is not None for key in behind):
            return "stopped before it was looked at: what it takes has been written"
        return "not started: the apply was stopped"

    def _skip(self, outcome: Outcome) -> None:
        lost = graph.dependents(self._graph, outcome.step.key)
        for key in sorted(lost):
            if key in self._taken:
                continue
            self._taken.add(key)
            step = self._graph.steps[key]
            if not step.only_orders:
                needed = self._needed(step, lost, outcome.step)
                self._note(Outcome(step, Status.SKIPPED, _need(step, needed, outcome)))

    def _needed(self, step: Step, lost: frozenset[Key], failed: Step) -> Step:
        """Give what a step needs itself: the one that failed, or the first that is skipped because of it."""
        own = graph.own_needs(self._graph, step.key)
        return failed if failed.key in own else self._graph.steps[min(own & lost)]

    def _note(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._listener.ended(outcome)


def _need(step: Step, needed: Step, outcome: Outcome) -> str:
    """Say what a step that is skipped `needed` itself: `it needs rabbitmq.queue/orders, which failed`."""
    if needed.change is not None and needed.change is step.change:
        return "the one that it replaces is still there"
    verb = "is not settled" if outcome.status is Status.RUNNING else "failed"
    if needed is outcome.step:
        return f"it needs {_named(needed)}, which {verb}"
    return f"it needs {_named(needed)}, which is skipped, as {_named(outcome.step)} {verb}"


def _named(step: Step) -> str:
    if step.write is None:
        return step.key[0]
    return f"the deletion of {step.write.text}" if step.action is Action.DELETE else step.write.text
