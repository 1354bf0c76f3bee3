"""Publishes tasks, as a gateway needs it.

with TaskClient(load_settings(os.environ, runs_agents=False)) as client:
client.submit("order", description="Validate order 17", expected_output="A fraud score")
"""

from __future__ import annotations

import difflib
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import pika

from workers import interrupts
from workers.agents import known_agents, load_agent
from workers.amqp.publisher import NAME, Publisher
from workers.configuration.endpoints import MAX_SHORT
from workers.connectivity import Connectivity
from workers.errors import REMEDY, InvalidTaskError, PublishError, UnroutableError
from workers.protocol.task import Task, read_task
from workers.tasks.message import PERSISTENT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workers.configuration.settings import Settings

EXPECTED_OUTPUT = "A short answer in plain text"
PAUSE = 0.1
"""Seconds between two tries to publish while there is no connection."""


class TaskClient:
    """Publishes to the agents' queues, from any thread; connects in the background, and anew after an outage.

    It owns a thread with a connection, so a server that forks makes one in each child. `timeout` is how many seconds
    one `submit` may take, over an outage too.
    """

    def __init__(self, settings: Settings, timeout: float = 10.0) -> None:
        self._settings = settings
        self._timeout = timeout
        self._publisher = Publisher(settings, Connectivity([NAME]))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._publisher.start()

    def close(self) -> None:
        """Close the connection."""
        self._publisher.close(timeout=1)

    def connect(self) -> None:
        """Wait for the connection; raises PublishError with the reason as soon as a try fails."""
        self._publisher.wait(self._timeout)

    @property
    def cluster(self) -> str:
        """What the broker calls itself, once there is a connection."""
        return self._publisher.cluster

    def submit(  # noqa: PLR0913 - what a task consists of, each by its name
        self,
        agent: str,
        *,
        description: str,
        expected_output: str = EXPECTED_OUTPUT,
        context: Mapping[str, Any] | None = None,
        task_id: str | None = None,
        priority: int | None = None,
    ) -> str:
        """Publish a task; gives its id, by which its events are found.

        Raises InvalidTaskError with everything that is wrong with it, before anything is sent. Raises PublishError
        where RabbitMQ did not confirm it in time; it may have it all the same, so whoever tries again gives the same
        `task_id`: one id is one task.
        """
        name = make_task_id(agent) if task_id is None else task_id
        task = Task(name, description, expected_output, context or {})
        self.check(agent, task)
        self.publish(agent, task, priority)
        return task.id

    def check(self, agent: str, task: Task) -> None:
        """Check a task as a worker does; raises InvalidTaskError with all faults, each after the field's path."""
        faults = [] if agent in known_agents() else [f"agent: {unknown_agent(agent)}"]
        try:
            read_task(
                task.to_json(), self._settings.max_body, hide=self._settings.redactor().redact
            )
        except InvalidTaskError as error:
            faults += error.faults
        except (TypeError, ValueError, RecursionError) as error:
            faults.append(f"$: cannot be written as JSON: {error}")
        if faults:
            raise InvalidTaskError(faults)

    def publish(self, agent: str, task: Task, priority: int | None = None) -> None:
        """Publish a checked task, and wait until RabbitMQ has it; raises PublishError."""
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=PERSISTENT,
            priority=priority,
            # A task's id may have 200 characters of four bytes.
            message_id=task.id if len(task.id.encode()) <= MAX_SHORT else None,
            timestamp=int(time.time()),
            headers={"trace_id": uuid.uuid4().hex},
        )
        queue, body = load_agent(agent).queue, task.to_json()
        deadline = time.monotonic() + self._timeout
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                return self._publisher.publish("", queue, body, properties, left)
            except UnroutableError:
                message = f"there is no queue {queue}; {REMEDY}"
                raise UnroutableError(message) from None
            except PublishError:
                if left <= PAUSE:
                    raise
                interrupts.pause(PAUSE)


def make_task_id(agent: str) -> str:
    """Give an id that nobody else gives, and that says when and for whom: `order-20260131T094501-5f2c7a19e0b4`."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{agent}-{now}-{uuid.uuid4().hex[:12]}"


def unknown_agent(name: str) -> str:
    """Say that there is no such agent, and which name is the nearest."""
    near = difflib.get_close_matches(name, known_agents(), n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known_agents())}"
    return f"there is no agent {name}; {hint}"
