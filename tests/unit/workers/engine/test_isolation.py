"""What CrewAI prints becomes a log record, whatever thread prints it; everything else goes where it always went."""

from __future__ import annotations

import io
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from workers.configuration.settings import load_settings
from workers.engine import isolation
from workers.engine.crew import CrewEngine
from workers.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def put_up(monkeypatch: pytest.MonkeyPatch) -> tuple[io.StringIO, io.StringIO]:
    """Put the fence up around streams of the test's own, which are given back; monkeypatch takes it down again."""
    for name, value in isolation.ENVIRONMENT.items():
        monkeypatch.setenv(name, f"not {value}")
    streams = io.StringIO(), io.StringIO()
    for name, stream in zip(("stdout", "stderr"), streams, strict=True):
        monkeypatch.setattr(sys, name, stream)
    crewai = logging.getLogger("crewai")
    monkeypatch.setattr(crewai, "level", crewai.level)
    isolation.put_up()
    return streams


def test_the_environment_is_set_over_whatever_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    put_up(monkeypatch)
    assert {name: os.environ[name] for name in isolation.ENVIRONMENT} == isolation.ENVIRONMENT


def test_what_is_printed_inside_is_logged_line_by_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    out, err = put_up(monkeypatch)
    caplog.set_level(logging.DEBUG, "workers.crewai")
    with isolation.inside():
        sys.stdout.write("a panel\n\nof two lines\n")
        sys.stderr.write("a warning\n")
    sys.stdout.write("an answer\n")
    assert [record.getMessage() for record in caplog.records] == [
        "CrewAI printed: a panel",
        "CrewAI printed: of two lines",
        "CrewAI printed: a warning",
    ]
    assert (out.getvalue(), err.getvalue()) == ("an answer\n", "")


@pytest.mark.parametrize(
    ("name", "shown"), [("CrewAISyncHandler_0", ""), ("worker-1", "an answer\n")]
)
def test_a_thread_of_crewai_s_own_is_always_inside(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its event bus prints too, from threads that nobody else started; other threads print as ever meanwhile."""
    out, _ = put_up(monkeypatch)
    with isolation.inside():
        thread = threading.Thread(target=lambda: sys.stdout.write("an answer\n"), name=name)
        thread.start()
        thread.join()
    assert out.getvalue() == shown


def test_a_second_fence_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put_up(monkeypatch)
    outlet = sys.stdout
    isolation.put_up()
    assert sys.stdout is outlet


def test_a_home_that_is_a_file_is_a_fault_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.write_text("")
    monkeypatch.setenv("HOME", str(home))
    with pytest.raises(SettingsError, match=r"HOME \(.*home\) cannot be written to .* tmpfs"):
        isolation.check_home()


def test_a_home_that_is_not_there_yet_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "a" / "b"))
    isolation.check_home()
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_missing_crewai_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, when the worker starts, and not with its first task."""
    monkeypatch.setattr("workers.engine.crew.PACKAGES", ("json", "crewai_that_nobody_has"))
    with pytest.raises(SettingsError, match="needs crewai_that_nobody_has: pip install -r"):
        CrewEngine(load_settings({"OPENAI_API_KEY": "x"}))
