"""`python -m workers submit AGENT`."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers import logs
from workers.agents import load_agent
from workers.cli import console
from workers.client import EXPECTED_OUTPUT, TaskClient, make_task_id
from workers.configuration.environment import default_dotenv
from workers.configuration.settings import load_settings
from workers.errors import EventsAwayError, InvalidTaskError, StoreAwayError
from workers.protocol.task import Task

if TYPE_CHECKING:
    import argparse

    from workers.configuration.settings import Settings
    from workers.events.follower import EventFollower

OPTIONS = {
    "agent": "AGENT",
    "$.id": "--id",
    "$.description": "--description",
    "$.expected_output": "--expected-output",
    "$.context": "--context",
}
"""Where a task's fields come from here."""


def submit(chosen: argparse.Namespace) -> int:
    """Publish a task; with `--wait`, follow it to what came of it."""
    logs.silence_pika()
    settings = load_settings(os.environ, default_dotenv(), runs_agents=False)
    client = TaskClient(settings)
    task = _read_task(chosen, client)
    queue = load_agent(chosen.agent).queue
    with ExitStack() as stack:
        # Before the task is published: its event may be there before we look.
        follower = stack.enter_context(_follow(settings)) if chosen.wait else None
        stack.enter_context(client)
        client.connect()
        known = _find_known(settings, client, queue, task) if chosen.wait and chosen.id else None
        client.publish(chosen.agent, task, chosen.priority)
        try:
            if chosen.format == "text":
                print(task.id, flush=True)
            event = known
            if follower is not None and known is None:
                event = _await(follower, queue, task.id, chosen.timeout)
        except KeyboardInterrupt:
            console.tell(f"no longer waiting: {task.id} goes on")
            raise
    if event is not None:
        return _show(event, chosen)
    if chosen.format == "json":
        console.print_json({"id": task.id, "queue": queue})
    return console.NOT_KNOWN if chosen.wait else console.OK


def _read_task(chosen: argparse.Namespace, client: TaskClient) -> Task:
    """Read and check the task; raises InvalidTaskError with all faults, each with its option."""
    faults, context = [], {}
    try:
        context = _read_context(chosen.context)
    except ValueError as error:
        faults.append(f"--context: {error}")
    task_id = make_task_id(chosen.agent) if chosen.id is None else chosen.id
    expected = EXPECTED_OUTPUT if chosen.expected_output is None else chosen.expected_output
    task = Task(task_id, chosen.description, expected, context)
    try:
        client.check(chosen.agent, task)
    except InvalidTaskError as error:
        for fault in error.faults:
            place, _, words = fault.partition(": ")
            faults.append(f"{OPTIONS[place]}: {words}" if place in OPTIONS else fault)
    if faults:
        raise InvalidTaskError(faults)
    return task


def _read_context(given: str | None) -> dict[str, Any]:
    """Read a JSON object, or the file that holds one; raises ValueError."""
    if given is None:
        return {}
    text = given
    if not given.lstrip().startswith(("{", "[")):
        try:
            text = Path(given).read_text("utf-8")
        except OSError as error:
            message = f"{given}: {error.strerror}; it must be a file, or a JSON object"
            raise ValueError(message) from None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        message = f"is not JSON: {error}"
        raise ValueError(message) from None
    if not isinstance(found, dict):
        message = "must be a JSON object"
        raise ValueError(message)  # noqa: TRY004 - all that may be wrong with it is one kind
    return found


def _follow(settings: Settings) -> EventFollower:
    from workers.events.follower import EventFollower  # noqa: PLC0415 - librdkafka, which only --wait needs

    try:
        return EventFollower(settings)
    except EventsAwayError as error:
        message = f"{error}; nothing was published, because --wait needs it"
        raise EventsAwayError(message) from None


def _find_known(
    settings: Settings, client: TaskClient, queue: str, task: Task
) -> dict[str, Any] | None:
    """Give what came of the task where its id is one that was finished before: no event would follow."""
    from workers.connectivity import Connectivity  # noqa: PLC0415 - as below
    from workers.tasks.store import Place, TaskStore  # noqa: PLC0415 - redis, which a new id does not need

    store = TaskStore(settings, Connectivity(["redis"]))
    try:
        events = store.find_events(Place.of(settings, client.cluster, queue), task)
    except StoreAwayError as error:
        console.warn(f"Redis is away ({error}): if this id was finished before, no event comes")
        return None
    finally:
        store.close()
    if not events:
        return None
    console.tell(f"{task.id} was finished before: this is its event")
    found: dict[str, Any] = json.loads(events[0].value)
    return found


def _await(
    follower: EventFollower, queue: str, task_id: str, timeout: float
) -> dict[str, Any] | None:
    from workers.events.follower import is_last  # noqa: PLC0415 - as above

    for event in follower.follow(queue, task_id, timeout):
        if is_last(event):
            return event
        failure = f"{event['data']['error_class']}: {event['data']['error']}"
        console.tell(f"attempt {event['attempt']} failed ({failure}), it is tried again")
    console.error(
        f"no outcome of {task_id} in {timeout}: the task goes on, and its event will be on Kafka"
    )
    return None


def _show(event: dict[str, Any], chosen: argparse.Namespace) -> int:
    if chosen.format == "json":
        console.print_json(event)
    data = event["data"]
    if event["type"] == "task.failed":
        task_id = event["task_id"]
        console.error(
            f"{task_id} was dead-lettered ({data['reason']}, {data['error_class']}): {data['error']}; "
            f"see python -m workers tasks dlq show {chosen.agent} {task_id}"
        )
        return console.ERROR
    if chosen.format == "text":
        print(data["output"])
        if data["is_truncated"]:
            console.warn(f"the event holds the first {len(data['output'])} characters only")
    return console.OK
