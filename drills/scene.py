"""Where a drill plays: servers, a room of its own, workers, and the witnesses."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
import uuid
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from drills.agent import LEDGER
from drills.fleet import Fleet
from drills.ledger import Ledger, Step
from drills.listener import Listener
from drills.proxy import Proxy
from drills.room import DEAD_LETTERS, QUEUES, Room
from drills.servers import HOST
from drills.verdict import COMPLETED, Found, Run, Sent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from drills.servers import Servers

SETTINGS = {
    "ENGINE": "stub",
    "HEALTH_PORT": "0",
    "LOG_LEVEL": "debug",
    "HEARTBEAT": "5",
    "LEASE": "4s",
    "EVENT_TIMEOUT": "3s",
    "LLM_TIMEOUT": "1s",
    "SOFT_TIME_LIMIT": "20s",
    "HARD_TIME_LIMIT": "25s",
    "STOP_GRACE_PERIOD": "30s",
    "BREAKER_PAUSE": "1s",
    "TASK_TTL": "1h",
    "WORKER_OLD_RECORDS": "ignore",
}
"""The workers' settings in drills: as in production, but what has to pass before something happens passes sooner."""


CALM = 3
"""How often in a row everything has to be over, so that a message on its way is not taken for settled."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Tasks to publish: what happens in their runs, how they end, and how many runs the harm excuses.

    `body` stands in for a valid task, `age` puts the publishing back by seconds, `copies` publishes each so often.
    `overlaps` says that the harm lets two runs of a task overlap, because it stops a process for longer than its lease.
    """

    steps: tuple[Step, ...] = ()
    end: str = COMPLETED
    runs: int = 1
    count: int = 1
    body: bytes | None = None
    age: float = 0.0
    copies: int = 1
    overlaps: bool = False


class DrillError(Exception):
    """What a drill needs did not come about, so its counts would prove nothing."""


class Scene:
    """A context; what it holds is gone afterwards, but for the workers' logs in `folder`."""

    def __init__(
        self, servers: Servers, settings: Mapping[str, str], module: str, image: str = ""
    ) -> None:
        self._exits = ExitStack()
        self.servers = servers
        self.folder = Path(tempfile.mkdtemp(prefix="drill-"))
        self.ledger = Ledger()
        self._exits.callback(self.ledger.close)
        self.proxy = Proxy(servers.rabbitmq_port)
        self._exits.callback(self.proxy.close)
        self.room = Room(servers)
        self._exits.callback(self.room.close)
        self.listener = Listener(servers)
        self._exits.callback(self.listener.close)
        self.fleet = Fleet(module, self._environment(settings), self.folder, image)
        self._exits.callback(self.fleet.close)
        self.sent: list[Sent] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def publish(self, *batches: Batch) -> list[str]:
        """Publish; gives the tasks' ids."""
        found = []
        for batch in batches:
            for _ in range(batch.count):
                message_id = f"drill-{uuid.uuid4().hex[:12]}"
                task_id = message_id if batch.body is None else name_unknown(batch.body)
                self.ledger.script(task_id, batch.steps)
                self.send(message_id, task_id, batch)
                found.append(task_id)
        return found

    def send(self, message_id: str, task_id: str, batch: Batch, description: str = "work") -> None:
        """Publish a message, as often as the batch says, and note how it should end."""
        task = {"id": task_id, "description": description, "expected_output": "a word"}
        body = json.dumps(task).encode() if batch.body is None else batch.body
        for _ in range(batch.copies):
            self.room.publish(message_id, body, age=batch.age)
            self.sent.append(Sent(message_id, task_id, batch.end, batch.runs, batch.overlaps))

    def wait_for_run(self, *task_ids: str, number: int = 1) -> Run:
        """Wait until one of some tasks is in its `number`th run, and give that run."""

        def begun() -> list[Run]:
            for task_id in task_ids:
                runs = self.ledger.runs(lambda run, wanted=task_id: run.task_id == wanted)  # type: ignore[misc]
                if len(runs) >= number and runs[number - 1].ended is None:
                    return runs[number - 1 : number]
            return []

        self.expect(lambda: bool(begun()), "a task is in its run")
        return begun()[0]

    def expect(self, is_done: Callable[[], bool], what: str, patience: float = 30) -> None:
        """Wait until something is so; raises DrillError where it does not come about."""
        if not wait(is_done, patience):
            message = f"in {patience:g} s it did not come about that {what}"
            raise DrillError(message)

    def wait_for_end(self, patience: float) -> None:
        """Wait until nothing happens any more and all is accounted for, or for `patience` seconds."""
        calm = 0

        def is_over() -> bool:
            nonlocal calm
            calm = calm + 1 if self._is_calm() else 0
            return calm == CALM

        wait(is_over, patience)

    def find(self) -> Found:
        """Let the workers go, and collect what the witnesses saw."""
        idle = max(0, len(self.fleet.pids) - self.room.consumers())
        bad_exits = self.fleet.close()
        return Found(
            sent=self.sent,
            runs=self.ledger.runs(),
            told=self.listener.told(),
            letters=self.room.letters(),
            left=self.room.leftovers(),
            idle_workers=idle,
            bad_exits=bad_exits,
        )

    def _is_calm(self) -> bool:
        wanted = {sent.task_id for sent in self.sent if sent.end == COMPLETED}
        dead = sum(sent.end != COMPLETED for sent in self.sent)
        return (
            wanted <= self.listener.finished()
            and not self.ledger.active()
            and self.room.depth(*QUEUES) == 0
            and self.room.depth(DEAD_LETTERS) >= dead
            and self.room.consumers() >= len(self.fleet.pids)
        )

    def _environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        return {
            **SETTINGS,
            LEDGER: self.ledger.address,
            "RABBITMQ_HOST": HOST,
            "RABBITMQ_PORT": str(self.proxy.port),
            "RABBITMQ_VHOST": self.room.vhost,
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.kafka,
            "REDIS_URL": self.servers.redis_url,
            "LLM_BASE_URL": self.servers.model,
            "OPENAI_API_KEY": "none",
            **settings,
        }


def name_unknown(body: bytes) -> str:
    """Give the task id that events carry for a body from which no id can be read."""
    return f"unknown-{hashlib.sha256(body).hexdigest()[:16]}"


def wait(is_done: Callable[[], bool], patience: float) -> bool:
    """Look a few times a second whether something is done; gives whether it was in time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if is_done():
            return True
        time.sleep(0.2)
    return False
