"""A topology of things in memory, and a way to call bizops on it as a process of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

IN_MEMORY = Path(__file__).with_name("in_memory.py")
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH")
TOPOLOGY = """\
bizops: 1
name: trial
fake:
  owns: {things: ["own_*"]}
  things:
    own_a: {size: 1}
    own_b: {size: 2, shape: round}
    own_c: {size: 3}
"""
EQUAL: dict[str, dict[str, Any]] = {
    "own_a": {"size": 1},
    "own_b": {"size": 2, "shape": "round"},
    "own_c": {"size": 3},
}


@dataclass(frozen=True)
class Bench:
    """A folder with a topology and the state of the system in memory."""

    folder: Path

    @property
    def state(self) -> Path:
        """The file that holds the system."""
        return self.folder / "state.json"

    def live(self, things: dict[str, Any], **more: Any) -> None:
        """Make the system hold these things."""
        self.state.write_text(json.dumps({"things": things, **more}))

    def things(self) -> dict[str, Any]:
        """Give what the system holds."""
        found: dict[str, Any] = json.loads(self.state.read_text())["things"]
        return found

    def command(self, *arguments: str) -> list[str]:
        """Give the words that start bizops."""
        return [sys.executable, str(IN_MEMORY), *arguments]

    def environ(self, **more: str) -> dict[str, str]:
        """Give an environment without surprises."""
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {**kept, "IN_MEMORY": str(self.state), **more}

    def call(
        self, *arguments: str, typed: str = "", **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Call bizops and wait for it."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ(**environ),
            input=typed,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )

    def shell(self, arguments: str, redirection: str) -> subprocess.CompletedProcess[str]:
        """Call bizops from a shell, with its output sent elsewhere; the exit code is that of bizops."""
        command = shlex.join(self.command(*arguments.split()))
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", f"{command} {redirection}"],
            cwd=self.folder,
            env=self.environ(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Give a folder with the trial topology, and an empty system."""
    (tmp_path / "bizops.yaml").write_text(TOPOLOGY)
    made = Bench(tmp_path)
    made.live({})
    return made


@pytest.fixture
def equal() -> dict[str, Any]:
    """Give the things that the trial topology declares."""
    return {name: dict(settings) for name, settings in EQUAL.items()}
