from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from stack.leftovers import remove_leftovers
from stack.names import is_left, own_name
from stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack.servers import Server

KILLED = """
import os, signal
from stack.names import own_name
print(own_name(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def name_of_killed_process() -> str:
    """Give a name that a process made which was killed since."""
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    return done.stdout.strip()


def test_what_a_living_process_made_is_no_leftover() -> None:
    """Eight test processes share the servers; the first to start must not take away what the others use."""
    # Given a name of this process, and longer ones made from it
    name = own_name()
    # When it is asked whether they are left
    # Then they are not
    assert not is_left(name)
    assert not is_left(f"dead.{name}_q0001")


def test_what_a_killed_process_made_is_a_leftover() -> None:
    """Nobody else will remove it."""
    # Given a name whose process was killed
    name = name_of_killed_process()
    # When it is asked whether it is left
    # Then it is, and so is what was made from it
    assert is_left(name)
    assert is_left(f"{name}.t0001")


def test_a_pid_that_was_given_again_is_no_sign_of_life() -> None:
    """Pids come round; the start of a process does not."""
    # Given a name with the pid of this process and another start
    kind, pid, start, random = own_name().split("-")
    # When it is asked whether it is left
    # Then it is
    assert is_left("-".join((kind, pid, f"{int(start, 16) - 1:x}", random)))


@pytest.mark.parametrize("name", ["orders", "run-time", "run-1-2", "t1a2b3c4d", "run-xyz-1-abcdef"])
def test_names_of_others_are_no_leftovers(name: str) -> None:
    """What people named themselves stays."""
    # Given a name that is not from here
    # When it is asked whether it is left
    # Then it is not
    assert not is_left(name)


@pytest.mark.integration
def test_k3_what_a_killed_run_left_is_removed_and_what_runs_stays(
    servers: dict[str, Server], management: Callable[..., Any]
) -> None:
    """Two thousand forgotten partitions end the brokers some day."""
    # Given a topic, a vhost and a queue of a killed process and of this one
    dead, alive = name_of_killed_process(), own_name()
    kafka = AdminClient({"bootstrap.servers": f"127.0.0.1:{servers['kafka-1'].port(9092)}"})
    for name in (dead, alive):
        kafka.create_topics([NewTopic(name, 1, 2)])[name].result()
        management("PUT", f"vhosts/{name}")
        management("PUT", f"queues/%2F/{name}_q1", {"durable": True})

    def names() -> set[str]:
        listed = [*management("GET", "vhosts"), *management("GET", "queues/%2F")]
        return {entry["name"] for entry in listed} | {*kafka.list_topics(timeout=30).topics}

    try:
        # When leftovers are removed until the dead process's are gone: another run may have left some, too, and a
        # broker may list a topic for a moment after its deletion
        mine = {dead, f"{dead}_q1"}
        deadline = time.monotonic() + 60
        while mine & (there := names()):
            assert time.monotonic() < deadline, mine & there
            remove_leftovers(load_settings(os.environ))
            time.sleep(0.2)
        # Then this one's are there
        assert f"{alive}_q1" in there
        assert alive in {entry["name"] for entry in management("GET", "vhosts")}
        assert alive in kafka.list_topics(timeout=30).topics
    finally:
        kafka.delete_topics([alive])[alive].result()
        management("DELETE", f"vhosts/{alive}")
        management("DELETE", f"queues/%2F/{alive}_q1")
