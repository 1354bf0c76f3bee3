"""An answer of the engine, and what it means for a step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from bizops.change import Outcome, Status

if TYPE_CHECKING:
    from bizops.change import Step

OK = range(200, 300)
_NOT_FOUND = 404
_SERVER_ERROR = 500
_OF_GRPC = re.compile(r"\Arpc error: code = \w+ desc = ")
"""What stands before the words of swarmkit, and tells a reader nothing."""
_WORDS = ("message", "reason", "error")
"""Keys of a refusal; the engine has the first, and gateways before it have others."""
_IN_USE = ("in use", "active endpoints")


class Answer(NamedTuple):
    """What the engine said: the HTTP status, and its JSON (`{"message": ...}` where it refused)."""

    status: int
    body: Any

    @property
    def is_ok(self) -> bool:
        """True where the engine did what was asked."""
        return self.status in OK

    @property
    def message(self) -> str:
        """The engine's own words where it refused, or those of who answers in its place, or the status alone."""
        said = self.body or ""
        if isinstance(said, dict):
            said = next((said[key] for key in _WORDS if said.get(key)), "")
        words = _OF_GRPC.sub("", " ".join(str(said).split()))
        return words or ("" if self.is_ok else f"HTTP {self.status}")


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
