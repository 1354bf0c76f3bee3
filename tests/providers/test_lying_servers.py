"""Real servers behind one that lies: every answer that is read, times every lie (C2)."""

from __future__ import annotations

import base64
import contextlib
import http.client
import http.server
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from bizops import applier, errors, graph, observer, provider
from bizops.change import Status
from bizops.provider import Options, Scope
from bizops.providers.rabbitmq.declared.specs import ExchangeSpec, QueueSpec
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.services.service import Service
from bizops.resource import Address, Resource
from bizops.testing import plan_for
from stack.addresses import Addresses, read_addresses
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bizops.observer import Reading

pytestmark = pytest.mark.integration
ADDRESSES: Addresses = read_addresses({})
PASSWORD = "wom/bat9quartz"
JSON = {"Content-Type": "application/json"}
LIES: dict[str, tuple[bytes, dict[str, str], str]] = {
    "HTML": (b"<!DOCTYPE html><html>hello</html>", {"Content-Type": "text/html"}, "HTML"),
    "HTML that is called JSON": (b"<html>hello</html>", JSON, "HTML"),
    "a list of null": (b"[null]", JSON, "a map"),
    "a list of numbers": (b"[1, 2]", JSON, "a number|a list where a map"),
    "an empty map": (b"{}", JSON, "where"),
    "text": (b'"words"', JSON, "text where"),
    "a number": (b"12", JSON, "a number where"),
    "null": (b"null", JSON, "nothing where"),
    "no name": (b'[{"other": 1}]', JSON, "where"),
    "wrong types": (b'[{"name": 1, "ID": [], "Id": {}, "Spec": 3, "Name": null}]', JSON, "where"),
    "bad UTF-8": (b'[{"name": "\xff\xfe"}]', JSON, "UTF-8"),
    "a thousand brackets": (b"[" * 1000 + b"]" * 1000, JSON, "nested too deeply|a list where"),
    "a million brackets": (b"[" * 1_000_000, JSON, "nested too deeply"),
    "nothing": (b"", JSON, "nothing"),
    "half of JSON": (b'[{"name": "a', JSON, "not JSON"),
    "an answer that is cut": (b"[]", {**JSON, "Content-Length": "5000"}, ""),
}


TRUE = {("version", "an empty map"), ("vhosts", "no name")}
"""What a server may answer there: the engine's version is known by its header, and a vhost may go just now."""


class Liar(socketserver.ThreadingTCPServer):
    """Hands on requests to the real server, and answers those to one path itself; `drips`: a byte a second."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.connect = connect
        self.path = ""
        self.lie: tuple[bytes, dict[str, str]] = (b"", {})
        self.drips = False
        self.echoes = False
        self.lies_to_writes = False
        self.asked: set[str] = set()
        self.port = self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Liar

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.asked.add(path)
        if self.server.echoes:
            said = f"you said {dict(self.headers)}, {self.path} and {quote(PASSWORD, safe='')}"
            self._tell(500, JSON, json.dumps({"reason": said}).encode())
            return
        if self.server.path and (path.endswith(self.server.path) or self.server.path == "/v2/"):
            self._tell(200, {**self.server.lie[1]}, self.server.lie[0])
            return
        with contextlib.closing(http.client.HTTPConnection("localhost", timeout=30)) as real:
            real.sock = self.server.connect()
            kept = {name: self.headers[name] for name in ("Authorization",) if name in self.headers}
            real.request("GET", self.path, headers=kept)
            answer = real.getresponse()
            kind = {"Content-Type": answer.headers.get("Content-Type", "")}
            self._tell(answer.status, kind, answer.read())

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        assert self.server.lies_to_writes, "no test writes the truth"
        self._tell(200, self.server.lie[1], self.server.lie[0])

    do_PUT = do_DELETE = do_POST  # noqa: N815 - as the standard library calls them

    def _tell(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in {
            "Connection": "close",
            "Content-Length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        for position in range(len(content)) if self.server.drips else ():
            self.wfile.write(content[position : position + 1])
            time.sleep(1)
        if not self.server.drips:
            self.wfile.write(content)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _management() -> socket.socket:
    host, _, port = ADDRESSES.management.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)))


def _engine() -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.connect("/var/run/docker.sock")
    return made


@pytest.fixture(params=["rabbitmq", "swarm"])
def system(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def liar(system: str) -> Iterator[Liar]:
    made = Liar(_management if system == "rabbitmq" else _engine)
    threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def _ask(system: str, liar: Liar, timeout: float = 10.0) -> tuple[dict[str, Reading], Any]:
    """Read the system behind the liar beside Kafka, and ask for its health."""
    options = {system: Options(timeout=timeout), "kafka": Options(timeout=60)}
    settings: dict[str, Any] = {
        "rabbitmq": {"url": f"http://127.0.0.1:{liar.port}"},
        "swarm": {"host": f"tcp://127.0.0.1:{liar.port}"},
        "kafka": {"bootstrap.servers": ADDRESSES.bootstrap},
    }
    lives, scopes = {}, {}
    for name in (system, "kafka"):
        found = provider.definition(name)
        section = found.settings()
        connection = found.connection.model_validate(settings[name])
        lives[name] = found.connect(connection, section, options[name])
        scopes[name] = Scope(own_name(), (), section)
    connects = {name: lambda live=live: live for name, live in lives.items()}
    readings = observer.observe(connects, RESOURCES[system], scopes)
    health = observer.status({system: connects[system]}, (), scopes)[system]
    for live in lives.values():
        live.close()
    return readings, health


RESOURCES = {
    "rabbitmq": (),
    "swarm": (
        Resource(
            Address("swarm", "service", (own_name(),)),
            Service.model_validate({"image": "i:1", "configs": [own_name()]}),
        ),
    ),
}
"""Declared, so that it is asked for: configs are read where a service has one."""
PATHS = {
    "rabbitmq": {
        *("overview", "whoami", "nodes", "deprecated-features", "vhosts", "vhost-limits"),
        *(f"{part}/%2F" for part in ("queues", "exchanges", "bindings", "policies")),
        "operator-policies/%2F",
    },
    "swarm": {
        *("version", "swarm", "services", "networks", "secrets", "nodes", "tasks", "configs"),
    },
}
PATHS_OF_HEALTH = {
    "rabbitmq": {"overview", "whoami", "nodes"},
    "swarm": PATHS["swarm"] - {"configs"},
}
"""Those that `status` reads where nothing is declared."""


def test_c2_each_answer_that_is_read_is_lied_about_here(system: str, liar: Liar) -> None:
    """A new question gets its lies, too."""
    readings, _ = _ask(system, liar)
    assert [name for name, reading in readings.items() if reading.error] == []
    asked = {path.removeprefix("/api").strip("/") for path in liar.asked}
    asked = {path.partition("/")[2] if path.startswith("v1") else path for path in asked}
    assert asked == PATHS[system]


@pytest.mark.parametrize("lie", LIES)
def test_c2_a_lie_is_a_system_that_was_not_read(system: str, liar: Liar, lie: str) -> None:
    """With its address, and what came; the other system's reading stays."""
    content, headers, words = LIES[lie]
    for path in sorted(PATHS[system]):
        liar.path, liar.lie = f"/{path}", (content, headers)
        if (path, lie) in TRUE:
            continue

        readings, health = _ask(system, liar)

        error = readings[system].error
        assert isinstance(error, errors.ProviderError), (path, lie)
        assert f"127.0.0.1:{liar.port}" in str(error), (path, lie)
        assert any(each in str(error) for each in words.split("|")), (path, lie, str(error))
        assert readings["kafka"].error is None
        assert readings["kafka"].observations.system.identity
        is_asked_for = path in PATHS_OF_HEALTH[system]
        assert isinstance(health, errors.ProviderError) or not is_asked_for, (path, lie)


def test_c2_a_byte_a_second_ends_at_the_deadline(system: str, liar: Liar) -> None:
    content = json.dumps([{"name": "x" * 100}]).encode()
    liar.path, liar.lie, liar.drips = f"/{max(PATHS[system])}", (content, JSON), True
    started = time.monotonic()

    readings, _ = _ask(system, liar, timeout=1.0)

    assert isinstance(readings[system].error, errors.UnreachableError)
    assert "did not answer in" in str(readings[system].error)
    assert readings["kafka"].error is None
    assert time.monotonic() - started < len(content) / 2


@pytest.mark.parametrize("system", ["rabbitmq"], indirect=True)
def test_a_vhost_that_goes_just_now_is_no_lie(liar: Liar) -> None:
    """A cluster of 4.3.6 lists it without its name for a moment, and one of 3.10.8 without anything."""
    content = json.dumps([{"name": None}, [], {"name": "/", "default_queue_type": "classic"}])
    liar.path, liar.lie = "/vhosts", (content.encode(), JSON)

    readings, _ = _ask("rabbitmq", liar)

    assert readings["rabbitmq"].error is None


@pytest.mark.parametrize("system", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("lie", ["HTML", "an empty map", "half of JSON"])
def test_c2_no_address_writes_whose_cluster_was_lied_about(liar: Liar, lie: str) -> None:
    """The id is asked for where several addresses are given, as they may be of two clusters."""
    liar.path, liar.lie = "/internal_cluster_id", LIES[lie][:2]
    found = provider.definition("rabbitmq")
    urls = {"url": [f"http://127.0.0.1:{liar.port}", f"{ADDRESSES.management}/"]}
    live = found.connect(found.connection.model_validate(urls), found.settings(), Options())

    with contextlib.closing(live), pytest.raises(errors.ProviderError) as raised:
        live.observe((), Scope(own_name(), (), found.settings()))

    assert f"127.0.0.1:{liar.port}" in str(raised.value)


@pytest.mark.parametrize("system", ["swarm"], indirect=True)
@pytest.mark.parametrize("lie", ["HTML", "a list of null", "half of JSON"])
def test_c2_a_lie_about_containers_is_a_system_that_was_not_read(liar: Liar, lie: str) -> None:
    """They are asked for where a network may hold containers: it cannot go before they do."""
    liar.path, liar.lie = "/containers/json", LIES[lie][:2]
    attachable = ADDRESSES.network
    network = Resource(Address("swarm", "network", (attachable,)), Network())
    found = provider.definition("swarm")
    connection = found.connection.model_validate({"host": f"tcp://127.0.0.1:{liar.port}"})
    live = found.connect(connection, found.settings(), Options())

    with contextlib.closing(live), pytest.raises(errors.ProviderError) as raised:
        live.observe((network,), Scope(own_name(), (), found.settings()))

    assert f"127.0.0.1:{liar.port}" in str(raised.value)


WRITTEN: dict[str, tuple[Resource, ...]] = {
    "rabbitmq": (
        Resource(Address("rabbitmq", "queue", (own_name(),)), QueueSpec(message_ttl="1h")),
        Resource(Address("rabbitmq", "exchange", (own_name(),)), ExchangeSpec(type="direct")),
    ),
    "swarm": (
        Resource(Address("swarm", "service", (own_name(),)), Service(image="i:1")),
        Resource(Address("swarm", "network", (own_name(),)), Network()),
    ),
}


@pytest.mark.parametrize("lie", ["HTML", "nothing", "text", "half of JSON"])
def test_c2_a_lie_in_answer_to_a_write_is_a_failure(system: str, liar: Liar, lie: str) -> None:
    """A gateway before the server may answer in its place, and then nothing is written."""
    liar.lie, liar.lies_to_writes = LIES[lie][:2], True
    found = provider.definition(system)
    key = {"rabbitmq": "url", "swarm": "host"}[system]
    scheme = {"rabbitmq": "http", "swarm": "tcp"}[system]
    connection = found.connection.model_validate({key: f"{scheme}://127.0.0.1:{liar.port}"})
    live = found.connect(connection, found.settings(), Options())
    scope = Scope(own_name(), (), found.settings())

    with contextlib.closing(live):
        plan = plan_for(live, WRITTEN[system], scope)
        pace = applier.Timing(settle_timeout=5)
        outcomes = applier.apply(graph.steps(plan), {system: live}, pace=pace).outcomes

    assert outcomes
    for outcome in outcomes:
        assert outcome.status in {Status.FAILED, Status.SKIPPED}, outcome
    written = [o for o in outcomes if o.status is Status.FAILED]
    assert written
    assert all(f"127.0.0.1:{liar.port}" in o.detail for o in written), written
    assert all("nothing may be written" in o.detail for o in written), written


TOPOLOGY = """\
bizops: 1
name: NAME
connections:
  rabbitmq: {url: "http://127.0.0.1:PORT", username: operator, password: "${RABBITMQ_PASS}"}
  kafka: {bootstrap.servers: "BOOTSTRAP"}
  swarm: {}
rabbitmq: {queues: {NAME: {}}}
kafka: {topics: {NAME: {partitions: 1}}}
swarm: {services: {NAME: {image: "127.0.0.1:PORT/NAME:1"}}}
"""


def _plan(folder: Path, port: int, *options: str) -> subprocess.CompletedProcess[str]:
    text = TOPOLOGY.replace("NAME", own_name()).replace("PORT", str(port))
    (folder / "bizops.yaml").write_text(text.replace("BOOTSTRAP", ADDRESSES.bootstrap))
    return subprocess.run(
        [sys.executable, "-m", "bizops", "plan", *options],
        cwd=folder,
        env={**os.environ, "RABBITMQ_PASS": PASSWORD, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("system", ["rabbitmq"], indirect=True)
def test_c2_a_lie_is_exit_3_with_the_others_compared(liar: Liar, tmp_path: Path) -> None:
    liar.path, liar.lie = "/overview", LIES["HTML that is called JSON"][:2]

    ran = _plan(tmp_path, liar.port)

    assert ran.returncode == 3, ran.stdout + ran.stderr
    told = f"rabbitmq: http://127.0.0.1:{liar.port} is not RabbitMQ's management API: it answers HTTP 200 with HTML"
    assert told in ran.stderr
    assert "kafka and swarm were" in ran.stderr
    assert "+ kafka.topic/" in ran.stdout
    assert "+ swarm.service/" in ran.stdout


@pytest.mark.parametrize("system", ["rabbitmq"], indirect=True)
def test_c1_a_server_that_echoes_the_request_shows_no_password(liar: Liar, tmp_path: Path) -> None:
    """Neither as it is nor within the header of the request."""
    liar.echoes = True

    ran = _plan(tmp_path, liar.port)

    said = ran.stdout + ran.stderr
    assert ran.returncode == 3, said
    assert "you said" in said
    header = base64.b64encode(f"operator:{PASSWORD}".encode()).decode()
    assert [each for each in (PASSWORD, quote(PASSWORD, safe=""), header) if each in said] == []
    assert header[4:-4] not in said


@pytest.mark.parametrize("system", ["rabbitmq"], indirect=True)
def test_c2_a_registry_that_lies_is_told_and_nothing_is_lost(liar: Liar, tmp_path: Path) -> None:
    """It is asked by the engine, whose words are told; the image is compared by its tag then."""
    liar.path, liar.lie = "/v2/", LIES["HTML"][:2]

    ran = _plan(tmp_path, liar.port, "--refresh-images")

    assert f"127.0.0.1:{liar.port}/" in ran.stdout
    assert "its digest could not be found out, so it is compared by tag" in ran.stdout
    assert "+ kafka.topic/" in ran.stdout
