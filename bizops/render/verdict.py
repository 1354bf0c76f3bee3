"""Exit codes: 0 nothing to do or all done, 1 error or refusal, 2 differences or not well, 3 incomplete.

1 beats 3 beats 2. Usage errors are 1 as well, so that 2 means one thing only (Terraform's `-detailed-exitcode`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.provider import Health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.change import ApplyResult, Plan
    from bizops.errors import ProviderError

OK = 0
ERROR = 1
DIFFERENCES = 2
INCOMPLETE = 3
WELL = "ok"
"""The verdict of a `Health` in which nothing is wrong."""


def plan_verdict(plan: Plan, *, detailed: bool) -> int:
    """Give the exit code of `plan`; without `detailed` it is 0 where something differs.

    What does not run as declared is a difference though nothing is to be written: `apply` waits for it, or ends with 1.
    """
    if plan.refusals:
        return ERROR
    if not plan.is_complete:
        return INCOMPLETE
    return DIFFERENCES if detailed and (plan.degraded or not plan.is_empty) else OK


def drift_verdict(plan: Plan) -> int:
    """Give the exit code of `drift`: what is refused, unmanaged or degraded is a difference too, upkeep is none."""
    if not plan.is_complete:
        return INCOMPLETE
    differs = plan.refusals or plan.unmanaged or plan.degraded or not plan.is_in_force
    return DIFFERENCES if differs else OK


def health_verdict(healths: Mapping[str, Health | ProviderError]) -> int:
    """Give the exit code of `status`: a system that was not read counts more than one that is not well."""
    if not all(isinstance(health, Health) for health in healths.values()):
        return INCOMPLETE
    is_well = all(isinstance(h, Health) and h.verdict == WELL for h in healths.values())
    return OK if is_well else DIFFERENCES


def apply_verdict(result: ApplyResult) -> int:
    """Give the exit code of `apply` and `destroy`; signals have codes of their own."""
    return OK if result.is_ok else ERROR
