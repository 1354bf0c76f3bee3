"""What a person at a terminal sees and types, and what signals do."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.conftest import Bench

PATIENCE = 40.0
"""Seconds after which a test gives up on a process."""


class Typist:
    """A process on a terminal of its own."""

    def __init__(self, bench: Bench, arguments: tuple[str, ...]) -> None:
        self._screen, terminal = pty.openpty()
        self.process = subprocess.Popen(
            bench.command(*arguments),
            cwd=bench.folder,
            env=bench.environ(TERM="xterm", COLUMNS="100"),
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)
        self.seen = ""

    def wait_for(self, words: str) -> None:
        """Read until the words are on the screen; fails when they do not come."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.seen:
            assert time.monotonic() < deadline, f"{words!r} never came: {self.seen}"
            if not self._read(0.2) and self.process.poll() is not None and not self._read(0.2):
                pytest.fail(f"ended without {words!r}: {self.seen}")

    def type(self, text: str) -> None:
        """Type a line."""
        os.write(self._screen, f"{text}\n".encode())

    def end(self) -> int:
        """Read what is left and give the exit code; negative where a signal killed it."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it never ended: {self.seen}"
            self._read(0.1)
        while self._read(0.1):
            pass
        return self.process.returncode

    def close(self) -> None:
        """End what still works and give the terminal back."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._screen)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._screen], [], [], seconds)
        if not ready:
            return False
        with contextlib.suppress(OSError):  # the other end is closed
            if found := os.read(self._screen, 65536):
                self.seen += found.decode(errors="replace")
                return True
        return False


@contextlib.contextmanager
def typing(bench: Bench, *arguments: str) -> Iterator[Typist]:
    """Start bizops on a terminal."""
    typist = Typist(bench, arguments)
    try:
        yield typist
    finally:
        typist.close()


@pytest.mark.parametrize(
    ("typed", "code", "count"), [("yes", 0, 3), ("y", 1, 0), ("", 1, 0), ("YES", 1, 0)]
)
def test_apply_asks_and_takes_only_yes(typed: str, code: int, count: int, bench: Bench) -> None:
    """The question comes after the plan; anything but `yes` writes nothing."""
    with typing(bench, "apply") as typist:
        typist.wait_for("Apply 3 changes to trial? Only 'yes' is accepted:")
        assert "Plan: 3 to add" in typist.seen
        typist.type(typed)
        assert typist.end() == code
    assert len(bench.things()) == count


@pytest.mark.parametrize(("typed", "code", "count"), [("trial", 0, 0), ("yes", 1, 3)])
def test_destroy_wants_the_name_typed(
    typed: str, code: int, count: int, bench: Bench, equal: dict[str, Any]
) -> None:
    """`yes` is not enough to delete everything."""
    bench.live(equal)
    with typing(bench, "destroy") as typist:
        typist.wait_for("Destroy 3 objects of trial? Type the topology's name:")
        typist.type(typed)
        assert typist.end() == code
    assert len(bench.things()) == count


@pytest.mark.parametrize(
    ("meanwhile", "code", "words"),
    [
        ({"things": {"own_a": {"size": 1}}}, 1, "since the plan was shown (fake.thing/own_a)"),
        ({"things": {"own_c": {"size": 30}}}, 1, "since the plan was shown (fake.thing/own_c)"),
        ({"things": {}, "problem": "it went down"}, 3, "nothing is applied: fake: it went down"),
    ],
)
def test_what_moves_while_one_reads_the_plan_is_named_and_nothing_is_written(
    meanwhile: dict[str, Any], code: int, words: str, bench: Bench
) -> None:
    """The plan is made again after the consent; what was agreed to is all that may be done."""
    with typing(bench, "apply") as typist:
        typist.wait_for("is accepted:")
        bench.live(**meanwhile)
        typist.type("yes")
        assert typist.end() == code
    assert words in " ".join(typist.seen.split())
    assert bench.things() == meanwhile["things"]


def test_progress_is_drawn_in_place_and_leaves_one_line_for_each(bench: Bench) -> None:
    """While it settles a bar and a hint stand at the bottom; afterwards only results."""
    bench.live({}, settles={"own_b": 6})
    with typing(bench, "apply", "-y") as typist:
        typist.wait_for("Ctrl-C: let")
        assert typist.end() == 0
    last = typist.seen.rpartition("Ctrl-C")[2]
    assert typist.seen.count("✓") == 3
    assert "Apply: 3 added" in last


def test_an_interrupted_question_writes_nothing(bench: Bench) -> None:
    """Ctrl-C at the prompt is 130."""
    with typing(bench, "apply") as typist:
        typist.wait_for("is accepted:")
        typist.process.send_signal(signal.SIGINT)
        assert typist.end() == 130, typist.seen
    assert bench.things() == {}


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", [("plan",), ("drift",), ("apply", "-y")])
def test_a_signal_while_reading_ends_it_at_once(
    command: tuple[str, ...], sent: signal.Signals, code: int, bench: Bench
) -> None:
    """A system that is slow to answer is not waited for."""
    bench.live({}, read_seconds=PATIENCE)
    process = subprocess.Popen(
        bench.command(*command),
        cwd=bench.folder,
        env=bench.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    begun = time.monotonic()
    while not bench.state.with_name("reading").exists():
        assert time.monotonic() - begun < PATIENCE
        time.sleep(0.05)
    process.send_signal(sent)
    _, said = process.communicate(timeout=PATIENCE / 2)
    assert process.returncode == code
    assert "Interrupted: nothing was written." in said


@pytest.mark.parametrize(
    ("sent", "code", "words"),
    [
        (signal.SIGINT, 130, "3 added"),
        (signal.SIGTERM, 143, "1 settling"),
    ],
)
def test_a_signal_while_applying_stops_in_good_order(
    sent: signal.Signals, code: int, words: str, bench: Bench
) -> None:
    """SIGINT finishes what is in flight; SIGTERM no longer waits and says what still settles."""
    looks = {signal.SIGINT: 12, signal.SIGTERM: 1000}[sent]
    bench.live({}, settles={"own_b": looks})
    with typing(bench, "apply", "-y") as typist:
        typist.wait_for("looks left")
        typist.process.send_signal(sent)
        assert typist.end() == code
    assert words in typist.seen
    assert "Interrupted" in typist.seen


def test_a_second_interrupt_aborts(bench: Bench) -> None:
    """Who presses Ctrl-C twice is not kept waiting."""
    bench.live({}, settles={"own_b": 1000})
    with typing(bench, "apply", "-y") as typist:
        typist.wait_for("looks left")
        typist.process.send_signal(signal.SIGINT)
        typist.wait_for("Ctrl-C again: abort")
        typist.process.send_signal(signal.SIGINT)
        assert typist.end() == 130
    assert "Aborted: what was being written may have taken effect." in typist.seen
    assert "Traceback" not in typist.seen


def test_a_slow_system_is_named_while_it_is_read(bench: Bench) -> None:
    """Who waits sees for what, and it is gone afterwards."""
    bench.live({}, read_seconds=2)
    with typing(bench, "plan") as typist:
        typist.wait_for("reading fake ...")
        typist.wait_for("\x1b[2K")
        typist.wait_for("Plan: 3 to add")
        assert typist.end() == 0
