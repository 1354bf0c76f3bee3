"""Registry credentials: found as the docker CLI finds them, sent in the header, and kept where no image changes."""

from __future__ import annotations

import base64
import http.server
import json
import os
import socketserver
import stat
import threading
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from bizops.provider import Options, Scope
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings
from bizops.providers.swarm.compose.services.service import Service
from bizops.resource import Address, Resource
from bizops.testing.driving import plan_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIGEST = f"sha256:{'a' * 64}"


class _Engine(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked: a real engine keeps credentials to itself, so only this shows what was sent."""

    asked: ClassVar[list[tuple[str, str, dict[str, Any] | None]]]
    services: ClassVar[list[dict[str, Any]]]

    def do_GET(self) -> None:
        self._note()
        answers: dict[str, Any] = {
            "version": {"Version": "20.10", "ApiVersion": "1.41"}, "swarm": {"ID": "x"}, "services": self.services,
            "json": {"Descriptor": {"digest": DIGEST}, "Platforms": [{"architecture": "amd64", "os": "linux"}]},
        }  # fmt: skip
        self._answer(answers.get(self.path.partition("?")[0].rpartition("/")[2], []))

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._note()
        self._answer({"ID": "s"})

    def _note(self) -> None:
        header = self.headers.get("X-Registry-Auth")
        decoded = json.loads(base64.urlsafe_b64decode(header)) if header else None
        self.asked.append((self.command, self.path, decoded))

    def _answer(self, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[tuple[type[_Engine], str]]:
    """Give the handler and the address of an engine that notes what it is asked."""
    handler = type("Noting", (_Engine,), {"asked": [], "services": []})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"tcp://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def _apply(host: str, **settings: Any) -> None:
    live = DEFINITION.connect(Connection(host=host), Settings(), Options(timeout=5))
    spec = Service.model_validate(settings)
    wanted = Resource(Address("swarm", "service", ("w",)), spec)
    steps = plan_for(live, (wanted,), Scope("t"))
    live.apply(_steps(steps))
    live.close()


def _steps(plan: Any) -> list[Any]:
    from bizops import graph  # noqa: PLC0415

    return list(graph.steps(plan).steps.values())


def _sent(handler: type[_Engine], method: str, part: str) -> list[dict[str, Any] | None]:
    return [auth for verb, path, auth in handler.asked if verb == method and part in path]


def test_credentials_of_the_configuration_are_sent_where_an_image_is_written(
    engine: tuple[type[_Engine], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both the question for the digest and the creation carry them, for the registry of the image."""
    handler, host = engine
    auth = base64.b64encode(b"ops:made-up").decode()
    config = {"auths": {"registry.corp": {"auth": auth}}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    _apply(host, image="registry.corp/a:1")

    (asked,), (created,) = (
        _sent(handler, "GET", "/distribution/"),
        _sent(handler, "POST", "/create"),
    )
    assert asked == created
    assert created is not None
    assert ("ops", "made-up") == (created["username"], created["password"])


def test_a_credential_helper_is_asked(
    engine: tuple[type[_Engine], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the docker CLI runs `docker-credential-NAME get`."""
    handler, host = engine
    helper = tmp_path / "docker-credential-madeup"
    answer = {"ServerURL": "registry.corp", "Username": "helped", "Secret": "made-up"}
    helper.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n", encoding="utf-8")
    helper.chmod(helper.stat().st_mode | stat.S_IXUSR)
    config = {"credHelpers": {"registry.corp": "madeup"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    _apply(host, image="registry.corp/a:1")

    (created,) = _sent(handler, "POST", "/create")
    assert created is not None
    assert "helped" == created["Username"]


def test_a_helper_that_is_missing_is_told_and_does_not_stop_the_write(
    engine: tuple[type[_Engine], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nodes may have the image already."""
    handler, host = engine
    config = {"credHelpers": {"registry.corp": "no-such-helper"}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))

    _apply(host, image="registry.corp/a:1")

    assert [None] == _sent(handler, "POST", "/create")


def test_an_update_without_another_image_keeps_the_credentials_in_the_spec(
    engine: tuple[type[_Engine], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`registryAuthFrom=spec` and no header: the engine goes on with what it has."""
    handler, host = engine
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    image = f"registry.corp/a:1@{DIGEST}"
    spec = {
        "Name": "w", "Labels": {"bizops.topology": "t"}, "Mode": {"Replicated": {"Replicas": 0}},
        "TaskTemplate": {"ContainerSpec": {"Image": image}},
    }  # fmt: skip
    handler.services.append({"ID": "s", "Version": {"Index": 7}, "Spec": spec})

    _apply(host, image="registry.corp/a:1", deploy={"replicas": 3})

    (path,) = [path for verb, path, _ in handler.asked if verb == "POST"]
    assert "version=7" in path
    assert "registryAuthFrom=spec" in path
    assert [] == _sent(handler, "GET", "/distribution/")
    assert [None] == _sent(handler, "POST", "/update")
