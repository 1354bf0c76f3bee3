"""What an engine is: something that makes an answer out of a persona and a task, within a deadline.

`crewai` is the one that production runs; `stub` answers by itself, for tests and load runs. An engine owns no retry
at all: it asks a model as often as its work needs, and raises on the first failure.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from workers.errors import TransientError

if TYPE_CHECKING:
    from workers.protocol.task import Task
    from workers.protocol.usage import Usage


@dataclass(frozen=True, slots=True)
class AgentProfile:
    """Who works on a task: the agent's name (such as `order`), and what CrewAI tells the model about it."""

    name: str
    role: str
    goal: str
    backstory: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agent came to: its text, the model that wrote it (`provider/name`), and what it took."""

    text: str
    model: str
    usage: Usage


class Deadline:
    """The soft time limit of one run, in seconds from now, and the way to call the run off earlier.

    A thread cannot be stopped from outside, so an engine asks here before each request and while it reads an answer.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._called_off = threading.Event()

    @property
    def seconds_left(self) -> float:
        """Seconds until the limit, never below 0; 0 once it is called off."""
        return 0.0 if self.is_called_off else max(0.0, self._end - time.monotonic())

    @property
    def is_called_off(self) -> bool:
        """Whether the worker wants the run to end now."""
        return self._called_off.is_set()

    def call_off(self) -> None:
        """Let no further request to a model begin; may be called from any thread."""
        self._called_off.set()

    def check(self) -> None:
        """Raise TransientError, of class `time_limit` or `called_off`, once no time is left."""
        if self.is_called_off:
            message = "the run was called off: the worker stops"
            raise TransientError(message, error_class="called_off")
        if not self.seconds_left:
            message = "the run was over its soft time limit"
            raise TransientError(message, error_class="time_limit")

    def sleep(self, seconds: float) -> None:
        """Wait, at most as long as there is time; raises as `check` where the deadline comes first."""
        self._called_off.wait(min(seconds, self.seconds_left))
        if seconds > 0:
            self.check()


class Engine(Protocol):
    """Runs agents. One engine serves all threads of a worker, so `run` keeps nothing between runs."""

    def run(self, persona: AgentProfile, task: Task, deadline: Deadline) -> Answer:
        """Work on a task until there is an answer; raises RunError, and nothing else on purpose."""
