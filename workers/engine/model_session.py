"""All that one run says to its model: counted, and at an end with the first failure."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from workers.errors import PermanentError, RunError, TransientError
from workers.protocol.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.engine.interface import Deadline


@dataclass(frozen=True, slots=True)
class Message:
    """What a role (`system`, `user` or `assistant`) said."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote, why it stopped there in the provider's own word, and the tokens as it counted them."""

    text: str
    ended: str
    prompt_tokens: int
    completion_tokens: int

    def check(self) -> None:
        """Raise RunError where the text is not an answer: refused, cut off, or empty."""
        if self.ended in {"content_filter", "refusal"}:
            message = "the model refused to answer"
            raise PermanentError(message, error_class="refused")
        if self.ended in {"length", "max_tokens", "model_context_window_exceeded"}:
            message = "the model's answer was cut off: raise LLM_MAX_TOKENS, or ask for less"
            raise PermanentError(message, error_class="cut_off")
        if not self.text.strip():
            message = "the model answered nothing"
            raise TransientError(message, error_class="empty_answer")


class Provider(Protocol):
    """Where a model is. One for each run: its connections end with `close`."""

    def ask(self, messages: Sequence[Message]) -> Reply:
        """Make one HTTP request; raises RunError for whatever the provider answers but an answer."""

    def close(self) -> None:
        """Close the connection."""


class ModelSession:
    """Asks the provider, and remembers the first failure, after which it asks no more.

    CrewAI repeats, wraps or swallows what a model raises, in loops of its own (1.15.30: a 429 three times, whatever
    its settings). So the failure is kept here, and whoever began the run raises it.
    """

    def __init__(self, provider: Provider, deadline: Deadline) -> None:
        self.failure: RunError | None = None
        self._provider = provider
        self._deadline = deadline
        self._guard = threading.Lock()
        self._usage = Usage()

    @property
    def usage(self) -> Usage:
        """What was asked and written so far."""
        return self._usage

    def ask(self, messages: Sequence[Message]) -> str | None:
        """Give the model's answer; None once there is a failure, without a request."""
        with self._guard:
            if self.failure is None:
                try:
                    return self._ask(messages)
                except RunError as failure:
                    self.failure = failure
            return None

    def _ask(self, messages: Sequence[Message]) -> str:
        self._deadline.check()
        used = self._usage
        self._usage = Usage(used.calls + 1, used.prompt_tokens, used.completion_tokens)
        try:
            reply = self._provider.ask(messages)
        except RunError:
            # Where the run's own time ended the request, the provider is not to blame.
            self._deadline.check()
            raise
        self._usage = Usage(
            used.calls + 1,
            used.prompt_tokens + reply.prompt_tokens,
            used.completion_tokens + reply.completion_tokens,
        )
        reply.check()
        return reply.text
