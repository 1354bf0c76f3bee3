"""A run's conversation with its model: counted, and over with the first failure, whoever asks again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from workers.engine.interface import Deadline
from workers.engine.model_session import Message, ModelSession, Reply
from workers.engine.provider_errors import from_status
from workers.errors import RunError
from workers.protocol.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Sequence

MESSAGES = [Message("user", "decide")]


class Script:
    """A provider that gives what it was told to, in order; the real ones are in the image only."""

    def __init__(self, *replies: Reply | RunError) -> None:
        self.left = list(replies)

    def ask(self, messages: Sequence[Message]) -> Reply:
        assert messages == MESSAGES
        reply = self.left.pop(0)
        if isinstance(reply, RunError):
            raise reply
        return reply

    def close(self) -> None:
        pass


def reply(text: str = "yes", ended: str = "stop") -> Reply:
    return Reply(text, ended, 7, 3)


def test_calls_and_tokens_add_up() -> None:
    conversation = ModelSession(Script(reply("a"), reply("b", "end_turn")), Deadline(10))
    assert [conversation.ask(MESSAGES), conversation.ask(MESSAGES)] == ["a", "b"]
    assert conversation.usage == Usage(2, 14, 6)
    assert conversation.failure is None


def test_after_a_failure_nothing_more_is_asked() -> None:
    """CrewAI asks again after a failure; it gets none, and the provider is left in peace."""
    failure = from_status(429, {"retry-after": "7"}, "", "")
    script = Script(failure, reply())
    conversation = ModelSession(script, Deadline(10))
    assert [conversation.ask(MESSAGES), conversation.ask(MESSAGES)] == [None, None]
    assert conversation.failure is failure
    assert conversation.usage == Usage(1)
    assert len(script.left) == 1


@pytest.mark.parametrize(
    ("given", "error_class"),
    [
        (reply("  "), "empty_answer"),
        (reply("half an ans", "length"), "cut_off"),
        (reply("half an ans", "max_tokens"), "cut_off"),
        (reply("", "content_filter"), "refused"),
        (reply("I would rather not", "refusal"), "refused"),
    ],
)
def test_what_is_no_answer_is_a_failure_and_paid_for_all_the_same(
    given: Reply, error_class: str
) -> None:
    conversation = ModelSession(Script(given), Deadline(10))
    assert conversation.ask(MESSAGES) is None
    assert conversation.failure is not None
    assert conversation.failure.error_class == error_class
    assert not conversation.failure.is_provider
    assert conversation.usage == Usage(1, 7, 3)


def test_no_request_begins_once_the_run_is_called_off() -> None:
    deadline, script = Deadline(10), Script(reply())
    deadline.call_off()
    conversation = ModelSession(script, deadline)
    assert conversation.ask(MESSAGES) is None
    assert conversation.failure is not None
    assert conversation.failure.error_class == "called_off"
    assert conversation.usage == Usage()
    assert len(script.left) == 1


def test_where_the_run_s_own_time_ended_a_request_the_provider_is_not_to_blame() -> None:
    """Else a stop of the worker would open the circuit breaker."""
    deadline = Deadline(10)

    class Slow(Script):
        def ask(self, messages: Sequence[Message]) -> Reply:
            deadline.call_off()
            return super().ask(messages)

    conversation = ModelSession(Slow(from_status(500, {}, "", "")), deadline)
    assert conversation.ask(MESSAGES) is None
    assert conversation.failure is not None
    assert (conversation.failure.error_class, conversation.failure.is_provider) == (
        "called_off",
        False,
    )
