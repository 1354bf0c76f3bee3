"""The command line: `python -m workers COMMAND`.

Results are on standard output, and with `--format json` nothing else is; words for people are on standard error.
Exit codes: 0 done, 1 an error, 3 what came of a task is not known yet, 130 interrupted.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from typing import NoReturn

from workers import interrupts
from workers.cli import console
from workers.cli.parsing import read_arguments
from workers.errors import InvalidTaskError, SettingsError, WorkersError


def main() -> NoReturn:
    """Run the command of this process, and end it: also where an agent's thread would hold it."""
    interrupts.listen()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a model or a publisher wrote may be more than a terminal's encoding has, or half a character.
        sys.stdout.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except OSError:
        code = code or console.ERROR
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Run a command; gives its exit code. No error leaves it as a traceback."""
    try:
        with interrupts.raised():
            chosen = read_arguments(arguments)
            code: int = chosen.carry_out(chosen)
    except (SettingsError, InvalidTaskError) as error:
        for fault in error.faults:
            console.error(fault)
        return console.ERROR
    except WorkersError as error:
        console.error(str(error))
        return console.ERROR
    except BrokenPipeError:
        return console.ERROR
    except KeyboardInterrupt:
        console.tell("interrupted")
        return console.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - told in one line
        return _unforeseen(error)
    return code


def _unforeseen(error: Exception) -> int:
    if interrupts.is_heard():  # amid an import, a C extension makes another error of the interrupt
        console.tell("interrupted")
        return console.INTERRUPTED
    if os.environ.get("LOG_LEVEL", "").lower() == "debug":
        sys.stderr.write(console.hide("".join(traceback.format_exception(error))))
    words = console.plain(f"{type(error).__name__}: {error}")
    console.error(f"failed in a way it should not: {words}; LOG_LEVEL=debug shows where")
    return console.ERROR
