"""What would be done and what was done: changes, refusals, plans, outcomes.

Frozen values all the way down. A plan is built once, sorted once and never edited. Apply may use changes, writes
and their order; reasons, effects and notes are for people.
"""

from bizops.change.difference import (
    Action,
    Change,
    Effect,
    EffectKind,
    FieldChange,
    Refusal,
    Write,
)
from bizops.change.outcome import ApplyResult, Outcome, Readiness, Status
from bizops.change.plan import Cluster, Plan, Step, System

__all__ = [
    "Action",
    "ApplyResult",
    "Change",
    "Cluster",
    "Effect",
    "EffectKind",
    "FieldChange",
    "Outcome",
    "Plan",
    "Readiness",
    "Refusal",
    "Status",
    "Step",
    "System",
    "Write",
]
