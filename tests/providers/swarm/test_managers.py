"""A list of managers: asked in order, one deadline for all, and every one named where none serves."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from bizops import errors
from bizops.provider import Options, Scope, definition
from bizops.provider.versions import parsed
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.provider import Observations, Provider

SCOPE = Scope("bizops-test")
REAL = "unix:///var/run/docker.sock"
DEAD = "tcp://127.0.0.1:9"


def _connect(seconds: float = 4, **settings: Any) -> Provider:
    options = Options(timeout=seconds)
    return DEFINITION.connect(Connection.model_validate(settings), Settings(), options)


def _read(seconds: float = 4, **settings: Any) -> Observations:
    provider = _connect(seconds, **settings)
    try:
        return provider.observe((), SCOPE)
    finally:
        provider.close()


@pytest.fixture
def silent() -> Iterator[str]:
    """Give an address that takes connections and never answers, as a frozen engine does."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("settings", "place", "words"),
    [
        ({"host": []}, ("host",), "name at least one"),
        ({"host": ["tcp://a", "tcp://b", "tcp://a"]}, ("host",), "[2] is the same as [0]"),
        ({"host": ["tcp://a", ""]}, ("host", 1), "it is empty"),
        ({"context": ["a", True]}, ("context", 1), "text is meant here"),
        ({"host": ["tcp://a"], "context": ["b"]}, (), "host and context contradict each other"),
    ],
)
def test_a_list_that_cannot_be_meant_is_a_fault(
    settings: dict[str, Any], place: tuple[object, ...], words: str
) -> None:
    """The place names the item where one is wrong by itself."""
    with pytest.raises(ValidationError) as raised:
        Connection.model_validate(settings)

    (fault,) = raised.value.errors()
    assert place == fault["loc"]
    assert words in fault["msg"]


def test_one_address_is_written_as_text() -> None:
    """As it always was; the order of several is kept."""
    assert ("tcp://b",) == Connection.model_validate({"host": "tcp://b"}).host
    assert ("tcp://b", "ssh://a") == Connection.model_validate(
        {"host": ["tcp://b", "ssh://a"]}
    ).host


@pytest.mark.integration
@pytest.mark.usefixtures("live")
def test_the_first_that_serves_is_asked_and_said_to_be() -> None:
    """One that refuses is passed over at once; the first of all needs no words."""
    found, plain = _read(host=[DEAD, REAL]), _read(host=[REAL, DEAD])

    assert (REAL, REAL) == (found.system.address, plain.system.address)
    words = f"swarm: no Docker engine answers at {DEAD}: connection refused; so {REAL} was asked"
    assert (words,) == found.warnings
    assert () == plain.warnings


@pytest.mark.integration
@pytest.mark.usefixtures("live")
def test_contexts_are_tried_in_order_too() -> None:
    """One that does not exist on this machine may exist on another."""
    found = _read(context=["no-such-context", "default"])

    assert REAL == found.system.address
    assert "there is no Docker context no-such-context" in found.warnings[0]


@pytest.mark.integration
@pytest.mark.usefixtures("live")
def test_one_that_says_nothing_leaves_time_for_the_next(silent: str) -> None:
    """All share the time that one request has."""
    began = time.monotonic()
    found = _read(seconds=12, host=[silent, REAL])

    assert REAL == found.system.address
    assert time.monotonic() - began < 12
    assert (f"swarm: {silent} did not answer in 6 s; so {REAL} was asked",) == found.warnings


def test_where_none_serves_every_address_is_named_with_what_it_said(silent: str) -> None:
    """One error, and within one deadline."""
    began = time.monotonic()
    with pytest.raises(errors.UnreachableError) as raised:
        _read(seconds=3, host=[silent, DEAD, "unix:///nowhere/docker.sock"])

    assert time.monotonic() - began < 3 + 5
    assert (
        f"none of 3 managers serves: {silent} did not answer in 1 s; "
        f"no Docker engine answers at {DEAD}: connection refused; "
        "no Docker engine answers at unix:///nowhere/docker.sock: no such file or directory"
    ) == str(raised.value)
    assert raised.value.remedy


@contextmanager
def _engine(nodes: Sequence[Any] = ()) -> Iterator[tuple[str, list[str]]]:
    """Serve a swarm that has nothing but nodes; give its address, and the paths that it is asked for."""
    paths: list[str] = []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            said: dict[str, Any] = {
                "version": {"Version": "29.0.1", "ApiVersion": "1.52"},
                "swarm": {"ID": "s"},
                "nodes": nodes,
            }
            content = json.dumps(said.get(self.path.rpartition("/")[2], [])).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"tcp://127.0.0.1:{server.server_address[1]}", paths
        server.shutdown()


@pytest.mark.parametrize("heard", [0, 1])
def test_a_manager_that_reaches_half_of_them_or_fewer_is_not_read(heard: int) -> None:
    """It takes itself for the leader for some seconds more, and another one may serve."""
    managers = [
        {"ID": str(number), "ManagerStatus": {"Reachability": reachability}}
        for number, reachability in enumerate(["reachable"] * heard + ["unreachable"] * 2)
    ]
    whole = [{**raw, "ManagerStatus": {"Reachability": "reachable"}} for raw in managers]

    with _engine(managers) as (lost, _), _engine(whole) as (led, _):
        found = _read(host=[lost, led])
        with pytest.raises(errors.RetryableError, match="no majority: nothing can be written"):
            _read(host=lost)

    assert found.system.address == led
    assert f"{heard} of {heard + 2} managers reachable" in found.warnings[0]


def test_every_request_speaks_the_version_that_the_engine_has() -> None:
    """Docker 29 takes no API before 1.44, and docker-py is told 1.41 only so that it asks nothing by itself."""
    with _engine() as (address, paths):
        found = _read(host=address)

    assert "/version" == paths[0]
    assert all(path.startswith("/v1.52/") for path in paths[1:]), paths
    assert len(paths) == 7
    assert "newer than the versions" in DEFINITION.versions.unknown(found.system.version)


def test_what_an_older_engine_lacks_is_in_one_table() -> None:
    """Debian's words for its version are read too."""
    versions = definition("swarm").versions
    old, new = parsed("20.10.24+dfsg1"), parsed("28.5.2+dfsg4")

    assert ((20, 10), (28, 5)) == (old, new)
    assert old is not None
    assert new is not None
    assert "healthcheck.start_interval" in versions.lacking(old)[0].what
    assert () == versions.lacking(new)
