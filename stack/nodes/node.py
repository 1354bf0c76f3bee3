"""One node: an engine in namespaces of its own, that can be killed, frozen and cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from stack.errors import StackError
from stack.nodes import network

if TYPE_CHECKING:
    from docker import DockerClient

SCRIPT = Path(__file__).parent / "node.sh"
PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")
CGROUP = "bizops-nodes"
READY_SECONDS = 60
DEAD_SECONDS = 20
NAMESPACES = ("--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL")


@dataclass(frozen=True)
class Node:
    """The node ``number`` of a swarm, on the network ``10.77.<subnet>.0/24``.

    ``folder`` holds its file system, the engine's data and the log; ``tree`` is the Debian below.
    Nothing is remembered but the process id: what a node is doing is asked of the kernel.
    """

    name: str
    number: int
    subnet: int
    folder: Path
    tree: Path

    @property
    def address(self) -> str:
        """Its address; only this machine and the other nodes reach it."""
        return f"{network.PREFIX}.{self.subnet}.{self.number}"

    @property
    def url(self) -> str:
        """What ``DOCKER_HOST`` has to be to speak with its engine."""
        return f"tcp://{self.address}:2375"

    @property
    def log(self) -> Path:
        """What its engine writes."""
        return self.folder / "log"

    @property
    def state(self) -> str:
        """Give ``running``, ``dead``, ``frozen`` or ``cut``."""
        pid = self._find_init()
        if pid is None:
            return "dead"
        if any(_read_state(child) == "T" for child in _list_children(pid)):
            return "frozen"
        return "running" if network.is_link_up(self.subnet, self.number) else "cut"

    def client(self, timeout: float = 30) -> DockerClient:
        """Connect to its engine; raises StackError where it does not answer."""
        try:
            return docker.DockerClient(base_url=self.url, version="auto", timeout=timeout)  # type: ignore[arg-type]
        except DockerException as error:
            message = f"nodes: the engine of {self.name} does not answer at {self.url}"
            raise StackError(message, "see its log", self.log) from error

    def inside(self, *command: str) -> list[str]:
        """Give the words that run a command of this machine as if the node's engine were the local one.

        The command has the node's network and finds its engine at ``/var/run/docker.sock``. Raises
        StackError where the node does not run.
        """
        pid = self._require_init()
        enter = ["nsenter", f"--target={pid}", "--net", "unshare", "--mount", "sh", "-ec"]
        script = 'mount --bind "$0" /var/run/docker.sock; exec "$@"'
        return [*enter, script, f"{PROC}/{pid}/root/run/docker.sock", *command]

    def start(self) -> None:
        """Start it with the data that it had, unless it runs; ``wait`` tells when it answers."""
        if self._find_init() is not None:
            return
        for name in ("upper", "work", "root", "data"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        # A session of its own and no child of this process: it outlives this call. The process id
        # is written by the process itself, so no node runs that nobody can find.
        script = 'echo $$ >"$1/pid"; shift; exec unshare "$@"'
        arguments = (self.folder, self.tree, self.name, self.address, self._cgroup)
        command = ["setsid", "--fork", "sh", "-c", script, "sh", str(self.folder), *NAMESPACES]
        command += ["sh", str(SCRIPT), *map(str, arguments)]
        with (
            self.log.open("a", encoding="utf-8") as log,
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            ) as process,
        ):
            assert process.stdin is not None  # noqa: S101 - given as PIPE
            assert process.stdout is not None  # noqa: S101
            pid = self._find_init() if process.stdout.readline() == "ready\n" else None
            if pid is None:
                message = f"nodes: {self.name} ended while starting"
                raise StackError(message, "see its log", self.log)
            network.add_link(self.subnet, self.number, pid)
            process.stdin.write("go\n")

    def wait(self, seconds: float = READY_SECONDS) -> None:
        """Wait until its engine answers; raises StackError where it dies or takes longer."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.client(timeout=5).close()
            except StackError:
                if self._find_init() is None or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
            else:
                return

    def kill(self) -> None:
        """End everything that runs on it at once, as a power cut does; its data stays."""
        pid = self._find_init()
        if pid is None:
            return
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + DEAD_SECONDS
        # Its parent ends when all the others have.
        while self._find_parent() is not None:
            if time.monotonic() > deadline:
                message = f"nodes: {self.name} (pid {pid}) does not die"
                raise StackError(message, "see what its processes wait for")
            time.sleep(0.05)

    def freeze(self) -> None:
        """Stop every process on it (SIGSTOP): connections stay open, nothing answers."""
        self._signal_all("STOP")

    def cut(self) -> None:
        """Cut it from the network, from this machine too; what runs on it goes on."""
        network.set_link(self.subnet, self.number, is_up=False)

    def heal(self) -> None:
        """Undo kill, freeze and cut; waits until the engine answers."""
        if self._find_init() is None:
            self.start()
        else:
            self._signal_all("CONT")
            network.set_link(self.subnet, self.number, is_up=True)
        self.wait()

    def remove(self) -> None:
        """Kill it and remove what it leaves outside its folder: interface and control groups."""
        self.kill()
        network.remove_link(self.subnet, self.number)
        for group in (CGROUPS / self._cgroup[1:], *CGROUPS.glob(f"*{self._cgroup}")):
            for path in sorted(group.rglob("*/"), key=lambda path: -len(path.parts)):
                path.rmdir()
            if group.is_dir():
                group.rmdir()

    @property
    def _cgroup(self) -> str:
        return f"/{CGROUP}/{self.name}"

    def _signal_all(self, name: str) -> None:
        pid = self._require_init()
        # -1 is everything in the process namespace but its first process and the sender.
        command = ["nsenter", f"--target={pid}", "--pid", "sh", "-c", f"kill -{name} -1"]
        subprocess.run(command, check=True)

    def _require_init(self) -> int:
        pid = self._find_init()
        if pid is None:
            message = f"nodes: {self.name} does not run"
            raise StackError(message, f"python -m stack nodes heal {self.number}")
        return pid

    def _find_parent(self) -> int | None:
        """Give the ``unshare`` that made the namespaces: the recorded process, if it is ours."""
        try:
            pid = int((self.folder / "pid").read_text(encoding="ascii"))
            arguments = (PROC / str(pid) / "cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        is_ours = arguments[0] == b"unshare" and os.fsencode(self.folder) in arguments
        return pid if is_ours else None

    def _find_init(self) -> int | None:
        """Give the node's first process, with which everything on it ends."""
        pid = self._find_parent()
        return None if pid is None else next(iter(_list_children(pid)), None)


def _list_children(pid: int) -> list[int]:
    try:
        text = (PROC / str(pid) / "task" / str(pid) / "children").read_text(encoding="ascii")
    except OSError:
        return []
    return [int(child) for child in text.split()]


def _read_state(pid: int) -> str:
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[0]
