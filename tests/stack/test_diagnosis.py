from __future__ import annotations

import subprocess
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from stack.diagnosis import (
    describe_age,
    describe_end,
    describe_run,
    find_complaint,
    find_last_line,
    was_ended,
)
from stack.engine import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docker.models.containers import Container

IMAGE = "127.0.0.1:5000/bizops/placeholder:1"
OUT_OF_MEMORY = """\
[2026-11-28 23:40:00,123] INFO Loaded 2100 logs (kafka.log.LogManager)
[2026-11-28 23:41:00,123] ERROR Uncaught exception in scheduled task (KafkaScheduler)
java.lang.OutOfMemoryError: Java heap space
\tat java.base/java.nio.HeapByteBuffer.<init>(HeapByteBuffer.java:71)
[2026-11-28 23:41:01,456] ERROR Error while fetching (ReplicaFetcherThread)
Terminating due to java.lang.OutOfMemoryError: Java heap space
"""


@pytest.mark.parametrize(
    ("log", "complaint"),
    [
        (OUT_OF_MEMORY, "OutOfMemoryError: Java heap space"),
        ("INFO fine\nFATAL no config\nERROR later\n", "FATAL no config"),
        ("2026-11-28 [error] <0.1.0> port in use\n2026-11-28 [info] x\n", "[error] <0.1.0> port in use"),
        ("ERROR a\nCaused by: b\n\tat c\n", "Caused by: b"),
        ("all is well, no errors\n", ""),
        ("", ""),
    ],
    ids=["out of memory", "fatal", "rabbitmq", "cause", "nothing", "empty"],
)  # fmt: skip
def test_the_most_telling_complaint_of_a_log_is_found(log: str, complaint: str) -> None:
    """What the JVM lacked says more than the errors that followed from it."""
    # Given a log
    # When its complaint is looked for
    # Then it is the last one of the most telling sort
    assert find_complaint(log) == complaint


def test_the_last_line_is_told_without_its_time_and_without_frames() -> None:
    """A server that complains of nothing still said something last."""
    # Given a log that ends in a stack frame
    log = "[2026-11-28 23:40:00,123] closing down\n\tat frame\n\n"
    # When its last line is asked for
    # Then it is what a person would read
    assert find_last_line(log) == "closing down"


@pytest.mark.parametrize(
    ("age", "text"),
    [(timedelta(seconds=5), "5 s"), (timedelta(minutes=3, seconds=9), "3 min"), (timedelta(hours=50), "2 d")],
)  # fmt: skip
def test_an_age_is_told_in_its_largest_unit(age: timedelta, text: str) -> None:
    """Nobody counts 180 seconds."""
    # Given a moment in the engine's form, with nanoseconds
    moment = (datetime.now(UTC) - age).strftime("%Y-%m-%dT%H:%M:%S.123456789Z")
    # When its age is told
    # Then it is rounded down
    assert describe_age(moment) == text


@pytest.fixture
def run() -> Iterator[Callable[[str], Container]]:
    """Give what runs a shell script in a container and gives that container."""
    client = connect()
    made: list[Container] = []

    def start(script: str) -> Container:
        name = f"stack-test-{uuid.uuid4().hex[:8]}"
        container = client.containers.run(
            IMAGE, ["sh", "-c", script], detach=True, name=name, mem_limit="64m"
        )
        made.append(container)
        return container

    yield start
    for container in made:
        container.remove(force=True)


def ended(container: Container) -> Container:
    """Wait until a container has ended, and read its state anew."""
    container.wait()
    container.reload()
    return container


@pytest.mark.integration
def test_k3_a_container_that_failed_is_dead_with_its_own_words(
    run: Callable[[str], Container],
) -> None:
    """The reader need not look into the log."""
    # Given a container that ended with a complaint, and one that said nothing
    loud = ended(
        run("echo INFO begin; echo 'java.lang.OutOfMemoryError: Java heap space' >&2; exit 3")
    )
    silent = ended(run("exit 4"))
    # When they are described
    # Then both are dead since just now, and neither was ended by somebody
    assert describe_end(loud).startswith("dead for ")
    assert describe_end(loud).endswith(" s: OutOfMemoryError: Java heap space (exit code 3)")
    assert describe_end(silent).endswith(" s: it said nothing (exit code 4)")
    assert not was_ended(loud)
    assert not was_ended(silent)


@pytest.mark.integration
def test_a_container_that_was_stopped_or_killed_is_not_called_dead(
    run: Callable[[str], Container],
) -> None:
    """An operator's hand is no failure."""
    # Given two containers that run
    stopped, killed = (run("trap 'exit 0' TERM; sleep 300 & wait") for _ in range(2))
    # When one is stopped and the other killed
    stopped.stop(timeout=5)
    killed.kill()
    # Then each is told as what it is
    assert describe_end(ended(stopped)).startswith("stopped ")
    assert describe_end(ended(killed)).startswith("killed ")
    assert was_ended(stopped)
    assert was_ended(killed)


@pytest.mark.integration
def test_a_container_that_runs_is_told_with_its_complaint_of_this_run_alone(
    run: Callable[[str], Container],
) -> None:
    """What it complained of before it was started again is over."""
    # Given a container that complains in its first run only
    container = run("test -e /seen || { touch /seen; echo 'ERROR old'; exit 1; }; sleep 300")
    ended(container)
    # When it was started again, at a later second
    subprocess.run(["sleep", "1.1"], check=True)
    container.start()
    container.reload()
    # Then it runs, and the old complaint is not told
    assert describe_run(container).startswith("runs for ")
    assert "ERROR old" not in describe_run(container)
