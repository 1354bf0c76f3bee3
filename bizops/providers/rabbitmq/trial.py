"""Whether the broker takes the new form of what is replaced, tried under another name before the old one goes.

A queue's arguments are judged when it is declared, and by the broker alone: what a plan cannot know is found out here,
while nothing is lost yet.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus
from typing import TYPE_CHECKING

from bizops.change import Action
from bizops.providers.rabbitmq import writing
from bizops.providers.rabbitmq.client import Request
from bizops.providers.rabbitmq.names import encode

if TYPE_CHECKING:
    from bizops.change import Step
    from bizops.providers.rabbitmq.client import Client

_LIFE = 60_000
"""Milliseconds after which a trial queue goes by itself, where nobody is left to delete it. Streams stay."""
_LONGEST = 230
"""Bytes of the name that a trial keeps, of the 255 that the broker takes."""
_AT_LIMIT = "queue limit"
"""In the broker's words where a vhost is full: the old queue makes room for the new one."""


def problem(client: Client, step: Step, section_vhost: str) -> str:
    """Say why the broker would refuse what comes in the place of what a step deletes, "" where it takes it.

    Where it cannot be tried, as without the right to declare another name, it gives "", too.
    """
    change = step.change
    if change is None or (step.action, change.action) != (Action.DELETE, Action.REPLACE):
        return ""
    if change.address.kind not in {"queue", "exchange"}:
        return ""
    made = writing.declaration(change, section_vhost)
    body = dict(made.body or {})
    if change.address.kind == "queue" and body["arguments"].get("x-queue-type") != "stream":
        body["arguments"] = {"x-expires": _LIFE, **body["arguments"]}
    name = _trial_name(change.address.name)
    path = f"{made.path.rpartition('/')[0]}/{encode(name)}"
    answer = client.write(Request("PUT", path, body))
    if answer.is_ok:
        client.write(Request("DELETE", path))
        return ""
    is_refused = answer.status == HTTPStatus.BAD_REQUEST and _AT_LIMIT not in answer.reason
    return answer.reason.replace(name, change.address.name) if is_refused else ""


def _trial_name(name: str) -> str:
    kept = name.encode()[:_LONGEST].decode(errors="ignore")
    return f"{kept}.trial-{secrets.token_hex(4)}"
