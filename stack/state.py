"""What the stack remembers between calls, outside every checkout, and the lock on it."""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True)
class Record:
    """What the stack itself made on this machine, and so may undo.

    ``packages``: Debian packages it installed. ``engine``: how it started the engine
    ("dockerd", "systemd" or ""), ``pid``: that dockerd's. ``swarm``: id of the swarm it initialised, or "".
    Containers, volumes and the network carry a label instead.
    """

    packages: tuple[str, ...] = ()
    engine: str = ""
    pid: int = 0
    swarm: str = ""


class State:
    """The state directory: ``record.json``, ``lock``, ``logs/`` and ``cache/``."""

    def __init__(self, root: Path) -> None:
        """Use ``root``, creating it when it is not there; raises StackError when it cannot."""
        self.root = root
        self.logs = root / "logs"
        self.cache = root / "cache"
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            self.cache.mkdir(exist_ok=True)
        except OSError as error:
            message = f"state: {root} cannot be written: {error.strerror}"
            raise StackError(message, "set XDG_STATE_HOME to a directory of yours") from error

    @property
    def record(self) -> Record:
        """What was written last; an empty record when there is none or it is damaged."""
        try:
            content = json.loads((self.root / "record.json").read_text(encoding="utf-8"))
            return Record(**{**content, "packages": tuple(content["packages"])})
        except (OSError, ValueError, KeyError, TypeError):
            return Record()

    def write(self, record: Record) -> None:
        """Replace the record; whole or not at all."""
        part = self.root / "record.json.part"
        part.write_text(json.dumps(asdict(record), indent=2) + "\n", encoding="utf-8")
        part.replace(self.root / "record.json")

    @contextmanager
    def lock(self, when_waiting: Callable[[str], None]) -> Iterator[None]:
        """Hold the machine-wide lock; calls ``when_waiting`` with the holder's pid if it is held.

        The kernel drops the lock with the process, so a killed start leaves nothing behind.
        """
        with (self.root / "lock").open("a+", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                when_waiting(file.read().strip() or "unknown")
                fcntl.flock(file, fcntl.LOCK_EX)
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def open_state(environment: Mapping[str, str]) -> State:
    """Open ``$XDG_STATE_HOME/bizops-stack``; without that variable in ``~/.local/state``."""
    home = environment.get("XDG_STATE_HOME", "")
    return State((Path(home) if home else Path.home() / ".local" / "state") / "bizops-stack")
