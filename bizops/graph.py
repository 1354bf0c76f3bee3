"""The order in which a plan is carried out; pure.

Creates and updates follow what they need, deletes run the same edges backwards, a replace is a delete and a create,
and a step with nothing to do still carries order. What its users let go of goes last, and only where they have settled.
"""

from __future__ import annotations

import graphlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Action, Change, Plan, Step
from bizops.provider import is_match

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bizops.resource import Address

Key = tuple[str, str]
Halves = dict["Address", tuple[Step | None, Step | None]]
"""For each change the step that removes what is there, and the one that brings about what is wanted."""


@dataclass(frozen=True, slots=True)
class Graph:
    """Steps by key, in a fixed order, and for each the keys of the steps that must be done before it."""

    steps: dict[Key, Step]
    needs: dict[Key, frozenset[Key]]


def steps(plan: Plan, consent: Sequence[str] = ()) -> Graph:
    """Turn a plan into steps. `consent` are globs over addresses whose data may go.

    Raises BizopsError that prints the loop, from its smallest member, where steps need each other.
    """
    nodes: dict[Key, Step] = {}
    needs: dict[Key, set[Key]] = {}
    halves = {change.address: _halves(change, consent) for change in plan.changes}
    for before, after in halves.values():
        for step in (before, after):
            if step is not None:
                nodes[step.key], needs[step.key] = step, set()
        if before is not None and after is not None:
            needs[after.key].add(before.key)
    for change in plan.changes:
        _add_order(change, halves, needs)
    _add_writes(plan, halves, nodes, needs)
    _check_loops(needs)
    return Graph(nodes, {key: frozenset(found) for key, found in needs.items()})


def _add_order(change: Change, halves: Halves, needs: dict[Key, set[Key]]) -> None:
    before, after = halves[change.address]
    for need in change.needs:
        need_before, need_after = halves.get(need, (None, None))
        if after is not None and need_after is not None:
            needs[after.key].add(need_after.key)
        if before is not None and need_before is not None:
            needs[need_before.key].add(before.key)
    for user in change.waits:
        user_before, user_after = halves.get(user, (None, None))
        first, last = before or after, user_after or user_before
        if first is not None and last is not None:
            needs[first.key].add(last.key)


def _halves(change: Change, consent: Sequence[str]) -> tuple[Step | None, Step | None]:
    """Give the step that removes what is there and the one that brings about what is wanted."""
    agreed = any(is_match(str(change.address), pattern) for pattern in consent)
    removes = change.action in {Action.DELETE, Action.REPLACE} and change.dies_with is None
    before = Step(Action.DELETE, change, consent=agreed) if removes else None
    if change.action is Action.DELETE:
        return before, None
    action = Action.CREATE if change.action is Action.REPLACE else change.action
    return before, Step(action, change, consent=agreed)


def _add_writes(
    plan: Plan,
    halves: Halves,
    nodes: dict[Key, Step],
    needs: dict[Key, set[Key]],
) -> None:
    keys = {}
    for write in plan.writes:
        step = Step(write.action, write=write)
        nodes[step.key], needs[step.key] = step, set()
        keys[(write.provider, write.identity)] = step.key
    for write in plan.writes:
        key = keys[(write.provider, write.identity)]
        for earlier in write.after:
            if isinstance(earlier, str):
                needs[key].add(keys[(write.provider, earlier)])
            else:
                needs[key].update(step.key for step in halves.get(earlier, ()) if step is not None)
        for served in write.serves:
            _, after = halves.get(served, (None, None))
            if after is not None:
                needs[after.key].add(key)


def _check_loops(needs: dict[Key, set[Key]]) -> None:
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as error:
        loop = list(error.args[1])[:-1]
        start = loop.index(min(loop))
        names = [" ".join(key) for key in reversed([*loop[start:], *loop[:start], loop[start]])]
        message = f"steps need each other: {' -> '.join(names)}"
        raise errors.BizopsError(message) from error


def ready(graph: Graph, done: Collection[Key], taken: Collection[Key]) -> Iterator[Step]:
    """Give the steps that are not taken and whose needs are done, in the graph's order."""
    for key, step in graph.steps.items():
        if key not in taken and graph.needs[key].issubset(done):
            yield step


def own_needs(graph: Graph, key: Key) -> frozenset[Key]:
    """Give the steps that a step itself needs; one that only carries order stands for those that it needs."""
    found: set[Key] = set()
    frontier = [*graph.needs[key]]
    while frontier:
        need = frontier.pop()
        if graph.steps[need].only_orders:
            frontier.extend(graph.needs[need])
        else:
            found.add(need)
    return frozenset(found)


def dependents(graph: Graph, failed: Key) -> frozenset[Key]:
    """Give every step that needs the failed one, directly or not."""
    users: dict[Key, list[Key]] = {}
    for key, needs in graph.needs.items():
        for need in needs:
            users.setdefault(need, []).append(key)
    found: set[Key] = set()
    frontier = [failed]
    while frontier:
        for user in users.get(frontier.pop(), ()):
            if user not in found:
                found.add(user)
                frontier.append(user)
    return frozenset(found)
