"""Logs as JSON lines on standard output: what happened, to which task, and never a secret."""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from workers.redaction import beginning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workers.redaction import Redactor

LOGGER: Final = logging.getLogger("workers")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIELDS: contextvars.ContextVar[dict[str, Any]] = contextvars.ContextVar("fields", default={})  # noqa: B039 - read only


@contextlib.contextmanager
def about(**fields: object) -> Iterator[None]:
    """Put fields, such as the task's id, into every line that this thread logs meanwhile."""
    token = _FIELDS.set({**_FIELDS.get(), **fields})
    try:
        yield
    finally:
        _FIELDS.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object for each record: time, level, event, the fields of `about`, those of `extra`."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Give the line; a secret in any of its texts is hidden."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        if not record.name.startswith(LOGGER.name):
            line["logger"] = record.name
        line |= _FIELDS.get()
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = beginning(self.formatException(record.exc_info))
        text = json.dumps(self._redactor.redact_all(line), ensure_ascii=False)
        # Half a character (a lone surrogate), which no stream takes, stays escaped.
        return text.encode("utf-8", "backslashreplace").decode()


def configure(level: str, redactor: Redactor) -> None:
    """Send all logs of this process to standard output as it is now, whoever replaces it later."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(redactor))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOGGER.setLevel(level.upper())
    silence_pika()


def silence_pika() -> None:
    """Keep pika's own lines out: each lost connection is ten of them, and one line of ours."""
    logging.getLogger("pika").setLevel(logging.CRITICAL)
