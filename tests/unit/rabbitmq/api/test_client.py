from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import urllib3

from bizops import errors
from bizops.change import Action, Status, Step, Write
from bizops.provider import Options
from bizops.providers.rabbitmq.api import error_messages
from bizops.providers.rabbitmq.api.client import Client
from bizops.providers.rabbitmq.api.retry_time import Unanswered
from bizops.providers.rabbitmq.api.writer import Writer
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.live.effective_settings import Policy
from bizops.providers.rabbitmq.naming.names import PROVIDER
from bizops.providers.rabbitmq.policies.policy_write import PolicyWrite

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def silent() -> Iterator[Client]:
    """Give a client of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = Client(Connection.model_validate({"url": url}), Options(timeout=20))
        yield client
        client.close()


def test_what_belongs_together_ends_together_and_tells_the_time_of_all_of_it(
    silent: Client,
) -> None:
    """The second request has no time left, and did not wait 0 s for nothing."""
    started = time.monotonic()

    with silent.bounded(0.5):
        said = [str(answer) for answer in silent.read_all(["/a"]) + silent.read_all(["/b"])]

    assert time.monotonic() - started < 2
    assert said == [f"{silent.url} did not answer in 0.5 s"] * 2


def test_behind_a_bounded_block_a_request_has_its_own_time_again(silent: Client) -> None:
    with silent.bounded(0.1):
        pass

    with pytest.raises(errors.UnreachableError, match=r"did not answer in 0.3 s"):
        silent.read("/a", timeout=0.3)


@pytest.mark.parametrize(("matching", "status"), [(3.0, Status.APPLIED), (0.0, Status.FAILED)])
def test_r5_a_policy_is_waited_for_as_long_as_the_broker_matches(
    matching: float, status: Status
) -> None:
    """It answers when all queues are matched: here after a second, where `--timeout` is half of one."""
    write = Write(
        PROVIDER,
        "p",
        Action.CREATE,
        "policy p",
        payload=PolicyWrite("/", Policy("p", "^a$", "queues", 0, ()), matching=matching),
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=_answer_late, args=(server, 1.0), daemon=True).start()
        client = Client(Connection.model_validate({"url": url}), Options(timeout=0.5))
        writer = Writer(client, Unanswered(0.5), "/", lambda: False)

        (outcome,) = writer.write([Step(Action.CREATE, write=write)], {})
        client.close()

    assert outcome.status is status, outcome


def _answer_late(server: socket.socket, seconds: float) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        time.sleep(seconds)
        with contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")


def test_an_address_that_answered_before_is_not_said_to_have_another_port() -> None:
    """A node that is killed behind the published port of its container closes what is opened to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = Client(Connection.model_validate({"url": url}), Options(timeout=20))
        threading.Thread(target=_answer_once, args=(server,), daemon=True).start()

        assert client.read("/whoami") == {"name": "guest"}
        with pytest.raises(errors.UnreachableError, match="it may have been stopped"):
            client.read("/whoami")
        client.close()


def _answer_once(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
        connection.sendall(head + b'Content-Length: 16\r\n\r\n{"name":"guest"}')
    for _ in range(2):
        connection, _ = server.accept()
        connection.recv(65536)
        connection.close()


@pytest.mark.parametrize(
    ("port", "is_known", "words"),
    [
        (15672, False, "it may be starting"),
        (5672, False, "usually has port 15672"),
        (5672, True, "it may have been stopped"),
    ],
)
def test_a_connection_that_is_closed_without_an_answer_has_a_likely_reason(
    port: int, *, is_known: bool, words: str
) -> None:
    """A broker that starts takes connections before it serves them, behind a published port of a container."""
    whom = error_messages.Authentication(f"http://broker:{port}", "guest", 1.0, is_known)
    closed = urllib3.exceptions.ProtocolError("Connection aborted.", ConnectionResetError())

    assert words in str(error_messages.unanswered(whom, closed))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, b'{"error":"internal","reason":"boom"}', "boom"),
        (503, b'{"message":"Service Unavailable"}', "Service Unavailable"),
        (503, b"", "HTTP 503"),
        (404, b'{"error":"Object Not Found"}', "Object Not Found"),
        (401, b'{"error":"not_authorized","reason":"Login failed"}', "wrong user name or password"),
    ],
)
def test_a_refusal_names_the_address_and_the_reason(status: int, body: bytes, words: str) -> None:
    """Of several addresses nobody knows else which one it was."""
    whom = error_messages.Authentication("http://rc2:15672", "guest", 1.0)
    said = str(error_messages.refused(whom, status, error_messages.reason(body)))
    assert said.startswith("http://rc2:15672: ")
    assert words in said


def test_an_answer_that_is_cut_is_told_as_that() -> None:
    """It did speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=_answer_in_part, args=(server,), daemon=True).start()
        client = Client(Connection.model_validate({"url": url}), Options(timeout=5))

        with contextlib.closing(client), pytest.raises(errors.WrongSystemError) as raised:
            client.read("/overview")

    assert str(raised.value) == f"{url}: its answer ended before it was whole"


def _answer_in_part(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(65536)
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
        connection.sendall(head + b"[1,23")
