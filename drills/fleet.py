"""Worker processes, started again when they end by themselves, as a Swarm does."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from drills.room import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drills.verdict import Run

RESTART_PAUSE = 0.2
TOO_LATE = 45.0
"""Seconds after which a worker that was asked to go is killed, and counts as stuck."""


class Fleet:
    """Some workers of one kind; `module` is what `python -m` starts. Their logs are files in a folder.

    With an `image`, each is a container of it on a read-only root.
    """

    def __init__(
        self, module: str, environment: Mapping[str, str], folder: Path, image: str = ""
    ) -> None:
        self._command = [sys.executable, "-m", module]
        if image:
            self._command = _in_container(image, module, environment)
        self._environment = {**os.environ, **environment}
        self._folder = folder
        self._guard = threading.Lock()
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._leaving: set[int] = set()
        self._is_closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="fleet", daemon=True)
        self._keeper.start()

    def start(self, number: int, checkout: Path = ROOT) -> None:
        """Start some more workers, of this checkout or of another one."""
        for _ in range(number):
            with self._guard:
                self._spawn(checkout)

    @property
    def pids(self) -> list[int]:
        """The processes that run and were not asked to go."""
        with self._guard:
            return [
                pid
                for pid, process in self._processes.items()
                if pid not in self._leaving and process.poll() is None
            ]

    def kill(self, run: Run) -> None:
        """Kill the process that a run is in; another one takes its place."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid_of(run), signal.SIGKILL)

    def wait_for_frozen(self, number: int, patience: float = 30) -> list[int]:
        """Wait until so many processes are stopped; gives them. Raises TimeoutError."""
        deadline = time.monotonic() + patience
        while len(found := [pid for pid in self.pids if _is_stopped(pid)]) < number:
            if time.monotonic() > deadline:
                message = f"{len(found)} of {number} processes are stopped"
                raise TimeoutError(message)
            time.sleep(0.05)
        return found

    def leave(self, pid: int, *, signals: int = 1) -> int:
        """Ask a process to go, and do not replace it; gives its exit code, below 0 where a signal ended it."""
        with self._guard:
            self._leaving.add(pid)
            process = self._processes[pid]
        for _ in range(signals):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        try:
            return process.wait(TOO_LATE)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self) -> int:
        """Ask all to go, at once; gives how many did not exit with 0."""
        self._is_closed.set()
        self._keeper.join()
        codes: list[int] = []
        threads = [
            threading.Thread(target=lambda pid=pid: codes.append(self.leave(pid)))
            for pid in self.pids
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(code != 0 for code in codes)

    def _spawn(self, checkout: Path = ROOT) -> None:
        with (self._folder / f"worker-{len(self._processes) + 1}.log").open("wb") as log:
            process = subprocess.Popen(
                self._command, env=self._environment, cwd=checkout, stdout=log, stderr=log
            )
        self._processes[process.pid] = process

    def _keep(self) -> None:
        replaced: set[int] = set()
        while not self._is_closed.wait(RESTART_PAUSE):
            with self._guard:
                gone = [
                    pid
                    for pid, process in self._processes.items()
                    if process.poll() is not None and pid not in self._leaving | replaced
                ]
                replaced.update(gone)
                for _ in gone:
                    self._spawn()


def build_image() -> str:
    """Give the name of the workers' image, which is built where this checkout differs from all that was built."""
    command = [sys.executable, "-m", "stack", "image"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _in_container(image: str, module: str, names: Iterable[str]) -> list[str]:
    """Give the command that runs a worker as the topology does, but with this machine's network and process ids."""
    root = ("--read-only", "--tmpfs", "/tmp")  # noqa: S108 - in the container
    drills = f"type=bind,source={ROOT / 'drills'},target=/app/drills,readonly"
    settings = [part for name in names for part in ("--env", name)]
    shared = ("--network", "host", "--pid", "host", "--mount", drills)
    return ["docker", "run", "--rm", *root, *shared, *settings, image, "python", "-m", module]


def _is_stopped(pid: int) -> bool:
    """Whether a process was stopped by a signal, as the third field of its `stat` says (proc(5))."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(") ")[2]
    except OSError:
        return False
    return fields.startswith("T")


def pid_of(run: Run) -> int:
    """Give the process that a run is in: a worker's name ends with it."""
    return int(run.worker.rpartition(":")[2])
