"""Calls an agent's own code, which may give back or raise anything, and reads what came of it.

What leaves this module is an Answer or a RunError of plain values. To read an agent's own objects may fail, or never
end, so it is done here, in the time of the run.
"""

from __future__ import annotations

import logging
import math
import operator
import re
import traceback
from typing import TYPE_CHECKING, Any

from workers.engine.interface import Answer
from workers.errors import PermanentError, RunError, TransientError
from workers.protocol.usage import Usage
from workers.redaction import beginning

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.engine.interface import Deadline
    from workers.protocol.task import Task

LOG = logging.getLogger(__name__)
AGENT_ERROR = "agent_error"
MAX_MODEL = 200
MAX_COUNT = 10**15
"""More than any provider counts; every number up to it is exact as a float, too."""
_ERROR_CLASS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")


def run(
    process: Callable[[Task, Deadline], Answer], task: Task, deadline: Deadline
) -> Answer | RunError:
    """Let an agent work; whatever its own code raises or gives back ends this run only."""
    try:
        return _checked(process(task, deadline))
    except RunError as error:
        return _read(error)
    except Exception as error:  # noqa: BLE001 - logged
        _log(error)
        return TransientError(words(error), error_class=AGENT_ERROR)
    except BaseException as error:  # noqa: BLE001 - a library that calls `sys.exit` would end this thread
        _log(error)
        return PermanentError(words(error), error_class="agent_exit")


def _checked(answer: object) -> Answer | PermanentError:
    """Give an answer of plain values, or say what is wrong with it: another try would be paid for as well."""
    if not isinstance(answer, Answer):
        return _faulty(f"the agent gave back {type(answer).__name__}, which is no Answer")
    try:
        text, model = _plain(answer.text), _plain(answer.model)
        usage = _usage(answer.usage)
    except BaseException as error:  # noqa: BLE001 - raised by what the agent put there
        return _faulty(f"the agent's Answer cannot be read: {words(error)}")
    if not (0 < len(model) <= MAX_MODEL and model.isprintable()):
        return _faulty(
            f"the agent's Answer has a model that is no name of 1 to {MAX_MODEL} characters"
        )
    return Answer(text, model, usage)


def _faulty(text: str) -> PermanentError:
    return PermanentError(text, error_class=AGENT_ERROR)


def _usage(usage: Usage) -> Usage:
    """Give the same counts as plain numbers; raises TypeError or ValueError where one is none."""
    counts = [
        operator.index(count)
        for count in (usage.calls, usage.prompt_tokens, usage.completion_tokens)
    ]
    if not all(0 <= count <= MAX_COUNT for count in counts):
        message = "a count of its usage is below 0, or larger than any provider's"
        raise ValueError(message)
    return Usage(*counts)


def _read(error: RunError) -> RunError:
    """Give the same failure in plain values; an attribute that makes no sense counts as absent."""
    try:
        text = beginning(_plain(str(error)))
    except BaseException:  # noqa: BLE001 - raised by the error's own `__str__`
        text = f"{type(error).__name__}, which has no words"
    is_provider = _attribute(error, "is_provider") is True
    word = _attribute(error, "error_class")
    if type(word) is not str or not _ERROR_CLASS.fullmatch(word):
        word = AGENT_ERROR
    found: RunError
    if isinstance(error, PermanentError):
        found = PermanentError(text, error_class=word, is_provider=is_provider)
    else:
        wait = _attribute(error, "retry_after")
        found = TransientError(
            text, error_class=word, is_provider=is_provider, retry_after=_seconds(wait)
        )
    found.spent = _spent(_attribute(error, "spent"))
    return found


def _attribute(error: RunError, name: str) -> Any:  # noqa: ANN401 - whatever the agent put there
    try:
        return getattr(error, name, None)
    except BaseException:  # noqa: BLE001 - raised by the error's own property
        return None


def _seconds(value: object) -> float | None:
    """Give a time to wait, None for anything else."""
    if type(value) not in {int, float} or not 0 <= value < math.inf:  # type: ignore[operator]
        return None
    return float(value)  # type: ignore[arg-type]


def _spent(value: Any) -> tuple[str, Usage] | None:  # noqa: ANN401 - as above
    """Give what was paid for before a failure, None where that cannot be read."""
    try:
        model, usage = value
    except BaseException:  # noqa: BLE001 - as above
        return None
    answer = _checked(Answer("", model, usage))
    return (answer.model, answer.usage) if isinstance(answer, Answer) else None


def words(error: BaseException) -> str:
    """Say what an agent's own code raised, which may be anything: also what cannot be said."""
    name = type(error).__name__
    try:
        text = _plain(str(error))
        return beginning(f"{name}: {text}") if text else name
    except BaseException:  # noqa: BLE001 - raised by the error's own `__str__`
        return f"{name}, which has no words"


def _log(error: BaseException) -> None:
    """Log with a traceback, made into text before: a handler does that under its lock, and it may never end."""
    try:
        lines = beginning("".join(traceback.format_exception(error)))
    except BaseException:  # noqa: BLE001 - as above
        lines = "no traceback: it cannot be read"
    LOG.error("agent_error", extra={"exception": lines})


def _plain(text: str) -> str:
    """Give a text without the code of a subclass; raises TypeError where it is no text."""
    return str.__str__(text)
