"""The workers of an older commit, out of this repository's history."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

from drills.room import ROOT
from drills.scene import DrillError

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = ("workers", "drills")


def checkout_of(commit: str, folder: Path) -> Path:
    """Give a folder with the workers of a commit, and their drills; this checkout where none is named.

    Raises DrillError in a clone without history.
    """
    if not commit:
        return ROOT
    command = ["git", "-C", str(ROOT), "archive", commit, *PACKAGES]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        message = f"the older workers are in the history of a full clone: {packed.stderr.decode().strip()}"
        raise DrillError(message)
    found = folder / "older"
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(found, filter="data")
    return found
