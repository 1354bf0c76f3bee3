"""Drive one live provider by the same steps as the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops import applier, graph, guard, planner
from bizops.change import ApplyResult, Plan, Status
from bizops.planner import Desired, Targeting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource


def plan_for(
    live: Provider, resources: Sequence[Resource], scope: Scope, choice: Targeting | None = None
) -> Plan:
    """Observe and plan, through the same code as the command line. No guard: see `guarded`."""
    name = resources[0].address.provider
    observations = {name: live.observe(resources, scope)}
    desired = Desired(scope.topology, tuple(resources), {name: scope})
    return planner.plan(desired, observations, choice or Targeting())


def guarded(live: Provider, plan: Plan, limits: guard.Consents) -> Plan:
    """Weigh what is at stake and guard the plan."""
    stakes = {stake.address: stake for stake in live.weigh(guard.at_stake(plan))}
    return guard.guard(plan, stakes, limits)


def carry_out(live: Provider, plan: Plan, consent: Sequence[str] = ()) -> ApplyResult:
    """Apply a plan of one provider, and fail the test where it has refusals."""
    assert not plan.refusals, plan.refusals
    name = plan.systems[0].provider
    return applier.apply(graph.steps(plan, consent), {name: live})


def converge(live: Provider, resources: Sequence[Resource], scope: Scope) -> ApplyResult:
    """Plan and apply; the test fails with the outcome of every step that did not succeed."""
    result = carry_out(live, plan_for(live, resources, scope))
    assert result.is_ok, [
        outcome for outcome in result.outcomes if outcome.status is not Status.APPLIED
    ]
    return result


def destroy(live: Provider, resources: Sequence[Resource], scope: Scope) -> ApplyResult:
    """Delete everything declared, data and all; for cleaning up and for the contract."""
    plan = plan_for(live, resources, scope, Targeting(destroy=True))
    result = carry_out(live, plan, consent=("*",))
    assert result.is_ok, [
        outcome for outcome in result.outcomes if outcome.status is not Status.APPLIED
    ]
    return result
