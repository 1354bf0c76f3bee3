"""The engine of production: a CrewAI agent that asks OpenAI or Anthropic."""

from __future__ import annotations

import contextlib
import importlib.util
import ssl
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workers.engine import isolation, provider_errors
from workers.engine.interface import Answer, Deadline
from workers.engine.model_session import ModelSession
from workers.errors import PermanentError, RunError, SettingsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from workers.configuration.settings import Settings
    from workers.engine.interface import AgentProfile
    from workers.engine.model_session import Provider
    from workers.protocol.task import Task

PACKAGES = ("crewai", "openai", "anthropic")


class CrewEngine:
    """Builds a crew for each task; imports CrewAI (3 s, 150 MiB) with the first.

    Raises SettingsError, at once, where CrewAI is not installed or cannot write its files.
    """

    def __init__(self, settings: Settings) -> None:
        missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
        if missing:
            fault = (
                f"ENGINE=crewai needs {', '.join(missing)}: pip install -r workers/constraints.txt"
            )
            raise SettingsError([fault])
        isolation.check_home()
        self._settings = settings
        self._guard = threading.Lock()
        self._loaded: _Loaded | None = None

    def run(self, persona: AgentProfile, task: Task, deadline: Deadline) -> Answer:
        """Let an agent work on a task; raises RunError, with what the provider said where it was its failure."""
        loaded = self._load()
        deadline.check()
        with contextlib.closing(loaded.connect(self._settings, deadline)) as provider:
            conversation = ModelSession(provider, deadline)
            try:
                text = self._work(loaded, persona, task, conversation)
            except RunError as error:
                error.spent = self._settings.llm_model, conversation.usage
                raise
        return Answer(text, self._settings.llm_model, conversation.usage)

    def _work(
        self, loaded: _Loaded, persona: AgentProfile, task: Task, conversation: ModelSession
    ) -> str:
        try:
            with isolation.inside():
                text = loaded.work(persona, task, conversation, self._settings.llm_model)
        except Exception as error:  # noqa: BLE001 - CrewAI raises anything, and all of it ends this run only
            raise conversation.failure or self._explain(error, conversation) from None
        if conversation.failure is not None:
            raise conversation.failure
        if not text.strip():
            message = "the agent came to no answer"
            raise TransientError(message, error_class="empty_answer")
        return text

    def _explain(self, error: Exception, conversation: ModelSession) -> RunError:
        """Give the error for a failure of CrewAI's own.

        Before the first request, all depends on the task and the code, so it would fail again; after one, on what the
        model wrote, so another try may help.
        """
        kind = TransientError if conversation.usage.calls else PermanentError
        isolation.LOGGER.debug("CrewAI failed", exc_info=error)
        return kind(self._say("CrewAI failed", error), error_class="agent_error")

    def _load(self) -> _Loaded:
        with self._guard:
            if self._loaded is None:
                isolation.put_up()
                try:
                    with isolation.inside():
                        self._loaded = _import(self._settings)
                except Exception as error:
                    # Whatever the task: as where a provider is away, no task should pay for it.
                    raise TransientError(
                        self._say("CrewAI cannot be imported", error),
                        error_class="engine_broken",
                        is_provider=True,
                    ) from error
            return self._loaded

    def _say(self, what: str, error: Exception) -> str:
        text = f"{what}: {type(error).__name__}: {error}"
        return provider_errors.say(text, self._settings.redactor())


@dataclass(frozen=True, slots=True)
class _Loaded:
    """What is there once CrewAI is imported: how to reach the provider, and how to let an agent work."""

    connect: Callable[[Settings, Deadline], Provider]
    work: Callable[[AgentProfile, Task, ModelSession, str], str]


def _import(settings: Settings) -> _Loaded:
    """Import all that a run needs, the provider's SDK too, which is what a first connection does."""
    from workers.engine import crewai_adapter  # noqa: PLC0415 - this imports CrewAI
    from workers.engine.http_deadline import Patience  # noqa: PLC0415 - and this the SDKs' HTTP client
    from workers.engine.provider import connect  # noqa: PLC0415

    context = ssl.create_default_context()  # 30 ms for the authorities, so once

    def reach(settings: Settings, deadline: Deadline) -> Provider:
        return connect(settings, Patience(deadline, settings.llm_timeout), context)

    reach(settings, Deadline(0)).close()
    return _Loaded(reach, crewai_adapter.work)
