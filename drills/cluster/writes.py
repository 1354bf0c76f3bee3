"""A proxy before the management API of RabbitMQ that counts writes, and does something at a chosen one."""

from __future__ import annotations

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

WRITES = frozenset({"PUT", "POST", "DELETE"})
LOCK = "bizops.lock."
SECONDS = 60
_HOP = frozenset(
    {"connection", "transfer-encoding", "keep-alive", "content-length", "date", "server"}
)


class WriteGate:
    """Forwards to `address`, and `strike`s at the write `number` (from 0).

    The lock's writes do not count. With `is_forwarded` the write at which it strikes has been carried out, and only
    its answer is lost; without it, the node never sees it. The other writes wait meanwhile.
    """

    def __init__(
        self,
        address: str,
        number: int,
        strike: Callable[[], None],
        *,
        is_forwarded: bool,
    ) -> None:
        self.has_struck = False
        self.writes = 0
        self._address = address
        self._number = number
        self._strike = strike
        self._is_forwarded = is_forwarded
        self._guard = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="gate", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline(65537)
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                gate.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request, or break its connection off."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.command in WRITES and LOCK not in handler.path:
            with self._guard:
                here = self.writes == self._number
                self.writes += 1
                if here:
                    self._strike_at(handler, body)
                    return
                # One after the other, so that exactly so many have passed.
                _forward(handler, body, self._address)
            return
        _forward(handler, body, self._address)

    def _strike_at(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if self._is_forwarded:
            _fetch(handler, body, self._address)
        self._strike()
        self.has_struck = True
        handler.close_connection = True


def _fetch(
    handler: BaseHTTPRequestHandler, body: bytes, address: str
) -> tuple[http.client.HTTPResponse, bytes]:
    """Ask in the place of a client; raises OSError or HTTPException."""
    where = urlsplit(address)
    assert where.hostname  # noqa: S101 - an address of our own
    link = http.client.HTTPConnection(where.hostname, where.port, timeout=SECONDS)
    try:
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in {*_HOP, "host"}}
        link.request(handler.command, handler.path, body or None, headers)
        answer = link.getresponse()
        return answer, answer.read()
    finally:
        link.close()


def _forward(handler: BaseHTTPRequestHandler, body: bytes, address: str) -> None:
    try:
        answer, content = _fetch(handler, body, address)
    except (OSError, http.client.HTTPException):
        handler.close_connection = True
        return
    try:
        handler.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        if answer.status != http.client.NO_CONTENT:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
    except OSError:
        handler.close_connection = True
