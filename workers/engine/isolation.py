"""What keeps CrewAI to itself: set before it is imported, and around everything that it does."""

from __future__ import annotations

import contextlib
import contextvars
import io
import logging
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workers.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

LOGGER: Final = logging.getLogger("workers.crewai")
ENVIRONMENT: Final = {
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "CREWAI_DISABLE_VERSION_CHECK": "true",
    "CREWAI_TESTING": "true",  # no file about the last run, and no question about its traces
    "OTEL_SDK_DISABLED": "true",
    "ANONYMIZED_TELEMETRY": "false",  # chromadb's
    "PYTHON_DOTENV_DISABLED": "true",  # it would load a .env that the workers have read already
}
"""With telemetry on, CrewAI 1.15.30 also takes SIGTERM, SIGINT and SIGHUP for itself; with it off, none."""
THREADS: Final = "CrewAI"
"""With this begin the names of the threads that its event bus starts, once in a process."""

_INSIDE: contextvars.ContextVar[bool] = contextvars.ContextVar("inside", default=False)


def check_home() -> None:
    """See that CrewAI can write its files; raises SettingsError.

    It makes `~/.local/share/crewai` while it is imported, and cannot be imported where that fails.
    """
    home = Path.home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        fault = f"HOME ({home}) cannot be written to ({error.strerror}), and CrewAI needs it: mount a tmpfs there"
        raise SettingsError([fault]) from None


class _Outlet(io.TextIOBase):
    """A standard stream that turns what CrewAI prints into log records, and lets everything else through."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if not (_INSIDE.get() or threading.current_thread().name.startswith(THREADS)):
            return self._stream.write(text)
        for line in text.splitlines():
            if line.strip():
                LOGGER.debug("CrewAI printed: %s", line.strip())
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self._stream, name)


def put_up() -> None:
    """Set the environment, the outlets and the loggers, before CrewAI is imported; a second call changes nothing."""
    os.environ.update(ENVIRONMENT)
    # It logs as an error what ends a run on purpose; how a run ended is the engine's to say.
    logging.getLogger("crewai").setLevel(logging.CRITICAL)
    # It logs each failure as an error without a text; what ended a run is told by whoever began it.
    logging.getLogger("crewai").setLevel(logging.CRITICAL)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, _Outlet):
            setattr(sys, name, _Outlet(stream))


@contextlib.contextmanager
def inside() -> Iterator[None]:
    """Take what this thread prints meanwhile for CrewAI's; so is what its own threads print, at any time."""
    token = _INSIDE.set(True)
    try:
        yield
    finally:
        _INSIDE.reset(token)
