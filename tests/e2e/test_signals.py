"""A signal at any moment of a run on the real servers: it ends, says so, and the next run does the rest (A3)."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess

pytestmark = pytest.mark.integration
TEXT = """\
HEAD {TAG_a: {}, TAG_b: {message_ttl: 1h}, TAG_c: {max_length: 10}}
kafka: {topics: {TAG.a: {partitions: 1}}}
swarm:
  services:
    TAG-s: {image: "PLACEHOLDER:1", command: [sleep, infinity], stop_grace_period: 1s}
"""
MOMENTS = 10
ENDS = {0, 130, -signal.SIGINT}
"""All done; interrupted; the same amid the imports, or when all is said."""


def _interrupted(shop: Any, verb: str, options: tuple[str, ...], moment: float) -> tuple[int, str]:
    process = shop.start(verb, *options)
    _wait_until_begun(process)
    time.sleep(moment)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def _wait_until_begun(process: subprocess.Popen[str]) -> None:
    """Wait for the first library that a command loads: what comes before is Python's own start."""
    maps = Path(f"/proc/{process.pid}/maps")
    while process.poll() is None and "pydantic_core" not in maps.read_text():
        time.sleep(0.01)


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_a3_an_interrupt_at_any_moment_ends_the_run(shop: Any, verb: str) -> None:
    """Never a hang, never a traceback, and what was begun is finished by the same command."""
    shop.declare(TEXT)
    options = ("--auto-approve",) if verb == "apply" else ()
    for number in range(MOMENTS):
        code, said = _interrupted(shop, verb, options, 0.25 * number)
        assert code in ENDS, (number, said)
        assert "Traceback" not in said, (number, said)
        assert code != 130 or "nterrupted" in said, (number, said)
        if verb == "apply" and number % 3 == 2:
            shop.destroy()

    if verb == "apply":
        shop.apply()
        assert shop.run("plan", "--detailed-exitcode").code == 0


def test_a3_a_second_interrupt_ends_it_and_frees_the_lock(shop: Any) -> None:
    shop.declare(TEXT.replace("infinity", "x"))
    process = shop.start("apply", "--auto-approve")
    assert process.stderr is not None
    _wait_until_begun(process)
    time.sleep(2)
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
    out, err = process.communicate(timeout=60)

    assert process.returncode in ENDS, out + err
    assert "Traceback" not in out + err
    assert shop.run("unlock").out.startswith("Nobody held the lock")
