"""The Docker engine: use the one that answers, else start it, else install it (Debian, root)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import docker
from docker.errors import DockerException

from stack.commands import install_packages, run_logged
from stack.errors import StackError

if TYPE_CHECKING:
    from collections.abc import Callable

    from docker import DockerClient

    from stack.report import Step
    from stack.state import State

PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
READY_SECONDS = 60
STOP_SECONDS = 30
STEP = "engine"
DEAD_STATES = {"Z", "X"}
SWARM_TASK_LABEL = "com.docker.swarm.task"


def connect(timeout: float = 120) -> DockerClient:
    """Connect to the engine that ``DOCKER_HOST`` names, else to the local one.

    The API version is negotiated. Raises StackError when nothing answers.
    """
    try:
        return docker.from_env(version="auto", timeout=timeout)  # type: ignore[arg-type]
    except DockerException as error:
        message = f"{STEP}: no Docker engine answers ({_cause(error)})"
        raise StackError(message, "python -m stack start") from error


def ensure_engine(state: State, step: Step, before_install: Callable[[], None]) -> DockerClient:
    """Give a client of a running engine, starting and installing one where that is needed.

    ``before_install`` is called when an engine is about to be installed, which takes a while.
    Raises StackError when there is no engine and this process may not bring one up.
    """
    try:
        return connect()
    except StackError as error:
        cause = error.__cause__
    if "PermissionError" in repr(cause):
        message = f"{STEP}: this user may not talk to the Docker engine"
        raise StackError(
            message, "run as root, or `sudo usermod -aG docker $USER` and log in again"
        )
    if os.environ.get("DOCKER_HOST"):
        message = f"{STEP}: nothing answers at DOCKER_HOST={os.environ['DOCKER_HOST']}"
        raise StackError(message, "start that engine, or unset DOCKER_HOST to use a local one")
    if shutil.which("dockerd") is None:
        _install(state, step, before_install)
    if os.geteuid() != 0:
        message = f"{STEP}: it does not run, and only root can start it"
        raise StackError(message, "`sudo systemctl start docker`, or run this command as root")
    return _start(state, step)


def _install(state: State, step: Step, before_install: Callable[[], None]) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        message = f"{STEP}: there is no Docker engine, and only root on Debian can install one here"
        raise StackError(
            message,
            "install Docker (on Debian as root: apt-get install docker.io) and start it, "
            "or name a running engine in DOCKER_HOST",
        )
    before_install()
    step.note("installing Debian's docker.io")
    packages = ["docker.io"]
    if shutil.which("docker") is None and _is_package("docker-cli"):
        # Since trixie the command line is a package of its own.
        packages.append("docker-cli")
    install_packages(packages, state, STEP)


def _is_package(name: str) -> bool:
    shown = subprocess.run(["apt-cache", "show", name], capture_output=True, check=False)
    return shown.returncode == 0


def _start(state: State, step: Step) -> DockerClient:
    if _has_systemd():
        step.note("starting the docker service")
        log = state.logs / "engine-start.log"
        run_logged(["systemctl", "start", "docker"], log, STEP, "journalctl -u docker")
        state.write(replace(state.record, engine="systemd"))
        return _wait(READY_SECONDS, None, log)
    log = state.logs / "dockerd.log"
    running = read_running(PID_FILE, "dockerd")
    if running is not None:
        step.note(f"waiting for dockerd (pid {running})")
        return _wait(READY_SECONDS, None, log)
    for pid_file, name in ((PID_FILE, "dockerd"), (CONTAINERD_PID_FILE, "containerd")):
        if pid_file.exists() and read_running(pid_file, name) is None:
            step.note(f"removing the stale {pid_file}")
            pid_file.unlink()
    step.note("starting dockerd")
    with log.open("a", encoding="utf-8") as output:
        # A session of its own: the engine outlives this process and its terminal.
        process = subprocess.Popen(
            ["dockerd"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    state.write(replace(state.record, engine="dockerd", pid=process.pid))
    return _wait(READY_SECONDS, process, log)


def read_running(pid_file: Path, name: str, proc: Path = Path("/proc")) -> int | None:
    """Give the pid in ``pid_file`` when that process runs as ``name``; None for a stale file.

    After a hard stop the file stays, and its number may meanwhile belong to any other process,
    or to the dead one as long as nobody has collected its exit code. dockerd 20.10 takes both
    for itself, or for its containerd, and does not start.
    """
    try:
        pid = int(pid_file.read_text(encoding="ascii").strip())
        # pid (name) state ...: the name may hold spaces and parentheses of its own.
        line = (proc / str(pid) / "stat").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    found, _, rest = line.partition("(")[2].rpartition(")")
    return pid if found == name and rest.split()[0] not in DEAD_STATES else None


def _wait(seconds: float, process: subprocess.Popen[bytes] | None, log: Path) -> DockerClient:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return connect()
        except StackError:
            if process is not None and process.poll() is not None:
                message = f"{STEP}: dockerd ended with {process.returncode} while starting"
                raise StackError(
                    message, "see the log; correct the cause; start again", log
                ) from None
            if time.monotonic() > deadline:
                message = f"{STEP}: it does not answer after {seconds:.0f} s"
                raise StackError(
                    message, "see the log; stop that dockerd; start again", log
                ) from None
        time.sleep(0.1)


def stop_engine(client: DockerClient, state: State, step: Step) -> None:
    """Stop the engine when the stack started it and only swarm tasks run in it.

    Those come back by themselves with the next start; anybody else's containers would not.
    """
    record = state.record
    others = [
        str(container.name)
        for container in client.containers.list(ignore_removed=True)
        if SWARM_TASK_LABEL not in container.labels
    ]
    if record.engine and others:
        step.report.say(f"engine: it stays, because it runs {', '.join(sorted(others))}")
        return
    if record.engine == "systemd":
        step.note("stopping the docker service")
        log = state.logs / "engine-stop.log"
        units = ["docker.service", "docker.socket"]
        run_logged(["systemctl", "stop", *units], log, STEP, "systemctl status docker")
    elif record.engine == "dockerd":
        pid = read_running(PID_FILE, "dockerd")
        if pid is not None and pid == record.pid:
            step.note(f"stopping dockerd (pid {pid})")
            os.kill(pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while read_running(PID_FILE, "dockerd") is not None and time.monotonic() < deadline:
                time.sleep(0.1)
    state.write(replace(record, engine="", pid=0))


def _has_systemd() -> bool:
    return Path("/run/systemd/system").is_dir() and shutil.which("systemctl") is not None


def _cause(error: BaseException) -> str:
    """Give the innermost cause in one line: docker-py wraps the socket's error several times."""
    while True:
        inner = error.__cause__ or error.__context__
        if inner is None:
            return str(error).splitlines()[0] if str(error) else type(error).__name__
        error = inner
