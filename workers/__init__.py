"""Agent workers: they take tasks from RabbitMQ, let CrewAI agents work on them, and put the events on Kafka.

The names below are what other programs use. Each is imported when it is first asked for: a health check imports this
package too, and needs none of them.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workers.client import TaskClient
    from workers.configuration.settings import load_settings
    from workers.protocol.task import Task
    from workers.runtime.worker import CrewAIWorker

__all__ = ["CrewAIWorker", "Task", "TaskClient", "load_settings"]

_MODULES = {
    "CrewAIWorker": "workers.runtime.worker",
    "Task": "workers.protocol.task",
    "TaskClient": "workers.client",
    "load_settings": "workers.configuration.settings",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - as modules do it
    if name not in _MODULES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_MODULES[name]), name)
