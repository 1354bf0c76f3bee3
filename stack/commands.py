"""Commands of the host, with their output kept in a log."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from stack.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from stack.state import State

APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}


def run_logged(
    command: list[str], log: Path, step: str, remedy: str, extra: dict[str, str] | None = None
) -> None:
    """Run a command to its end, its output appended to ``log``.

    Raises StackError naming the step, with the log, when it cannot start or exits non-zero.
    """
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {' '.join(command)}\n")
        output.flush()
        try:
            code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **APT_ENVIRONMENT, **(extra or {})},
                check=False,
            ).returncode
        except OSError as error:
            message = f"{step}: {command[0]} cannot be started: {error.strerror}"
            raise StackError(message, remedy) from error
    if code != 0:
        message = f"{step}: `{command[0]} {command[1]}` exited with {code}"
        raise StackError(message, remedy, log)


def install_packages(packages: list[str], state: State, step: str) -> None:
    """Install Debian packages without their recommendations, and record that; raises StackError.

    A failed refresh of the package lists alone is no failure: one broken third-party source
    must not stop an installation that works without it.
    """
    log = state.logs / f"install-{packages[0]}.log"
    remedy = f"as root: apt-get install {' '.join(packages)}; then start again"
    try:
        run_logged(["apt-get", "update", "-q"], log, step, remedy)
    except StackError:
        with log.open("a", encoding="utf-8") as output:
            output.write(
                "(the package lists could not be refreshed; going on with what is there)\n"
            )
    # A lock held by another apt is waited for, not an error.
    wait = ["-o", "DPkg::Lock::Timeout=120"]
    run_logged(
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", *wait, *packages],
        log,
        step,
        remedy,
    )
    state.write(replace(state.record, packages=(*state.record.packages, *packages)))
