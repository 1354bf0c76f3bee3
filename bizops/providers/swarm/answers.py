"""What an answer of the engine means for a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Outcome, Status

if TYPE_CHECKING:
    from bizops.change import Step
    from bizops.providers.swarm.client import Answer

_NOT_FOUND = 404
_SERVER_ERROR = 500
_IN_USE = ("in use", "active endpoints")


def outcome(step: Step, answer: Answer, detail: str = "") -> Outcome:
    """Give APPLIED with a detail, or the engine's refusal in its own words; an election of managers may pass."""
    if answer.is_ok:
        return Outcome(step, Status.APPLIED, detail)
    may_pass = answer.status >= _SERVER_ERROR and "leader" in answer.message
    return Outcome(step, Status.RETRY if may_pass else Status.FAILED, answer.message)


def deletion(step: Step, answer: Answer) -> Outcome:
    """Give the outcome of a deletion: what is gone already is gone, and what is in use may be let go."""
    if answer.status == _NOT_FOUND:
        return Outcome(step, Status.APPLIED)
    if not answer.is_ok and any(words in answer.message for words in _IN_USE):
        return Outcome(step, Status.RETRY, answer.message)
    return outcome(step, answer)
