"""Debian root file systems for images that are built on the spot."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stack.commands import install_packages, run_logged
from stack.errors import StackError

if TYPE_CHECKING:
    from stack.report import Step
    from stack.state import State

PACKAGES = ("ca-certificates", "python3")
# Nobody reads manuals in these containers, and a container build that is cut off starts anew:
# no need to wait for the disk after each file.
DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
)


def ensure_root_file_system(state: State, suite: str, step: Step) -> Path:
    """Give a tar file of a minimal Debian ``suite`` with CA certificates and Python.

    It is kept in the cache; an interrupted bootstrap leaves nothing that counts as one.
    Raises StackError where Debian cannot be bootstrapped.
    """
    archive = state.cache / f"debian-{suite}.tar"
    if archive.exists():
        return archive
    log = state.logs / f"debian-{suite}.log"
    if shutil.which("mmdebstrap") is None:
        _install_mmdebstrap(step, log)
    step.note(f"bootstrapping Debian {suite}")
    part = archive.with_suffix(".tar.part")
    part.unlink(missing_ok=True)
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", "--format=tar"]
    command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    command += [f"--aptopt={option}" for option in read_apt_options()]
    with tempfile.TemporaryDirectory(prefix="bizops-stack-", ignore_cleanup_errors=True) as folder:
        run_logged(
            [*command, suite, str(part)],
            log,
            f"debian {suite}",
            "see whether this machine reaches a Debian mirror; then start again",
            {"TMPDIR": folder},
        )
    part.rename(archive)
    return archive


def _install_mmdebstrap(step: Step, log: Path) -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        message = "images: no image registry answers, and only root on Debian can build them here"
        raise StackError(
            message, "give the engine access to a registry, or run this as root on Debian"
        )
    step.note("installing mmdebstrap")
    install_packages(["mmdebstrap"], log, "mmdebstrap")


def read_apt_options() -> list[str]:
    """Give the host's own way to its mirrors: proxies and date checks, as ``KEY "VALUE";``."""
    shown = subprocess.run(
        ["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False
    )
    wanted = ("Acquire::Check-", "Acquire::http", "Acquire::https", "Acquire::Retries")
    return [
        line.rstrip(";")
        for line in shown.stdout.splitlines()
        if line.startswith(wanted) and not line.endswith('"";')
    ]


def find_certificates() -> list[Path]:
    """Give the host's additional certificate authorities, which a build has to trust as well."""
    return sorted(Path("/usr/local/share/ca-certificates").rglob("*.crt"))
