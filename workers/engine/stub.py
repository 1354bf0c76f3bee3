"""An engine without a model, for tests and load runs: it answers by itself after `STUB_SECONDS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workers.engine.interface import Answer
from workers.protocol.usage import Usage

if TYPE_CHECKING:
    from workers.configuration.settings import Settings
    from workers.engine.interface import AgentProfile, Deadline
    from workers.protocol.task import Task


class StubEngine:
    """Answers each task with its own id, after the time that a model would take."""

    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.stub_seconds

    def run(self, persona: AgentProfile, task: Task, deadline: Deadline) -> Answer:
        """Wait, then answer; raises TransientError where the deadline comes first."""
        deadline.sleep(self._seconds)
        return Answer(f"{persona.name} worked on {task.id}", "stub/none", Usage())
