"""Engines that are not there, do not let us in, or are not what we need: one clear error each, with a way out."""

from __future__ import annotations

import http.server
import json
import os
import re
import socketserver
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.provider import Options, Scope
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider
    from bizops.resource import Resource

SCOPE = Scope("bizops-test")
CREATES_NOTHING = "This node is not a swarm manager."


def _connect(**settings: Any) -> Provider:
    return DEFINITION.connect(Connection.model_validate(settings), Settings(), Options(timeout=2))


def _error(provider: Provider) -> errors.ProviderError:
    with pytest.raises(errors.ProviderError) as raised:
        provider.observe((), SCOPE)
    provider.close()
    return raised.value


@pytest.mark.parametrize(
    ("host", "kind", "words"),
    [
        ("unix:///nowhere/docker.sock", errors.UnreachableError, "no such file or directory"),
        ("tcp://127.0.0.1:9", errors.UnreachableError, "connection refused"),
        ("ssh://nobody@127.0.0.1:9", errors.UnreachableError, "onnection refused"),
        (
            "tcp://no-such-host.invalid:2375",
            errors.UnreachableError,
            r"name or service not known|in name resolution",
        ),
        ("nonsense://x", errors.UnreachableError, "nonsense://x"),
    ],
)
def test_an_engine_that_does_not_answer_is_named_with_the_reason(
    host: str, kind: type[errors.ProviderError], words: str
) -> None:
    """The message has the address and the system's own words, and a command to try."""
    error = _error(_connect(host=host))

    assert kind is type(error)
    assert re.search(words, str(error))  # without a network the resolver has other words
    assert host in str(error)
    assert error.remedy


def test_a_context_that_does_not_exist_is_named() -> None:
    """A misspelt context is not silently the default one."""
    error = _error(_connect(context="no-such-context"))

    assert "no-such-context" in str(error)
    assert "docker context ls" == error.remedy


def test_a_missing_certificate_is_told() -> None:
    """TLS settings that cannot work fail before anything is sent."""
    error = _error(_connect(host="tcp://127.0.0.1:9", tls={"ca_cert": "/nowhere/ca.pem"}))

    assert isinstance(error, errors.UnreachableError)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_socket_that_is_not_for_this_user_says_so(tmp_path: Path) -> None:
    """Permission denied is another fault than no engine, with another remedy."""
    script = (
        "import socket, sys, os; sys.path.insert(0, sys.argv[2]); import bizops.cli\n"
        "from bizops.providers.swarm import DEFINITION as D\n"
        "from bizops.providers.swarm.engine.client import Engine; import docker.api.client, docker.context\n"
        "from bizops.providers.swarm.compose.connection import Connection\n"
        "from bizops.provider import Options\n"
        "from bizops import errors\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); os.chmod(sys.argv[1], 0)\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: Engine(Connection(host='unix://' + sys.argv[1]), Options()).connect()\n"
        "except errors.DeniedError as e: print(e, '|', e.remedy)\n"
    )
    path = Path("/tmp") / f"bz-{os.getpid()}.sock"  # noqa: S108 - a path that every user may enter
    root = str(Path(__file__).parents[3])
    try:
        done = subprocess.run(
            (sys.executable, "-c", script, str(path), root), capture_output=True, text=True, check=False,
            cwd=tmp_path,
        )  # fmt: skip
    finally:
        path.unlink(missing_ok=True)

    assert "permission denied" in done.stdout, done.stderr
    assert "usermod" in done.stdout


class _Replay(http.server.BaseHTTPRequestHandler):
    """Answers as an engine did: what a second node or an old engine says cannot be had from ours."""

    answers: dict[str, tuple[int, Any]]

    def do_GET(self) -> None:
        status, body = next(
            (found for path, found in self.answers.items() if path in self.path), (404, {"message": "page not found"})
        )  # fmt: skip
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def replay() -> Iterator[Callable[[dict[str, tuple[int, Any]]], str]]:
    """Start servers that give recorded answers; gives the address of each."""
    servers: list[socketserver.ThreadingTCPServer] = []

    def start(answers: dict[str, tuple[int, Any]]) -> str:
        handler = type("Answers", (_Replay,), {"answers": answers})
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"tcp://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


VERSION = (200, {"Version": "24.0.7", "ApiVersion": "1.43"})
WORKER = (
    503,
    {
        "message": "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
        "Please run this command on a manager node or promote the current node to a manager."
    },
)
ALONE = (
    503,
    {
        "message": 'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect '
        "this node to swarm and try again."
    },
)


@pytest.mark.parametrize(
    ("answers", "words", "remedy"),
    [
        ({"/version": VERSION, "/": WORKER}, "is a worker of a swarm", "docker node ls"),
        ({"/version": VERSION, "/": ALONE}, "is not part of a swarm", "docker swarm init"),
        ({"/version": (200, {"Version": "19.03.15", "ApiVersion": "1.40"})}, "needs 1.41", ""),
        ({"/version": (200, b"<html>hello</html>")}, "is no Docker engine", ""),
        ({}, "is no Docker engine", ""),
    ],
)
def test_an_engine_that_is_not_what_we_need_is_the_wrong_system(
    answers: dict[str, tuple[int, Any]],
    words: str,
    remedy: str,
    replay: Callable[[dict[str, tuple[int, Any]]], str],
) -> None:
    """Each case has words of its own, and a command where one helps."""
    error = _error(_connect(host=replay(answers)))

    assert isinstance(error, errors.WrongSystemError)
    assert words in str(error)
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("status", "kind"),
    [(403, errors.DeniedError), (401, errors.DeniedError), (502, errors.RetryableError)],
)
def test_s9_an_engine_that_refuses_to_say_its_version_is_told_in_its_own_words(
    status: int, kind: type[errors.ProviderError], replay: Callable[..., str]
) -> None:
    """An authorization plugin says why it refuses."""
    said = "authorization denied by plugin opa: no policy allows it"

    error = _error(_connect(host=replay({"/version": (status, {"message": said})})))

    assert isinstance(error, kind)
    assert str(error).endswith(f": {said}")


@pytest.mark.integration
def test_another_swarm_than_expected_stops_everything(live: Provider) -> None:
    """The id that was found and the one that is expected are both named; the beginning of the right one will do."""
    found = live.observe((), SCOPE).system
    assert not found.expected

    error = _error(_connect(expect={"cluster_id": "another"}))
    matched = _connect(expect={"cluster_id": found.identity[:12]})

    assert isinstance(error, errors.WrongSystemError)
    assert found.identity in str(error)
    assert "another" in str(error)
    assert matched.observe((), SCOPE).system.expected
    matched.close()


@pytest.mark.integration
def test_an_engine_behind_ssh_is_reached_as_the_docker_cli_does(
    live: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ssh program is asked to run `docker system dial-stdio` over there; here it runs it on this machine."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nwhile [ "$1" != -- ]; do shift; done; shift 2\nexec "$@"\n',
        encoding="utf-8",
    )
    ssh.chmod(ssh.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    provider = _connect(host="ssh://ops@manager:2222")

    system = provider.observe((), SCOPE).system
    provider.close()

    assert live.observe((), SCOPE).system.identity == system.identity
    assert "ssh://ops@manager:2222" == system.address
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()[0]
    assert "-l ops -p 2222 -- manager docker system dial-stdio" in asked


@pytest.mark.integration
@pytest.mark.usefixtures("live")
def test_the_engine_is_chosen_as_the_docker_cli_chooses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: Callable[..., str]
) -> None:
    """What the topology says goes first, then DOCKER_HOST, then DOCKER_CONTEXT, then the context in use."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    docker("context", "create", "bz-real", "--docker", "host=unix:///var/run/docker.sock")
    docker("context", "create", "bz-dead", "--docker", "host=unix:///nowhere/docker.sock")

    def address(**settings: Any) -> str:
        provider = _connect(**settings)
        try:
            return provider.observe((), SCOPE).system.address
        except errors.UnreachableError:
            return "dead"
        finally:
            provider.close()

    assert "unix:///var/run/docker.sock" == address()
    docker("context", "use", "bz-dead")
    assert "dead" == address()
    monkeypatch.setenv("DOCKER_CONTEXT", "bz-real")
    assert "unix:///var/run/docker.sock, context bz-real" == address()
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    assert "dead" == address()
    assert "unix:///var/run/docker.sock, context bz-real" == address(context="bz-real")
    assert "unix:///var/run/docker.sock" == address(host="unix:///var/run/docker.sock")


@pytest.mark.integration
def test_status_shows_what_runs_and_what_does_not(
    live: Provider, service: Callable[..., Resource], scope: Scope
) -> None:
    """One row for each declared service, a problem where something is missing."""
    from bizops.testing.driving import converge  # noqa: PLC0415

    fine, missing = service("-a"), service("-b")
    converge(live, (fine,), scope)

    health = live.status((fine, missing), scope)

    rows = {address: (cells, problem) for address, cells, problem in health.rows}
    assert (fine.address.name, "0/0", "1", "", "") == rows[fine.address][0]
    assert "" == rows[fine.address][1]
    assert "it does not exist" == rows[missing.address][1]
    assert "DEGRADED" == health.verdict
