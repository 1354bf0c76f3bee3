"""`/livez`, `/readyz` and `/metrics` on one port, and nothing heavy behind them."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from workers.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


NEEDED = ("consumer", "publisher", "provider")
"""The parts without which no task is taken. Without Kafka or Redis, tasks run on."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What the endpoints tell.

    `alive` lists what only a restart would mend, and never depends on another system; `ready` says of each part
    whether it works.
    """

    alive: Callable[[], list[str]]
    ready: Callable[[], Mapping[str, bool]]
    metrics: Callable[[], bytes]


class HealthServer:
    """Serves in threads of its own. Raises SettingsError where it cannot listen, such as on a port that is taken."""

    def __init__(self, host: str, port: int, answers: Answers) -> None:
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(answers))
        except OSError as error:
            fault = (
                f"HEALTH_HOST, HEALTH_PORT: cannot listen on {host}:{port}: {error.strerror}; "
                "HEALTH_PORT=0 takes any free port"
            )
            raise SettingsError([fault]) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="health", daemon=True
        )

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def _handler(answers: Answers) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET requests."""

        def do_GET(self) -> None:
            """Answer 200 or 503 with JSON, or the metrics."""
            match self.path.partition("?")[0]:
                case "/livez":
                    problems = answers.alive()
                    self._send_json(not problems, {"alive": not problems, "problems": problems})
                case "/readyz":
                    parts = dict(answers.ready())
                    is_ready = all(parts[name] for name in NEEDED)
                    self._send_json(is_ready, {"ready": is_ready, **parts})
                case "/metrics":
                    self._send(HTTPStatus.OK, "text/plain; version=0.0.4", answers.metrics())
                case _:
                    self._send(HTTPStatus.NOT_FOUND, "text/plain", b"/livez /readyz /metrics\n")

        def log_message(self, *_: object) -> None:
            """Log no requests: probes come every few seconds."""

        def _send_json(self, is_good: bool, content: dict[str, Any]) -> None:  # noqa: FBT001
            status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
            self._send(status, "application/json", json.dumps(content).encode() + b"\n")

        def _send(self, status: HTTPStatus, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
