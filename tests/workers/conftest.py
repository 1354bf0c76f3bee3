"""What the workers' tests on real servers share: the image, built from this checkout."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def worker_image() -> str:
    """Give the name of the workers' image; building it takes two minutes once, then seconds for a change."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", "image"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
