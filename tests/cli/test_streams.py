"""Output that goes to a file, to a reader who leaves, to a full disk, to nobody."""

from __future__ import annotations

import shlex
import signal
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Bench


def test_a_reader_that_leaves_early_is_no_error_message(bench: Bench) -> None:
    """`bizops schema | head -c 1` stays silent: more than fits into the pipe is never read."""
    found = bench.shell("schema", "| head -c 1")
    assert (found.returncode, found.stderr) == (1, "")


def test_an_apply_goes_on_when_its_reader_leaves(bench: Bench, equal: dict[str, Any]) -> None:
    """What was agreed to is done, not half of it; only the words are lost."""
    bench.live({}, settles={"own_a": 3, "own_b": 6, "own_c": 9})
    found = bench.shell("apply -y --lock=false", "| head -1")
    assert (found.returncode, found.stderr) == (1, "")
    assert bench.things() == equal


@pytest.mark.parametrize(
    "arguments",
    ["plan", "plan -o json", "drift", "status", "validate", "schema", "version", "plan --help", ""],
)
def test_output_that_cannot_be_written_is_an_error_in_one_line(
    arguments: str, bench: Bench
) -> None:
    """A full disk is no defect of bizops, and no traceback."""
    found = bench.shell(arguments or "--help", "> /dev/full")
    assert found.returncode == 1
    assert found.stderr == "error: the output cannot be written: no space left on device\n"


def test_closed_streams_are_what_the_caller_wanted(bench: Bench, equal: dict[str, Any]) -> None:
    """`>&-` and `2>&-` throw words away; the work and the exit code stay."""
    assert bench.shell("apply -y", ">&- 2>&-").returncode == 0
    assert bench.things() == equal
    assert bench.shell("drift", ">&-").returncode == 0


@pytest.mark.parametrize(
    ("sent", "code", "fate"),
    [(signal.SIGINT, 130, "let finish"), (signal.SIGTERM, 143, "not waited for")],
)
def test_a_log_says_what_a_signal_means_for_what_is_in_flight(
    sent: signal.Signals, code: int, fate: str, bench: Bench
) -> None:
    """Who reads the log of a job that was ended knows what may still go on."""
    bench.live({}, settles={"own_b": 12})
    with subprocess.Popen(
        bench.command("apply", "-y"),
        cwd=bench.folder,
        env=bench.environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        while "own_c" not in said or "✓" not in said:
            said = process.stdout.readline()
            assert said, "it ended before anything was done"
        process.send_signal(sent)
        said = process.stdout.read()

    assert process.returncode == code
    assert f"what is in flight is {fate}, nothing more is started." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("apply", "error: there is no terminal to ask on, so nothing was written"),
        ("plan -f -", "<stdin>: empty: a topology begins with bizops: 1"),
    ],
)
def test_c3_a_standard_input_that_is_closed_is_one_that_is_empty(
    arguments: str, said: str, bench: Bench
) -> None:
    found = bench.shell(arguments, "<&-")
    assert found.returncode == 1
    assert said in found.stderr


def test_c3_a_working_directory_that_is_gone_is_said_in_one_line(bench: Bench) -> None:
    command = shlex.join(bench.command("plan"))
    script = f"mkdir gone && cd gone && rmdir ../gone && {command}"
    found = subprocess.run(
        ["bash", "-c", script],
        cwd=bench.folder,
        env=bench.environ(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "error: the working directory does not exist any more" in found.stderr
