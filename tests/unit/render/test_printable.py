"""What a live system calls its objects steers no terminal, and turns no text around (C3)."""

from __future__ import annotations

import pytest

from bizops.render.values import printable


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("orders", "orders"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("gpj\u202exe", "gpj\\u202exe"),
        ("\u2066a\u2069", "\\u2066a\\u2069"),
        ("a\u200bb", "a\\u200bb"),
        ("größe 数", "größe 数"),
    ],
)
def test_c3_what_would_steer_a_terminal_is_shown_escaped(said: str, shown: str) -> None:
    assert printable(said) == shown
