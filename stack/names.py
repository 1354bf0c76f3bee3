"""Names for what tests and benchmarks make on servers that they share, by which a killed run's can be told."""

from __future__ import annotations

import itertools
import os
import re
from pathlib import Path

NAME = re.compile(r"run-([0-9a-f]+)-([0-9a-f]+)-[0-9a-f]{3,}")
# Of the start time in `/proc/PID/stat`, counted after the bracket that closes the command.
START_COLUMN = 19
_numbers = itertools.count()


def own_name() -> str:
    """Give a name that nobody else uses, for what this process makes: letters, digits and hyphens, about 20 of them.

    It holds the process's id and start. None is the beginning of another, up to 4,096 of them.
    """
    pid = os.getpid()
    return f"run-{pid:x}-{_read_start(pid):x}-{next(_numbers):03x}"


def is_left(name: str) -> bool:
    """Tell whether a name holds one of `own_name` whose process is gone."""
    found = NAME.search(name)
    if found is None:
        return False
    pid, start = (int(text, 16) for text in found.groups())
    return _read_start(pid) != start


def _read_start(pid: int) -> int:
    """Give the moment at which a process began, in ticks since the machine did; 0 when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[START_COLUMN])
