"""The drills' worker: the real one, whose agent asks the ledger instead of a model. `python -m drills.agent`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from workers import logs
from workers.agents.order import OrderWorker
from workers.configuration.settings import Settings, load_settings
from workers.engine import provider_errors
from workers.engine.interface import Answer
from workers.errors import PermanentError, RunError
from workers.protocol.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.interface import Deadline
    from workers.events.envelopes import Event
    from workers.protocol.task import Task
    from workers.tasks.message import Message

LEDGER = "DRILLS_LEDGER"
SENT_SECONDS = 0.005
"""After which librdkafka has sent what it was given (`linger.ms` is 2), and may have no report yet."""


class DrillWorker(OrderWorker):
    """Lets every run be witnessed, and does in it what the ledger says."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._planned: dict[str, str] = {}

    def process_task(self, task: Task, deadline: Deadline) -> Answer:
        """Work on a task as the ledger says; raises RunError."""
        host, _, port = os.environ[LEDGER].partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=10) as line,
            line.makefile("rwb") as file,
        ):
            line.settimeout(None)
            step = _exchange(file, {"task": task.id, "worker": self.worker})
            outcome = "failed"
            try:
                answer = self._act(task, step, deadline)
                outcome = "answered"
            except RunError as error:
                outcome = error.error_class
                raise
            finally:
                _exchange(file, {"outcome": outcome})
            return answer

    def publish_event(self, message: Message, events: Sequence[Event]) -> bool:
        """As any worker; or die, or freeze, right before, meanwhile or right after."""
        plan = self._planned.get(events[0].key, "")
        if plan == "die_untold":
            _die()
        if plan == "freeze_untold":
            _freeze()
        if plan == "freeze_sent":
            threading.Timer(SENT_SECONDS, _freeze).start()
        is_outboxed = super().publish_event(message, events)
        if plan == "die_told":
            _die()
        return is_outboxed

    def _act(self, task: Task, step: dict[str, Any], deadline: Deadline) -> Answer:
        deadline.sleep(step["seconds"])
        match step["then"]:
            case "die":
                _die()
            case "think":
                if not os.statvfs("/").f_flag & os.ST_RDONLY:
                    message = "the root can be written to"
                    raise PermanentError(message, error_class="writable_root")
                return super().process_task(task, deadline)
            case "stick":
                time.sleep(3600)
            case "hang":
                deadline.sleep(self.settings.llm_timeout)
                raise provider_errors.timed_out(self.settings.llm_timeout)
            case "400" | "401" | "429" | "500" as status:
                headers = {"Retry-After": str(step["retry_after"])} if step["retry_after"] else {}
                raise provider_errors.from_status(int(status), headers, "", "no answer")
            case "freeze":
                _freeze()
            case "freeze_and_fail":
                _freeze()
                raise provider_errors.from_status(400, {}, "", "no answer")
            case "die_untold" | "die_told" | "freeze_untold" | "freeze_sent" as plan:
                self._planned[task.id] = plan
        return Answer(f"worked on {task.id}", "drill/none", Usage())


def _exchange(file: Any, content: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - what makefile gives
    file.write(json.dumps(content).encode() + b"\n")
    file.flush()
    found: dict[str, Any] = json.loads(file.readline())
    return found


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _freeze() -> None:
    """Stop this process, until somebody lets it go on."""
    os.kill(os.getpid(), signal.SIGSTOP)


def main(worker: type[DrillWorker] = DrillWorker) -> None:
    """Work as this process, until a signal."""
    settings = load_settings(os.environ)
    logs.configure(settings.log_level, settings.redactor())
    code = worker(settings).start()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
