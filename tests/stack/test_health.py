from __future__ import annotations

import dataclasses
import socket
import threading

import pytest

from stack.health import ask
from stack.parts import Part, list_parts
from stack.settings import Settings

PARTS = {part.name: part for part in list_parts(Settings())}


@pytest.mark.parametrize("name", ["rabbitmq", "kafka-1", "redis", "registry", "llm"])
def test_a_part_whose_port_nobody_serves_is_not_healthy(name: str) -> None:
    """A service that is down is told, not raised."""
    # Given a part on a port that was just given back
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    # When it is asked
    health = ask(_on_port(PARTS[name], port))
    # Then it is not healthy, and the cause is there
    assert not health.is_healthy
    assert "refused" in health.detail


@pytest.mark.parametrize("name", ["rabbitmq", "kafka-1", "redis", "registry", "llm"])
def test_a_port_that_somebody_else_serves_is_not_healthy(name: str) -> None:
    """An open port is no proof: the service itself has to answer."""
    # Given a server that says something else and hangs up
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_answer, args=(server,), daemon=True)
        thread.start()
        # When the part is asked
        health = ask(_on_port(PARTS[name], server.getsockname()[1]))
    thread.join(10)
    # Then it is not healthy
    assert not health.is_healthy
    assert health.detail


def _on_port(part: Part, port: int) -> Part:
    return dataclasses.replace(part, ports=dict.fromkeys(part.ports, port))


def _answer(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"220 mail.example.org ready\r\n")
