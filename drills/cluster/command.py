"""The real command line, run as people run it, and what it said."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parent.parent.parent
TOPOLOGIES = Path(__file__).parent / "topologies"
DEADLINE = 10.0
"""Seconds: what `--timeout` declares, and its default."""
BEYOND = 15.0
"""Seconds that a command may take on top of it."""
GIVEN_UP = 120.0
"""Seconds after which a command is killed, so that a drill ends."""
NAME = "drill"
CONSENT = ("--allow-data-loss", "*")
MANY = ("--max-deletes", "99")
"""Everything that a user can allow: what is refused all the same is refused by the state of the cluster."""
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "plan": ("plan",),
    "drift": ("drift",),
    "apply": ("apply", "-y", *CONSENT, *MANY),
    "prune": ("apply", "-y", "--prune", *CONSENT, *MANY),
    "destroy": ("destroy", "-y", "--confirm", NAME, *CONSENT),
}
_PLANNED = re.compile(r"^  (\+|-|~|-/\+|!|\?|\*) ([a-z]+\.[a-z]+/\S+)", re.MULTILINE)
_DRIFTED = re.compile(r"^([A-Z]+(?: READ)?) +([a-z]+\.[a-z]+/\S+|[a-z]+:)", re.MULTILINE)
_DESTROYED = re.compile(r"^ *✓ (\S+) +destroyed", re.MULTILINE)
_SUMMARY = re.compile(r"^(?:Plan:|Apply:|Destroy:|No changes|Drift:|No drift).*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command printed, its exit code (None where it had to be killed) and how long it took."""

    code: int | None
    seconds: float
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.out}\n{self.err}"

    @property
    def planned(self) -> frozenset[tuple[str, str]]:
        """What a plan has, as pairs of mark and address."""
        return frozenset(_PLANNED.findall(self.text))

    @property
    def drifted(self) -> frozenset[tuple[str, str]]:
        """What a drift report has, as pairs of kind and address (or `rabbitmq:` and the like)."""
        return frozenset(_DRIFTED.findall(self.out))

    @property
    def destroyed(self) -> frozenset[str]:
        """The addresses that it says to have destroyed."""
        return frozenset(_DESTROYED.findall(self.text))

    def words(self, names: Sequence[str] = ()) -> str:
        """Give the lines that tell the most: what names a member, the error, the summary."""
        lines = [line.strip() for line in self.text.splitlines()]
        naming = [
            line
            for line in lines
            if any(name in line for name in names) and "objects read" not in line
        ]
        errors = [line for line in lines if line.startswith("error:")]
        chosen = naming[:1] + errors[-1:] + _SUMMARY.findall(self.out)[-1:]
        return " / ".join(dict.fromkeys(chosen)) or (lines[-1] if lines else "")


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Runs `bizops` on the topology of one system; `environment` says where that is."""

    system: str
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, command: str, *overlays: str, extra: Sequence[str] = ()) -> Said:
        """Run one of COMMANDS on the topology with some overlays: `change` is the file `rabbitmq-change.yaml`."""
        started, begun = self.start(command, *overlays, extra=extra), time.monotonic()
        return self.wait(started, begun)

    def start(
        self, command: str, *overlays: str, extra: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Start it, and go on."""
        files = [self.system, *(f"{self.system}-{overlay}" for overlay in overlays)]
        named = [part for file in files for part in ("-f", str(TOPOLOGIES / f"{file}.yaml"))]
        verb, *options = COMMANDS[command]
        return subprocess.Popen(
            [sys.executable, "-m", "bizops", verb, *options, *named, *extra],
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "200", **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @staticmethod
    def wait(started: subprocess.Popen[str], begun: float) -> Said:
        """Wait for its end; one that is not over in GIVEN_UP is killed, and has no exit code."""
        try:
            out, err = started.communicate(timeout=GIVEN_UP)
            code: int | None = started.returncode
        except subprocess.TimeoutExpired:
            started.kill()
            out, err = started.communicate()
            code = None
        return Said(code, time.monotonic() - begun, out, err)
