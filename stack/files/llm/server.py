"""A model provider that answers by itself: the calls of OpenAI and Anthropic that the workers make.

It behaves as usual unless a prompt holds a directive, so tests that run side by side do not disturb each other:

    [[llm: id=ABC status=429 times=2 retry_after=1]]

What each key does is in stack/README.md. GET /calls?id=ABC gives the counts of an id, GET /calls the totals;
the counts of the 10,000 ids asked for last are kept, and nothing else.
"""

# ruff: noqa: INP001 - one file, which is copied into its container
from __future__ import annotations

import collections
import json
import re
import select
import shlex
import socket
import sys
import threading
import time
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

PORT = 8089
MAX_BODY = 8 << 20
MAX_IDS = 10_000
MAX_HANG = 900.0
DIRECTIVE = re.compile(r"\[\[llm:(.*?)\]\]", re.DOTALL)
FAULTS = {"status", "hang", "drip", "drop", "garbage"}
KEYS = FAULTS | {"id", "sleep", "text", "echo", "finish", "retry_after", "retry_after_ms", "times"}
OPENAI, ANTHROPIC = "/v1/chat/completions", "/v1/messages"


class Calls:
    """How often each id was asked for; `overlaps` counts what began while another of its id ran."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._by_id: collections.OrderedDict[str, collections.Counter[str]] = (
            collections.OrderedDict()
        )

    def begin(self, name: str) -> int:
        """Count a request, and give its number among those of its id, from 1."""
        with self._guard:
            for counts in self._find("", name):
                counts["overlaps"] += counts["running"] > 0
                counts["calls"] += 1
                counts["running"] += 1
            return self._by_id[name]["calls"]

    def end(self, name: str) -> None:
        """Count that a request runs no more."""
        self._count(name, "running", -1)

    def answer(self, name: str) -> None:
        """Count a request that was answered in full with a 200."""
        self._count(name, "answered", 1)

    def _count(self, name: str, key: str, number: int) -> None:
        with self._guard:
            for counts in self._find("", name):
                counts[key] += number

    def read(self, name: str) -> dict[str, int]:
        """Give the counts of an id; those of all requests for the empty one."""
        with self._guard:
            found = self._by_id.get(name, collections.Counter())
            return {key: found[key] for key in ("calls", "overlaps", "answered", "running")}

    def _find(self, *names: str) -> list[collections.Counter[str]]:
        for name in names:
            self._by_id.setdefault(name, collections.Counter())
            self._by_id.move_to_end(name)
        while len(self._by_id) > MAX_IDS:
            self._by_id.popitem(last=False)
        return [self._by_id[name] for name in dict.fromkeys(names)]


def read_directive(prompt: str) -> dict[str, str]:
    """Give the first directive of a prompt; raises ValueError where it has an unknown key."""
    found = DIRECTIVE.search(prompt)
    words = shlex.split(found[1]) if found else []
    directive = {key: value for key, _, value in (word.partition("=") for word in words)}
    if unknown := sorted(set(directive) - KEYS):
        message = f"the directive has unknown keys: {', '.join(unknown)}"
        raise ValueError(message)
    return directive


def read_prompt(request: dict[str, Any]) -> str:
    """Give the texts of a request, the system's first, one below the other."""
    contents = [request.get("system", "")]
    contents += [message["content"] for message in request.get("messages", [])]
    return "\n".join(
        content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)
        for content in contents
        if content
    )


def write_answer(
    path: str, model: str, prompt: str, directive: dict[str, str]
) -> dict[str, object]:
    """Give the body of an answer in the shape of either provider; a word counts as a token."""
    default = {"decision": "proceed", "confidence": 0.9, "rationale": "nothing speaks against it"}
    text = prompt if "echo" in directive else directive.get("text", json.dumps(default))
    read, written = len(prompt.split()), len(text.split())
    if path == ANTHROPIC:
        return {
            "id": "msg_stub",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": [{"type": "text", "text": text}] if text else [],
            "stop_reason": directive.get("finish", "end_turn"),
            "stop_sequence": None,
            "usage": {"input_tokens": read, "output_tokens": written},
        }
    message = {"role": "assistant", "content": text}
    finish = directive.get("finish", "stop")
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": usage,
    }


class Provider(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server_version = "bizops-llm-stub/1"
    timeout = 60
    calls = Calls()
    running: str | None = None

    def do_GET(self) -> None:
        """Give the counts."""
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/calls":
            self._send(200, self.calls.read(urllib.parse.parse_qs(url.query).get("id", [""])[0]))
        else:
            self._send(404, {"error": {"message": f"there is no {url.path}"}})

    def do_POST(self) -> None:
        """Answer a prompt as its directive says; any path is counted, two are known."""
        length = int(self.headers.get("Content-Length", 0))
        if length > MAX_BODY:
            self.close_connection = True
            self._send(413, {"error": {"message": f"the body has {length} bytes"}})
            return
        try:
            request = json.loads(self.rfile.read(length))
            prompt = read_prompt(request)
            directive = read_directive(prompt)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._send(400, {"error": {"message": str(error), "type": "invalid_request_error"}})
            return
        name = directive.get("id", "-")
        number = self.calls.begin(name)
        if number > int(directive.get("times", number)):
            directive = {key: value for key, value in directive.items() if key not in FAULTS}
        self.running = name
        try:
            if self._answer(request, prompt, directive):
                self.calls.answer(name)
        finally:
            self._end()

    def _answer(self, request: dict[str, Any], prompt: str, directive: dict[str, str]) -> bool:
        """Tell whether the client got a whole answer with status 200."""
        is_there = self._wait(float(directive.get("sleep", 0)))
        if "hang" in directive:
            self._wait(MAX_HANG)
        if not is_there or "hang" in directive or "drop" in directive:
            self.close_connection = True
            return False
        path = urllib.parse.urlsplit(self.path).path
        status = int(directive.get("status", 200 if path in {OPENAI, ANTHROPIC} else 404))
        if status != HTTPStatus.OK:
            self._send(status, _refusal(path, status), _hints(directive))
            return False
        body = write_answer(path, str(request.get("model")), prompt, directive)
        content = b"<html>not yet</html>" if "garbage" in directive else json.dumps(body).encode()
        self._send(status, content, seconds_per_byte=float(directive.get("drip", 0)))
        return True

    def _wait(self, seconds: float) -> bool:
        """Wait, and tell whether the client is still there."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([self.connection], [], [], left)[0]:
                # Readable means gone: a client has nothing to say before it has its answer.
                return bool(self.connection.recv(1, socket.MSG_PEEK))
        return True

    def _send(
        self,
        status: int,
        body: Mapping[str, object] | bytes,
        headers: Mapping[str, str] | None = None,
        seconds_per_byte: float = 0,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        for position in range(len(content) - 1 if seconds_per_byte else 0):
            self.wfile.write(content[position : position + 1])
            if not self._wait(seconds_per_byte):
                raise ConnectionAbortedError
        # A client that has its answer may ask again before this thread gets any further.
        self._end()
        self.wfile.write(content[-1:] if seconds_per_byte else content)

    def _end(self) -> None:
        if self.running is not None:
            self.calls.end(self.running)
            self.running = None

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002 - the name of the method's own
        """Say nothing for each request: a load run would fill the disk."""


def _hints(directive: dict[str, str]) -> dict[str, str]:
    names = {"retry_after": "Retry-After", "retry_after_ms": "Retry-After-Ms"}
    return {header: directive[key] for key, header in names.items() if key in directive}


def _refusal(path: str, status: int) -> dict[str, object]:
    error = {"type": "stub_error", "message": f"as the prompt asked: {status} for {path}"}
    return {"type": "error", "error": error} if path == ANTHROPIC else {"error": error}


class Server(ThreadingHTTPServer):
    """One thread for each connection; a client that hangs up is no error."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """Report what is unexpected only."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


if __name__ == "__main__":
    Server(("0.0.0.0", PORT), Provider).serve_forever()  # noqa: S104 - inside a container
