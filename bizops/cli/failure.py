"""What is said when a command fails, and the exit code that goes with it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from bizops import errors
from bizops.render.verdict import ERROR, INCOMPLETE

if TYPE_CHECKING:
    from bizops.cli.console import Console

INTERRUPTED = 130


def told(error: BaseException, console: Console) -> int:
    """Tell an error and give its exit code. A traceback is shown with --debug only."""
    debugged(error, console)
    if isinstance(error, KeyboardInterrupt):
        console.error_lines(str(error) or "Interrupted.")
        return INTERRUPTED
    console.error(error if isinstance(error, errors.BizopsError) else _defect(error))
    return INCOMPLETE if isinstance(error, errors.IncompletePlanError) else ERROR


def debugged(error: BaseException, console: Console) -> None:
    """Show where an error comes from, with --debug only."""
    if console.output.debug:
        console.error_lines("".join(traceback.format_exception(error)).rstrip())


def _defect(error: BaseException) -> errors.BizopsError:
    """Give an error that nobody foresaw as one that can be told."""
    words = " ".join(str(error).split())
    message = f"bizops failed in a way it should not: {type(error).__name__}: {words}"
    return errors.BizopsError(message, remedy="the same command with --debug shows where")
