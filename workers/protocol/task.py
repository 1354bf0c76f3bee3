"""A task as it stands in a message: read, checked, and with all that is wrong with it at once."""

from __future__ import annotations

import functools
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.errors import InvalidTaskError
from workers.protocol.message_body import load
from workers.redaction import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jsonschema.protocols import Validator

SCHEMAS = Path(__file__).parents[1] / "schemas"
UNKNOWN = "unknown"
"""What the name of a message that has no id begins with."""


@dataclass(frozen=True, slots=True)
class Task:
    """What somebody wants done: an id of the publisher's, what to do, what to give back, and what to know for it."""

    id: str
    description: str
    expected_output: str
    context: Mapping[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A digest of everything that an agent gets to see: two tasks of one id should have one digest."""
        content = json.dumps([self.description, self.expected_output, self.context], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:32]

    def to_json(self) -> bytes:
        """Give the body of a message."""
        body: dict[str, Any] = {
            "id": self.id,
            "description": self.description,
            "expected_output": self.expected_output,
        }
        if self.context:
            body["context"] = self.context
        return json.dumps(body, ensure_ascii=False).encode()


@functools.cache
def validator(name: str) -> Validator:
    """Give the validator for a schema of this package, such as `task`, built once.

    Building it for each message costs 4.6 ms, using it 0.1 ms (jsonschema 4.26).
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 60 ms that `--help` need not pay

    return Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text("utf-8")))


def read_task(
    body: bytes, max_bytes: int, encoding: str | None = None, hide: Callable[[str], str] = str
) -> Task:
    """Read a message's body; raises InvalidTaskError with everything that is wrong with it.

    `hide` takes secrets out of a fault, which repeats what the body holds.
    """
    found = load(body, encoding, max_bytes)
    faults = sorted(
        validator("task").iter_errors(found), key=lambda fault: list(map(str, fault.path))
    )
    if faults:
        raise InvalidTaskError(
            [f"{fault.json_path}: {_say(fault.message, hide)}" for fault in faults]
        )
    return Task(
        found["id"], found["description"], found["expected_output"], found.get("context", {})
    )


def find_id(body: bytes, max_bytes: int, encoding: str | None = None) -> str:
    """Give the id of a message that may be no valid task; where it has none, `unknown-` and a digest of its body."""
    try:
        found = load(body, encoding, max_bytes)
    except InvalidTaskError:
        found = None
    value = found.get("id") if isinstance(found, dict) else None
    if isinstance(value, str) and 0 < len(value) <= MAX_ID:
        return value
    return f"{UNKNOWN}-{hashlib.sha256(body).hexdigest()[:16]}"


MAX_ID = 200
MAX_SAID = 300


def _say(message: str, hide: Callable[[str], str]) -> str:
    """Cut a fault short: the validator repeats the value, which may be the whole body."""
    said = shorten(message, MAX_SAID, hide)
    return said if len(message) <= MAX_SAID else f"{said}…"
