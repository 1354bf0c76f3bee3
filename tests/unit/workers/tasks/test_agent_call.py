"""What an agent's own code gives back or raises is an answer or a failure of plain values."""

from __future__ import annotations

import json
import logging
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from workers.engine.interface import Answer, Deadline
from workers.errors import PermanentError, RunError, TransientError
from workers.logs import JsonFormatter
from workers.protocol.task import Task
from workers.protocol.usage import Usage
from workers.redaction import MAX_SEARCHED, Redactor
from workers.tasks import agent_call

if TYPE_CHECKING:
    from collections.abc import Callable

TASK = Task("t1", "x", "y")


class EvilText(str):
    __slots__ = ()

    def __getitem__(self, _: Any) -> str:
        raise SystemExit(3)


class Index:
    def __index__(self) -> int:
        return 1


class NoInitError(PermanentError):
    def __init__(self) -> None:
        pass


class WordlessError(TransientError):
    def __str__(self) -> str:
        raise SystemExit(4)


class ClosedError(PermanentError):
    @property
    def spent(self) -> Any:  # type: ignore[override]
        raise SystemExit(5)

    @spent.setter
    def spent(self, _: Any) -> None:
        pass


def given(answer: Any) -> Answer | RunError:
    return agent_call.run(lambda *_: answer, TASK, Deadline(60))


def raised(error: BaseException, **attributes: Any) -> RunError:
    def process(*_: object) -> Answer:
        for name, value in attributes.items():
            setattr(error, name, value)
        raise error

    found = agent_call.run(process, TASK, Deadline(60))
    assert isinstance(found, RunError)
    return found


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {"a": 1},
        Answer(None, "m/x", Usage()),  # type: ignore[arg-type]
        Answer(b"x", "m/x", Usage()),  # type: ignore[arg-type]
        *(
            Answer("x", model, Usage())
            for model in (None, 5, object(), "", "m/\n", "m/\ud83d", "m" * 201)
        ),
        *(Answer("x", "m/x", usage) for usage in (None, 5, Usage(-1), Usage(1, 10**400))),
        *(Answer("x", "m/x", Usage(1, odd, 2)) for odd in ("2", math.nan, math.inf, 1.5, None)),
    ],
)
def test_an_answer_that_is_none_is_a_permanent_failure(answer: Any) -> None:
    found = given(answer)

    assert isinstance(found, PermanentError)
    assert found.error_class == "agent_error"
    assert "Answer" in str(found)


def test_an_answer_holds_plain_values() -> None:
    found = given(Answer(EvilText("abc"), EvilText("m/x"), Usage(Index(), 2, 3)))  # type: ignore[arg-type]

    assert found == Answer("abc", "m/x", Usage(1, 2, 3))
    assert isinstance(found, Answer)
    assert [type(each) for each in (found.text, found.model, found.usage.calls)] == [str, str, int]


def test_a_failure_stays_what_it_is() -> None:
    error = TransientError("429", error_class="rate_limited", is_provider=True, retry_after=7)

    found = raised(error, spent=("m/x", Usage(1, 2, 3)))

    assert isinstance(found, TransientError)
    assert (str(found), found.error_class, found.is_provider) == ("429", "rate_limited", True)
    assert (found.retry_after, found.spent) == (7, ("m/x", Usage(1, 2, 3)))
    assert isinstance(raised(PermanentError("no", error_class="bad_request")), PermanentError)


@pytest.mark.parametrize("word", [None, object(), "", "y" * 140_000, "bad \ud83d", "a b", "a\n"])
def test_an_error_class_that_is_no_word_counts_as_absent(word: Any) -> None:
    found = raised(PermanentError("no", error_class=word))

    assert isinstance(found, PermanentError)
    assert found.error_class == "agent_error"


@pytest.mark.parametrize("wait", ["soon", math.nan, -1, math.inf, object()])
def test_a_wait_that_is_no_time_counts_as_absent(wait: Any) -> None:
    found = raised(TransientError("no", error_class="y", retry_after=wait))

    assert isinstance(found, TransientError)
    assert found.retry_after is None


@pytest.mark.parametrize("spent", [5, ("m/x", None), (None, Usage()), ("m/x", Usage(-1)), (1,)])
def test_costs_that_cannot_be_read_count_as_absent(spent: Any) -> None:
    assert raised(PermanentError("no", error_class="y"), spent=spent).spent is None


@pytest.mark.parametrize(
    ("make", "error_class"),
    [
        (NoInitError, "agent_error"),
        (lambda: WordlessError("x", error_class="y"), "y"),
        (lambda: ClosedError("x", error_class="y"), "y"),
    ],
)
def test_an_error_that_cannot_be_read_is_a_failure_all_the_same(
    make: Callable[[], RunError], error_class: str
) -> None:
    found = raised(make())

    assert found.error_class == error_class
    assert found.spent is None


def test_words_that_never_end_are_the_time_of_the_run() -> None:
    """Its hard time limit watches them: once it has returned, nothing of the agent is asked any more."""
    is_asked, may_end = threading.Event(), threading.Event()

    class HangingError(PermanentError):
        def __str__(self) -> str:
            is_asked.set()
            may_end.wait()
            return "at last"

    def process(*_: object) -> Answer:
        raise HangingError("x", error_class="y")

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(agent_call.run, process, TASK, Deadline(60))
        assert is_asked.wait(10)
        assert not running.done()
        may_end.set()
        found = running.result(10)

    assert type(found) is PermanentError
    assert str(found) == "at last"


def test_any_other_exception_is_transient_and_one_that_ends_a_thread_is_permanent() -> None:
    found = raised(ValueError("a\udc80b"))
    assert isinstance(found, TransientError)
    assert str(found) == "ValueError: a\udc80b"

    found = raised(SystemExit(3))
    assert isinstance(found, PermanentError)
    assert (str(found), found.error_class) == ("SystemExit: 3", "agent_exit")


def test_no_code_of_an_error_runs_while_a_handler_logs(caplog: pytest.LogCaptureFixture) -> None:
    """A handler formats under its lock: an error whose words never end would keep every thread waiting."""
    with caplog.at_level(logging.ERROR, logger="workers"):
        raised(ValueError("x" * MAX_SEARCHED * 2))

    (record,) = caplog.records
    assert record.exc_info is None
    line = json.loads(JsonFormatter(Redactor()).format(record))
    assert line["event"] == "agent_error"
    assert line["exception"].startswith("Traceback")
    assert len(line["exception"]) <= MAX_SEARCHED
