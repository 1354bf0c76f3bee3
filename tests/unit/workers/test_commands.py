from __future__ import annotations

import pytest

from workers import logs
from workers.agents import OURS
from workers.cli import console, run
from workers.configuration.settings import FIELDS
from workers.engine import crew


def failing(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Give the only line that a usage error says."""
    with pytest.raises(SystemExit) as caught:
        run(list(arguments))
    assert caught.value.code == 1
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ordr"], "no agent or command ordr; did you mean order?"),
        (["sumbit", "order"], "did you mean submit?"),
        (["zzz"], "there are order, support"),
        ([], "which agent, or which command?"),
        (["submit"], "required: AGENT"),
        (["submit", "order", "--priority", "256"], "--priority: must be a whole number from 0"),
        (["submit", "order", "--timeout", "5"], "--timeout: must be a number and a unit"),
        (["tasks"], "required: dlq"),
        (["tasks", "dlq"], "required: COMMAND"),
        (["tasks", "dlq", "show", "order"], "required: ID"),
    ],
)
def test_a_usage_error_is_one_line_and_exit_code_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in failing(capsys, *arguments)


def test_the_help_names_every_agent_command_and_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run(["--help"])

    assert caught.value.code == 0
    words = capsys.readouterr().out
    assert all(name in words for name in (*OURS, "submit", "tasks", *FIELDS))


def test_the_list_shows_every_agent_with_its_queue(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--list"]) == 0

    rows = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in rows] == list(OURS)
    assert ["order", "auto_orders"] in rows


def test_faults_of_the_settings_are_one_line_each(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_PORT", "amqp")
    monkeypatch.setenv("LEASE", "soon")

    assert run(["tasks", "dlq", "list"]) == 1

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1].strip() for line in lines] == ["RABBITMQ_PORT", "LEASE"]


def test_what_a_worker_lacks_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    monkeypatch.setattr(crew, "PACKAGES", ("a_package_that_nobody_has",))
    monkeypatch.setattr(logs, "configure", lambda *_: None)

    assert run(["order"]) == 1

    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "error: ENGINE=crewai needs a_package_that_nobody_has: pip install -r workers/constraints.txt\n"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "?"), (0, "0s"), (59.9, "59s"), (60, "1m"), (3600, "1h"), (18_600, "5h10m"), (90_000, "1d1h")],
)  # fmt: skip
def test_an_age_reads_as_people_say_it(seconds: float | None, words: str) -> None:
    assert console.age(seconds) == words


def test_what_a_publisher_wrote_cannot_steer_a_terminal() -> None:
    assert console.plain("a\x1b[31m\nb\u202ec é") == "a\\x1b[31m\\nb\\u202ec é"
