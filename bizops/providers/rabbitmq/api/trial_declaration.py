"""Whether the broker takes the new form of what is replaced, tried under another name before the old one goes.

A queue's arguments are judged when it is declared, and by the broker alone: what a plan cannot know is found out here,
while nothing is lost yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from bizops.change import Action
from bizops.providers.rabbitmq.api import requests
from bizops.providers.rabbitmq.api.client import Request
from bizops.providers.rabbitmq.naming.names import encode, trial_name

if TYPE_CHECKING:
    from bizops.change import Step
    from bizops.providers.rabbitmq.api.client import Client

_LIFE = 60_000
"""Milliseconds after which a trial queue goes by itself, where nobody is left to delete it. Streams stay."""
_AT_LIMIT = "queue limit"
"""In the broker's words where a vhost is full: the old queue makes room for the new one."""
_TRIES = 2
"""How often a trial is deleted: a connection may break just then."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a trial.

    `problem` is why the broker refuses the new form, `left` tells what could not be deleted.
    """

    problem: str = ""
    left: str = ""


def of(client: Client, step: Step, section_vhost: str) -> Trial:
    """Try what comes in the place of what a step deletes.

    Where it cannot be tried, as without the right to declare another name, there is no problem either.
    """
    change = step.change
    if change is None or (step.action, change.action) != (Action.DELETE, Action.REPLACE):
        return Trial()
    if change.address.kind not in {"queue", "exchange"}:
        return Trial()
    made = requests.declaration(change, section_vhost)
    body = dict(made.body or {})
    if change.address.kind == "queue" and body["arguments"].get("x-queue-type") != "stream":
        body["arguments"] = {"x-expires": _LIFE, **body["arguments"]}
    name = trial_name(change.address.name)
    path = f"{made.path.rpartition('/')[0]}/{encode(name)}"
    answer = client.write(Request("PUT", path, body))
    if not answer.is_ok:
        # What was sent and not answered may be there.
        left = "" if answer.status or not answer.is_sent else _deleted(client, path)
        is_refused = answer.status == HTTPStatus.BAD_REQUEST and _AT_LIMIT not in answer.reason
        problem = answer.reason.replace(name, change.address.name) if is_refused else ""
        return Trial(problem, _told(change.address.kind, name, left))
    return Trial(left=_told(change.address.kind, name, _deleted(client, path)))


def _deleted(client: Client, path: str) -> str:
    """Delete a trial; gives why it may still be there, "" where it is gone."""
    for _ in range(_TRIES):
        answer = client.write(Request("DELETE", path))
        if answer.is_ok or answer.status == HTTPStatus.NOT_FOUND:
            return ""
    return answer.reason or f"HTTP {answer.status}"


def _told(kind: str, name: str, why: str) -> str:
    return f"{kind} {name}, which tried its new form, may still be there: {why}" if why else ""
