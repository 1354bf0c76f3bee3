"""The ledger: agents tell it when a run begins and ends, and it tells them what their model does this time.

One TCP connection is one run, so a run that ends with its process ends here in the same moment.
"""

from __future__ import annotations

import json
import socketserver
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from drills.verdict import Run

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Step:
    """What happens in one run, after `seconds`.

    `answer`; `400`, `401`, `429` or `500` from the provider; `hang` until the client's time-out; `stick`, which only
    the end of the process ends; `die`, which kills the process; `die_untold` or `die_told`, which kills it once its
    result is stored, before or after its event is delivered; `freeze`, `freeze_and_fail`, `freeze_untold` or
    `freeze_sent`, which stops it before it has an answer or a failure, with its result stored, or with its event on the
    way; `think`, which lets the worker's own engine answer.
    """

    then: str = "answer"
    seconds: float = 0.3
    retry_after: float | None = None


ANSWER = Step()


class Ledger:
    """Listens on a port of its own on loopback, until it is closed."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._runs: list[Run] = []
        self._scripts: dict[str, tuple[Step, ...]] = {}
        self.outage: Step | None = None
        """What every run meets while it is set, such as a provider that is down."""
        self._server = _Server(("127.0.0.1", 0), self)
        threading.Thread(target=self._server.serve_forever, name="ledger", daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens, HOST:PORT."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def script(self, task_id: str, steps: tuple[Step, ...]) -> None:
        """Say what happens in a task's first run, its second, and so on; the last step is repeated."""
        with self._guard:
            self._scripts[task_id] = steps or (ANSWER,)

    def begin(self, task_id: str, worker: str) -> tuple[Run, Step]:
        """Note the begin of a run; gives what happens in it."""
        with self._guard:
            number = sum(run.task_id == task_id for run in self._runs)
            run = Run(task_id, worker, time.monotonic())
            self._runs.append(run)
            steps = self._scripts.get(task_id, (ANSWER,))
            return run, self.outage or steps[min(number, len(steps) - 1)]

    def end(self, run: Run, outcome: str) -> None:
        """Note the end of a run."""
        with self._guard:
            run.ended, run.outcome = time.monotonic(), outcome

    def runs(self, where: Callable[[Run], bool] = lambda _: True) -> list[Run]:
        """Give the runs so far, in the order in which they began."""
        with self._guard:
            return [run for run in self._runs if where(run)]

    def active(self) -> list[Run]:
        """Give the runs that have not ended."""
        return self.runs(lambda run: run.ended is None)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], ledger: Ledger) -> None:
        self.ledger = ledger
        super().__init__(address, _Entry)


class _Entry(socketserver.StreamRequestHandler):
    """One run: `{task, worker}` from the agent, a step to it, `{outcome}` from it, and a line that it is noted."""

    server: _Server

    def handle(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.readline())
        run, step = self.server.ledger.begin(asked["task"], asked["worker"])
        outcome = "died"
        try:
            self._say(asdict(step))
            if line := self.rfile.readline():
                outcome = json.loads(line)["outcome"]
        except OSError:
            pass
        self.server.ledger.end(run, outcome)
        if outcome != "died":
            self._say({})

    def _say(self, content: dict[str, Any]) -> None:
        self.wfile.write(json.dumps(content).encode() + b"\n")
