"""Debian root file systems for images that are built on the spot."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stack.commands import install_packages, run_logged
from stack.errors import StackError

if TYPE_CHECKING:
    from stack.report import Report, Step
    from stack.state import State

BOOKWORM = "bookworm"
TRIXIE = "trixie"
FORKY = "forky"
# Services run on trixie, so it has Python; the others are there for older and newer servers alone.
PACKAGES = {
    BOOKWORM: ("ca-certificates",),
    TRIXIE: ("ca-certificates", "python3"),
    FORKY: ("ca-certificates",),
}
# Nobody reads manuals in these containers, and a bootstrap that is cut off starts anew: no need
# to wait for the disk after each file.
DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
)


class RootFileSystems:
    """Tar files of minimal Debian suites, kept in the cache of the state directory.

    An interrupted bootstrap leaves nothing that counts as one. May be used from several threads.
    """

    def __init__(self, state: State, report: Report) -> None:
        """Keep the tar files and logs in ``state``."""
        self._state = state
        self._report = report
        self._guards = {suite: threading.Lock() for suite in PACKAGES}
        self._ahead: threading.Thread | None = None

    def ensure(self, suite: str, step: Step) -> Path:
        """Give the tar file of a suite; raises StackError where Debian cannot be bootstrapped."""
        with self._guards[suite]:
            archive = self._archive(suite)
            if not archive.exists():
                self._install_mmdebstrap(step)
                step.note(f"bootstrapping Debian {suite}")
                self._bootstrap(suite, archive)
            return archive

    def begin(self, suite: str, step: Step) -> None:
        """Begin to bootstrap a suite in the background; a failure shows when it is asked for.

        Used while an engine is being installed, when nobody can know yet whether images can
        be pulled: the bootstrap is the longest step of a first start.
        """
        if self._archive(suite).exists():
            return
        self._install_mmdebstrap(step)
        self._ahead = threading.Thread(target=self._bootstrap_ahead, args=(suite,), daemon=True)
        self._ahead.start()

    def finish(self) -> None:
        """Wait for what was begun."""
        if self._ahead is not None:
            self._ahead.join()

    def _archive(self, suite: str) -> Path:
        return self._state.cache / f"debian-{suite}.tar"

    def _bootstrap_ahead(self, suite: str) -> None:
        with suppress(StackError), self._report.step(f"debian {suite}", "bootstrapped") as step:
            self.ensure(suite, step)

    def _bootstrap(self, suite: str, archive: Path) -> None:
        part = archive.with_suffix(".tar.part")
        part.unlink(missing_ok=True)
        command = ["mmdebstrap", "--variant=minbase", "--format=tar"]
        command += [f"--include={','.join(PACKAGES[suite])}"]
        command += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
        command += [f"--aptopt={option}" for option in read_apt_options()]
        folder = self._state.cache / f"debian-{suite}"
        remove_tree(folder)
        folder.mkdir()
        run_logged(
            [*command, suite, str(part)],
            self._state.logs / f"debian-{suite}.log",
            f"debian {suite}",
            "see whether this machine reaches a Debian mirror; then start again",
            {"TMPDIR": str(folder)},
        )
        remove_tree(folder)
        part.rename(archive)

    def _install_mmdebstrap(self, step: Step) -> None:
        if shutil.which("mmdebstrap") is not None:
            return
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            message = "images: no registry answers, and only root on Debian can build them here"
            raise StackError(
                message,
                "give the engine access to an image registry, or run this as root on Debian",
            )
        step.note("installing mmdebstrap")
        install_packages(["mmdebstrap"], self._state, "mmdebstrap")


def remove_tree(folder: Path) -> None:
    """Remove what an interrupted bootstrap left, unless file systems of the host hang in it.

    mmdebstrap mounts in a namespace of its own, which dies with it; but what it mounts there
    is the host's ``/dev``, so this asks rather than trusts. Raises StackError.
    """
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    for mount in mounts:
        if Path(mount.split()[1]).is_relative_to(folder):
            message = f"debian: {mount.split()[1]} is still mounted"
            raise StackError(message, "unmount it; then start again")
    shutil.rmtree(folder, ignore_errors=True)


def read_apt_options() -> list[str]:
    """Give the host's own way to its mirrors: proxies and date checks, as ``KEY "VALUE"``."""
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
