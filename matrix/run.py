"""Runs one part: its servers, its suites, its drill, and what came of them."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from docker.errors import DockerException

from matrix.results import Failure, Result, count, shorten
from matrix.servers import opened
from stack.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path

    from matrix.parts import Part
    from matrix.servers import Opened

SUITES_SECONDS = 3600
# What pytest exits with after all tests: none failed, or some.
ENDED = {0, 1}
NONE_CHOSEN = 5
PASSES = {
    "side-by-side": ("-m", "not disruptive and not cluster", "-n", "4", "--dist", "worksteal"),
    "disruptive": ("-m", "disruptive and not cluster"),
}
DRILLS_SECONDS = 3600


def run(part: Part, commit: str, logs: Path) -> Result:
    """Run a part to its end, whatever happens on the way; its output goes to files in `logs`."""
    logs.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    version, passed, skipped = "", 0, 0
    failures: list[Failure] = []
    try:
        with opened(part) as servers:
            version = servers.version
            report = run_suites(part, servers, logs)
            passed, skipped = report.passed, report.skipped
            failures += report.failures
    except (StackError, DockerException, OSError, subprocess.CalledProcessError) as error:
        failures.append(Failure("the servers", shorten(str(error))))
    if part.drills and not any(failure.what == "the servers" for failure in failures):
        failures += run_drills(part, logs)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    seconds = round(time.monotonic() - began)
    return Result(
        part.name, commit, today, seconds, version, passed, skipped, failures=tuple(failures)
    )


def run_suites(part: Part, servers: Opened, logs: Path) -> Result:
    """Run pytest on a part's servers: first what may run side by side, then what disturbs others."""
    found = [_run_pass(part, servers, logs, chosen) for chosen in PASSES]
    return Result(
        part.name,
        "",
        "",
        0,
        passed=sum(each.passed for each in found),
        skipped=sum(each.skipped for each in found),
        failures=tuple(failure for each in found for failure in each.failures),
    )


def _run_pass(part: Part, servers: Opened, logs: Path, chosen: str) -> Result:
    """Run the tests of one pass; one that does not come to its end is a failure of its own."""
    name = f"{part.name}-{chosen}"
    report = logs / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = [*servers.words, sys.executable, "-m", "pytest", "-q", *PASSES[chosen]]
    command += ["-p", "no:cacheprovider", f"--junit-xml={report}", *part.suites]
    # Without a server a test fails there instead of being skipped.
    environment = {**os.environ, **servers.environment, "CI": "1"}
    code = _call(command, environment, logs / f"{name}.log", SUITES_SECONDS)
    if not report.exists():
        reason = f"pytest ended with {code} and without a report"
        return Result(part.name, "", "", 0, failures=(Failure("pytest", reason),))
    found = count(part.name, report.read_text(encoding="utf-8"))
    if code in ENDED or (code == NONE_CHOSEN and chosen == "disruptive"):
        return found
    cut = Failure("pytest", f"it ended with {code} before all suites were run")
    return replace(found, failures=(*found.failures, cut))


def run_drills(part: Part, logs: Path) -> list[Failure]:
    """Run the cluster drills of a part on a cluster of their own."""
    log = logs / f"{part.name}-drills.log"
    command = [sys.executable, "-m", "drills.cluster", *part.drills]
    code = _call(command, dict(os.environ), log, DRILLS_SECONDS)
    if code == 0:
        return []
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    bad = [line.removeprefix("BAD ") for line in lines if line.startswith("BAD ")]
    reasons = bad or [f"ended with {code}: {shorten(lines[-1] if lines else '')}"]
    return [Failure("drills.cluster", shorten(reason)) for reason in reasons]


def _call(command: list[str], environment: dict[str, str], log: Path, seconds: float) -> int:
    """Run a command with its output in a log; gives its exit code, that of `timeout` where it took too long."""
    with log.open("w", encoding="utf-8") as output:
        try:
            return subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            return 124
