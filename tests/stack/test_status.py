from __future__ import annotations

import pytest

from stack.status import Row, render


def test_without_a_terminal_the_status_is_plain_text_in_columns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A log or a pipe gets no drawing characters."""
    # Given a healthy part and one that is not
    rows = [
        Row("rabbitmq", "127.0.0.1:5672", "4.0.5", "healthy", is_healthy=True),
        Row("redis", "127.0.0.1:6379", "", "exited", is_healthy=False),
    ]
    # When they are rendered
    render(rows)
    # Then each has a line with its columns below the headings
    assert capsys.readouterr().out.splitlines() == [
        "part      address         version  health",
        "rabbitmq  127.0.0.1:5672  4.0.5    healthy",
        "redis     127.0.0.1:6379           exited",
    ]
