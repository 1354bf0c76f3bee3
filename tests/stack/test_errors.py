from __future__ import annotations

from typing import TYPE_CHECKING

from stack.errors import StackError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_failure_shows_its_step_the_end_of_its_log_and_a_remedy(tmp_path: Path) -> None:
    """Whoever sees a failure need not look for its log."""
    # Given a failure with a long log
    log = tmp_path / "build.log"
    log.write_text("".join(f"line {n}\n\n" for n in range(100)))
    # When it is rendered
    lines = StackError("images: build failed", "see the log", log).render().splitlines()
    # Then the first line names the step, the last one the remedy, and the log's end is between
    assert lines[0] == "error: images: build failed"
    assert lines[1] == f"  last lines of {log}:"
    assert lines[2:-1] == [f"    line {n}" for n in range(85, 100)]
    assert lines[-1] == "  what to do: see the log"


def test_a_failure_without_a_readable_log_shows_the_rest(tmp_path: Path) -> None:
    """A missing log does not hide the failure itself."""
    # Given a failure whose log is not there
    failure = StackError("engine: it does not answer", "start it", tmp_path / "none.log")
    # When it is rendered
    # Then the message and the remedy are there
    assert failure.render() == "error: engine: it does not answer\n  what to do: start it"
