"""The only module that imports CrewAI, and therefore one that is imported late, behind the fence.

A crew is built for each task, as one may not be used twice at a time. It has one agent and nothing else: no tools,
no memory, no delegation, no code execution, no questions to a human.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from crewai import Agent, BaseLLM, Crew
from crewai import Task as CrewTask
from pydantic import PrivateAttr

from workers.engine.model_session import Message

if TYPE_CHECKING:
    from workers.engine.interface import AgentProfile
    from workers.engine.model_session import ModelSession
    from workers.protocol.task import Task

MAX_STEPS = 1
"""An agent without tools is done after one; where its answer looks like the call of a tool, it is asked once more."""
CONTEXT_TOKENS = 1_000_000_000
"""CrewAI would have a prompt that it thinks too long summarised by the model; the provider knows its limit itself."""

HIDE = str.maketrans({"{": "\ufdd0", "}": "\ufdd1"})
SHOW = str.maketrans({"\ufdd0": "{", "\ufdd1": "}"})
"""CrewAI fills in what stands in braces, and a task's braces are its own. These two are no characters of Unicode's."""


class EndedError(Exception):
    """The conversation has failed, and says itself how; CrewAI finds nothing in this to try again for."""


class Model(BaseLLM):  # type: ignore[misc] # untyped where CrewAI is not installed
    """The model as CrewAI sees it."""

    _conversation: Any = PrivateAttr()

    @classmethod
    def of(cls, conversation: ModelSession, name: str) -> Model:
        """Give the model that a conversation is held with."""
        model = cls(model=name, provider=name.partition("/")[0])
        model._conversation = conversation
        return model

    def call(self, messages: Any, *_: Any, **__: Any) -> str:  # noqa: ANN401 - as BaseLLM has it
        """Ask the model, once."""
        given = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
        said = [
            Message(message["role"], str(message["content"]).translate(SHOW)) for message in given
        ]
        text: str | None = self._conversation.ask(said)
        if text is None:
            raise EndedError
        return text

    def supports_function_calling(self) -> bool:
        """There is no function to call."""
        return False

    def supports_stop_words(self) -> bool:
        """No request has any."""
        return False

    def get_context_window_size(self) -> int:
        """More than any prompt has."""
        return CONTEXT_TOKENS

    def get_input_tokens_count(self, *_: Any, **__: Any) -> int:  # noqa: ANN401 - as BaseLLM has it
        """The provider counts."""
        return 0


class _Forgetful:
    """Stands where CrewAI keeps every task's output in an SQLite file, to replay it: customers' data, on disk."""

    def reset(self) -> None:
        """Nothing is kept."""

    def update(self, *_: object, **__: object) -> None:
        """Nothing is kept."""

    add = update

    def load(self) -> None:
        """Nothing is kept."""


class _Crew(Crew):  # type: ignore[misc] # untyped where CrewAI is not installed
    _task_output_handler: Any = PrivateAttr(default_factory=_Forgetful)


def work(persona: AgentProfile, task: Task, conversation: ModelSession, model: str) -> str:
    """Let an agent work on a task, and give what it came to; raises whatever CrewAI does."""
    agent = Agent(
        role=persona.role.translate(HIDE),
        goal=persona.goal.translate(HIDE),
        backstory=persona.backstory.translate(HIDE),
        llm=Model.of(conversation, model),
        tools=[],
        allow_delegation=False,
        max_iter=MAX_STEPS,
        max_retry_limit=0,
        respect_context_window=False,
        cache=False,
        verbose=False,
    )
    assignment = CrewTask(
        description=describe(task).translate(HIDE),
        expected_output=task.expected_output.translate(HIDE),
        agent=agent,
    )
    crew = _Crew(
        agents=[agent], tasks=[assignment], memory=False, cache=False, verbose=False, tracing=False
    )
    return str(crew.kickoff().raw).translate(SHOW)


def describe(task: Task) -> str:
    """Give the task's text, with what there is to know for it as JSON below."""
    if not task.context:
        return task.description
    context = json.dumps(task.context, ensure_ascii=False, indent=1, sort_keys=True)
    return f"{task.description}\n\nWhat you know, as JSON:\n{context}"
