"""Logs of the parts, and of the steps that brought them up."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stack.containers import find_container
from stack.engine import connect
from stack.errors import StackError
from stack.parts import list_parts

if TYPE_CHECKING:
    from stack.settings import Settings
    from stack.state import State


def show_logs(settings: Settings, state: State, name: str, *, tail: int, follow: bool) -> None:
    """Write a part's container log, or a step's log file, to standard output.

    Without a name: where the step logs are, and the end of every part's. Raises StackError
    for a name that is neither.
    """
    parts = {part.name: part for part in list_parts(settings)}
    files = {path.stem: path for path in sorted(state.logs.glob("*.log"))}
    if not name:
        print(f"step logs in {state.logs}: {', '.join(files) or 'none yet'}")
    elif name in files and name not in parts:
        print(files[name].read_text(encoding="utf-8", errors="replace"), end="")
        return
    elif name not in parts:
        message = f"there is no log called {name}"
        raise StackError(message, f"choose one of {', '.join([*parts, *files])}")
    client = connect()
    for part in [parts[name]] if name else parts.values():
        container = find_container(client, part)
        if container is None:
            continue
        if not name:
            print(f"==> {part.name} <==", flush=True)
        if follow and name:
            for chunk in container.logs(stream=True, follow=True, tail=tail):
                sys.stdout.buffer.write(chunk)
                sys.stdout.buffer.flush()
        else:
            sys.stdout.buffer.write(container.logs(tail=tail))
            sys.stdout.buffer.flush()
