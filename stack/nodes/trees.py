"""Debian trees with an engine in them, one for each version, shared by all nodes."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from stack.commands import run_logged
from stack.debian import DPKG_OPTIONS, read_apt_options, remove_tree
from stack.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from stack.state import State

# The engine that each suite has: 20.10.24, 26.1.5, 28.5.2.
SUITES = {"20.10": "bookworm", "26.1": "trixie", "28.5": "forky"}
PACKAGES = ("ca-certificates", "docker.io", "iproute2", "iptables", "tini")
TOOLS = {"mmdebstrap": "mmdebstrap", "unshare": "util-linux", "nsenter": "util-linux"} | {
    "ip": "iproute2",
    "iptables": "iptables",
}


def check_machine() -> None:
    """Raise StackError, naming everything that is missing, where this machine can run no node."""
    if os.geteuid() != 0:
        message = "nodes: only root can make network interfaces and namespaces"
        raise StackError(message, "run this as root")
    missing = sorted({TOOLS[tool] for tool in TOOLS if shutil.which(tool) is None})
    if missing:
        message = f"nodes: this machine lacks {', '.join(missing)}"
        raise StackError(message, f"apt-get install {' '.join(missing)}")
    tried = subprocess.run(
        [
            "unshare",
            "--net",
            "--mount",
            "--uts",
            "--pid",
            "--fork",
            "mount",
            "-t",
            "proc",
            "proc",
            "/proc",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode != 0:
        message = f"nodes: this machine gives no namespaces: {tried.stderr.strip()}"
        raise StackError(message, "run this on a machine of its own, not in a container")


def ensure_tree(version: str, state: State) -> Path:
    """Give the tree with the engine ``version`` (a key of SUITES); bootstrapped once.

    The caller holds the lock of the nodes. Raises StackError where Debian cannot be reached.
    """
    if version not in SUITES:
        message = f"nodes: there is no engine {version} in Debian's suites"
        raise StackError(message, f"the engines are {', '.join(SUITES)}")
    tree = state.cache / f"engine-{version}"
    if tree.exists():
        return tree
    part = state.cache / f"engine-{version}.part"
    remove_tree(part)
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}"]
    command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    command += [f"--aptopt={option}" for option in read_apt_options()]
    run_logged(
        [*command, SUITES[version], str(part)],
        state.logs / f"engine-{version}.log",
        f"nodes: engine {version}",
        "see whether this machine reaches a Debian mirror; then start again",
    )
    part.rename(tree)
    return tree
