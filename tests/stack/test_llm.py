"""The model provider that answers by itself: its counts are what the workers' drills rest on."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parents[2] / "stack" / "files" / "llm" / "server.py"
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"


class Client:
    """Speaks to a server of the test's own, one connection for each request."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, prompt: str, path: str = OPENAI, seconds: float = 10) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            body = {"model": "m", "messages": [{"role": "user", "content": prompt}]}
            connection.request("POST", path, json.dumps(body))
            response = connection.getresponse()
            self.headers = dict(response.getheaders())
            content = response.read()
            return response.status, json.loads(content)
        finally:
            connection.close()

    def count(self, name: str = "") -> dict[str, int]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", f"/calls?id={name}")
            counts: dict[str, int] = json.loads(connection.getresponse().read())
            return counts
        finally:
            connection.close()

    def wait(self, name: str, **wanted: int) -> dict[str, int]:
        """Give the counts of an id once they are as wanted, or after five seconds."""
        until = time.monotonic() + 5
        while not wanted.items() <= (found := self.count(name)).items():
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def module() -> Any:
    spec = importlib.util.spec_from_file_location("llm_server", FILE)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


@pytest.fixture(scope="module")
def client(module: Any) -> Iterator[Client]:
    server = module.Server(("127.0.0.1", 0), module.Provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield Client(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


def test_openai_gets_an_answer_with_a_decision_and_its_tokens(client: Client) -> None:
    status, body = client.ask("Decide on order 42")
    assert status == 200
    assert "decision" in json.loads(body["choices"][0]["message"]["content"])
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["prompt_tokens"] == 4
    assert body["usage"]["completion_tokens"] > 0


def test_anthropic_gets_the_same_in_its_own_shape(client: Client) -> None:
    status, body = client.ask("Decide on order 42", ANTHROPIC)
    assert status == 200
    assert "decision" in json.loads(body["content"][0]["text"])
    assert body["stop_reason"] == "end_turn"
    assert body["usage"]["input_tokens"] == 4


@pytest.mark.parametrize("path", [OPENAI, ANTHROPIC])
def test_a_fault_comes_as_often_as_asked_and_is_counted(client: Client, path: str) -> None:
    """Refused twice with a hint, then answered; no other id is touched."""
    name = f"faults-{path[-3:]}"
    prompt = f'[[llm: id={name} status=429 times=2 retry_after=7 text="well done"]]'
    statuses = []
    for _ in range(3):
        statuses.append(client.ask(prompt, path)[0])
        if statuses[-1] == 429:
            assert client.headers["Retry-After"] == "7"
    assert statuses == [429, 429, 200]
    assert client.wait(name, answered=1, running=0) == {
        "calls": 3,
        "overlaps": 0,
        "answered": 1,
        "running": 0,
    }
    assert client.count(f"{name}-other") == {"calls": 0, "overlaps": 0, "answered": 0, "running": 0}


def test_an_answer_is_what_the_directive_says(client: Client) -> None:
    _, body = client.ask('[[llm: text="a b" finish=length]]')
    assert body["choices"][0]["message"]["content"] == "a b"
    assert body["choices"][0]["finish_reason"] == "length"
    _, body = client.ask("{braces} [[llm: echo=1]]")
    assert body["choices"][0]["message"]["content"] == "{braces} [[llm: echo=1]]"
    _, body = client.ask('[[llm: text=""]]', ANTHROPIC)
    assert body["content"] == []


def test_two_requests_of_an_id_at_a_time_overlap(client: Client) -> None:
    """What a task that runs twice at the same moment looks like to the provider."""
    threads = [
        threading.Thread(target=client.ask, args=("[[llm: id=twice sleep=0.5]]",)) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert client.wait("twice", answered=2, running=0) == {
        "calls": 2,
        "overlaps": 1,
        "answered": 2,
        "running": 0,
    }


def test_a_client_that_went_away_overlaps_with_nobody(client: Client) -> None:
    """A killed worker's request ends with it, however long the model would have thought."""
    with pytest.raises(TimeoutError):
        client.ask("[[llm: id=gone hang=1 times=1]]", seconds=0.3)
    client.wait("gone", calls=1, running=0)
    assert client.ask("[[llm: id=gone hang=1 times=1]]")[0] == 200
    assert client.wait("gone", answered=1, running=0) == {
        "calls": 2,
        "overlaps": 0,
        "answered": 1,
        "running": 0,
    }


def test_it_hangs_up_and_drips_and_talks_nonsense(client: Client) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        client.ask("[[llm: drop=1]]")
    with pytest.raises(json.JSONDecodeError):
        client.ask("[[llm: garbage=1]]")
    began = time.monotonic()
    status, _ = client.ask('[[llm: drip=0.002 text="x"]]')
    assert status == 200
    assert time.monotonic() - began > 0.3


def test_a_directive_that_is_misspelt_is_refused(client: Client) -> None:
    """A test must not pass because its fault never came."""
    status, body = client.ask("[[llm: staus=500]]")
    assert status == 400
    assert "staus" in body["error"]["message"]


def test_a_path_that_no_provider_has_is_counted_too(client: Client) -> None:
    """Else nobody would see that a client asks for more than it needs."""
    assert client.ask("[[llm: id=path]]", "/v1/messages/count_tokens")[0] == 404
    assert client.count("path")["calls"] == 1


def test_what_is_no_request_is_refused(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port), 5) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nContent-Length: 3\r\n\r\n[1]")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_counts_are_kept_for_so_many_ids_only(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server runs for weeks."""
    monkeypatch.setattr(module, "MAX_IDS", 3)
    calls = module.Calls()
    for name in ("a", "b", "c", "d"):
        assert calls.begin(name) == 1
        calls.end(name)
        calls.answer(name)
    assert calls.read("a")["calls"] == 0
    assert calls.read("d")["calls"] == 1
    assert calls.read("")["calls"] == 4
