from __future__ import annotations

import pytest

from drills import __main__ as command


def test_a_drill_that_there_is_not_is_said_before_a_stack_is_started(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["poison message", "posion"])

    assert caught.value.code == 2
    assert "no drill is called posion; --list shows them" in capsys.readouterr().err


def test_the_list_is_of_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list", "SIGTERM"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all("SIGTERM" in line for line in lines)
