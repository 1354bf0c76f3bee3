"""The steps that all commands share: observe, plan, guard, and for some of them lock, apply and settle.

plan, apply, drift and destroy cut it at different places. Nothing here prints or asks.
"""

from __future__ import annotations

import re
from concurrent.futures import wait
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bizops import errors, guard, observer, planner, provider
from bizops.change import Action, ApplyResult
from bizops.cli import lock
from bizops.planner import Desired, Targeting
from bizops.provider import Options, Scope
from bizops.provider.background import started

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.applier import Listener, Stop, Timing
    from bizops.change import Change, Plan
    from bizops.observer import Reading
    from bizops.provider import Health, Lease, Observations, Provider
    from bizops.topology import Topology


_GLANCE = 0.1
"""Seconds between two looks whether to stop."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What is asked of a plan: which part, with which consents, with which tags resolved again."""

    choice: Targeting = field(default_factory=Targeting)
    limits: guard.Consents = field(default_factory=guard.Consents)
    refresh: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GuardedPlan:
    """A guarded plan and the readings it rests on, by provider."""

    plan: Plan
    readings: Mapping[str, Reading]


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """How an apply is carried out, heard and stopped."""

    listener: Listener
    stop: Stop
    pace: Timing
    lock: lock.LockOptions


class Workflow:
    """One topology and its live systems; connects late, and once to each system."""

    def __init__(self, topology: Topology, options: Options) -> None:
        self._topology = topology
        self._options = options
        self._connected: dict[str, Provider] = {}

    def plan(self, question: PlanOptions) -> GuardedPlan:
        """Observe what the question is about and give the guarded plan; raises UsageError for a bad target."""
        topology = self._topology
        selection = planner.select(topology.resources, question.choice)
        asked = self._asked(question.choice, {r.address.provider for r in selection.resources})
        scopes = {name: self._scope(name, question) for name in asked}
        readings = observer.observe(self._connections(asked), topology.resources, scopes)
        desired = Desired(topology.name, topology.resources, scopes)
        observations = {name: reading.observations for name, reading in readings.items()}
        plan = planner.plan(desired, observations, question.choice)
        if others := self._others(plan, asked, question):
            plan = planner.plan(desired, observations, question.choice, others)
        plan = replace(plan, warnings=(*plan.warnings, *self._unmatched(question, plan, readings)))
        stakes = observer.weigh(self._connections(asked), guard.at_stake(plan))
        return GuardedPlan(guard.guard(plan, stakes, question.limits), readings)

    def apply(
        self, planned: GuardedPlan, question: PlanOptions, carriage: ApplyOptions
    ) -> ApplyResult:
        """Take the lock, plan again, and carry out the plan if it is still the one that was agreed to.

        Raises IncompletePlanError, RefusedPlanError, LockHeldError, StalePlanError; ProviderError where the lock
        cannot be reached.
        """
        from bizops import applier, graph  # noqa: PLC0415 - a plan does without

        _check(planned.plan)
        with lock.held(self._lease(), carriage.lock, carriage.stop):
            if carriage.stop.level:
                return ApplyResult(interrupted=True)
            again = _waited(lambda: self.plan(question).plan, carriage.stop)
            if again is None:
                return ApplyResult(interrupted=True)
            if again.is_complete and (moved := planned.plan.moved(again)):
                raise errors.StalePlanError(_stale(moved))
            _check(again)
            names = {change.address.provider for change in again.changes}
            names |= {write.provider for write in again.writes}
            return applier.apply(
                graph.steps(again, question.limits.allow_data_loss),
                {name: self._provider(name) for name in sorted(names)},
                pace=carriage.pace,
                listener=carriage.listener,
                stop=carriage.stop,
            )

    def status(self) -> dict[str, Health | errors.ProviderError]:
        """Give the health of every system, or why it cannot be told."""
        names = self._topology.scopes
        scopes = {name: self._scope(name, PlanOptions()) for name in names}
        return observer.status(self._connections(names), self._topology.resources, scopes)

    def unlock(self) -> str:
        """Free the lock whoever holds it, and give the holder's words; "" where nobody did."""
        lease = self._lease()
        if lease is None:
            message = "this topology has no system that offers a lock"
            raise errors.UsageError(message)
        return lease.break_open()

    def close(self) -> None:
        """Give back every connection."""
        for connected in self._connected.values():
            connected.close()

    def _asked(self, choice: Targeting, selected: set[str]) -> tuple[str, ...]:
        """Name the systems to read, in the topology's order: all of them, unless targets or exclusions say less."""
        if not choice.is_partial:
            return tuple(self._topology.scopes)
        if choice.prune:  # what is live and declared nowhere may be meant
            selected = selected | {n for n in self._topology.scopes if _may_mean(choice, n)}
        if not selected:
            message = "no declared address matches --target and --exclude"
            raise errors.UsageError(message)
        return tuple(name for name in self._topology.scopes if name in selected)

    def _others(
        self, plan: Plan, asked: Sequence[str], question: PlanOptions
    ) -> dict[str, Observations]:
        """Read the systems that nobody asked for, where something is deleted that their objects may use."""
        unasked = [name for name in self._topology.scopes if name not in asked]
        if not unasked or not any(map(_takes_data, plan.changes)):
            return {}
        scopes = {name: self._scope(name, question) for name in unasked}
        found = observer.observe(self._connections(scopes), self._topology.resources, scopes)
        return {name: reading.observations for name, reading in found.items()}

    def _unmatched(
        self, question: PlanOptions, plan: Plan, readings: Mapping[str, Reading]
    ) -> tuple[str, ...]:
        """Say which options name nothing; of what could not be read nobody knows."""
        if not plan.is_complete:
            return ()
        known = {resource.address for resource in self._topology.resources}
        for reading in readings.values():
            known |= {observed.address for observed in reading.observations.found}
        options = {
            "--target": question.choice.targets,
            "--exclude": question.choice.excludes,
            "--adopt": question.choice.adopt,
            "--restart": question.choice.restart,
            "--allow-data-loss": question.limits.allow_data_loss,
            "--refresh-images": question.refresh,
        }
        return planner.unmatched(options, known)

    def _scope(self, name: str, question: PlanOptions) -> Scope:
        scope = self._topology.scopes[name]
        return Scope(scope.topology, scope.owns, scope.settings, question.refresh)

    def _connections(
        self, names: Mapping[str, Scope] | tuple[str, ...]
    ) -> dict[str, observer.Connect]:
        return {name: partial(self._provider, name) for name in names}

    def _provider(self, name: str) -> Provider:
        if name not in self._connected:
            definition = provider.definition(name)
            connect: Callable[..., Provider] = definition.connect
            self._connected[name] = connect(
                self._topology.connections[name], self._topology.settings[name], self._options
            )
        return self._connected[name]

    def _lease(self) -> Lease | None:
        for name in self._topology.scopes:
            lease = self._provider(name).lease(self._topology.name, lock.holder())
            if lease is not None:
                return lease
        return None


def _waited(work: Callable[[], Plan], stop: Stop) -> Plan | None:
    """Give what the work gives, or None as soon as `stop` is asked for: nothing is written yet. Raises what it does."""
    done = started(work)
    while not stop.level:
        wait([done], _GLANCE)
        if done.done():
            return done.result()
    return None


def _takes_data(change: Change) -> bool:
    kind = provider.definition(change.address.provider).kind(change.address.kind)
    return change.action is Action.DELETE and kind.holds_data


def _may_mean(choice: Targeting, name: str) -> bool:
    """Tell whether an address of that system can match a target; without targets any can."""
    heads = [re.split(r"[*?]", target)[0] for target in choice.targets]
    begin = f"{name}."
    return not heads or any(head.startswith(begin) or begin.startswith(head) for head in heads)


def _check(plan: Plan) -> None:
    if not plan.is_complete:
        why = [f"{system.provider}: {system.problem}" for system in plan.systems if system.problem]
        why += [f"{observed.address}: {observed.why}" for observed in plan.unreadable if not why]
        message = f"the plan is incomplete, so nothing is applied: {'; '.join(why[:3])}"
        raise errors.IncompletePlanError(message)
    if plan.refusals:
        message = "nothing is applied while a change is refused"
        raise errors.RefusedPlanError(message)


def _stale(moved: Sequence[str]) -> str:
    """Say what is planned otherwise than what was agreed to."""
    what = ", ".join(moved[:5]) + (f" and {len(moved) - 5} more" if len(moved) > 5 else "")  # noqa: PLR2004
    return (
        f"the live systems moved since the plan was shown ({what}); nothing was written, plan again"
    )
