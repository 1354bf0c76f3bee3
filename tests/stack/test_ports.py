from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from stack.ports import describe_holder, find_listener, is_free

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def port() -> Iterator[int]:
    """A port of 127.0.0.1 on which this process listens."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_with_a_listener_is_not_free(port: int) -> None:
    """A used port is found before anything is changed."""
    # Given a port with a listener
    # When it is tried
    # Then it is not free
    assert not is_free(port)


def test_a_port_is_free_again_when_its_listener_is_gone() -> None:
    """A connection that lingers after its server does not block a start."""
    # Given a port whose server had a connection and is closed
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            client.sendall(b"x")
    # When it is tried
    # Then it is free
    assert is_free(port)


def test_the_holder_of_a_port_is_named_by_pid_and_command(port: int) -> None:
    """Whoever has to stop it knows what to stop."""
    # Given a port on which this process listens
    # When its holder is described
    holder = describe_holder(port, {})
    # Then it is this process
    assert find_listener(port) == os.getpid()
    assert holder.startswith(f"pid {os.getpid()} (")
    assert "py" in holder


def test_the_holder_of_a_published_port_is_named_by_its_container(port: int) -> None:
    """Behind a published port stands the engine's proxy, which says nothing to anybody."""
    # Given a port that a container publishes
    containers = {port: "somebody-redis"}
    # When its holder is described
    # Then it is the container
    assert describe_holder(port, containers) == "container somebody-redis"
