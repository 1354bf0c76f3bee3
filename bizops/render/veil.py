"""A plan as it may be shown: what is hidden on one side of a difference is hidden on both; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import sensitive

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import Change, FieldChange, Plan


def veiled(plan: Plan, is_known: Callable[[str], bool]) -> Plan:
    """Give the plan with a Secret wherever a field must not be shown.

    `is_known` tells whether a text holds a secret value that is known.
    """
    return replace(plan, changes=tuple(_change(change, is_known) for change in plan.changes))


def _change(change: Change, is_known: Callable[[str], bool]) -> Change:
    if not change.fields and not change.unmanaged:
        return change
    fields = tuple(_field(field, is_known) for field in change.fields)
    unmanaged = tuple(_field(field, is_known) for field in change.unmanaged)
    return replace(change, fields=fields, unmanaged=unmanaged)


def _field(field: FieldChange, is_known: Callable[[str], bool]) -> FieldChange:
    before, after = sensitive.pair(field.path, field.before, field.after, is_known)
    return replace(field, before=before, after=after)
