"""Globs over names and addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizops.provider import is_match


@pytest.mark.parametrize(
    ("name", "pattern", "matches"),
    [
        ("auto_a", "auto_*", True),
        ("auto_", "auto_*", True),
        ("xauto_a", "auto_*", False),
        ("Auto_a", "auto_*", False),
        ("auto_a\n", "auto_?", False),
        ("a\nb", "a?b", True),
        ("a[1]", "a[1]", True),
        ("a1", "a[1]", False),
        ("a!b", "a[!c]b", False),
    ],
)
def test_stars_and_question_marks_are_the_only_wildcards(
    name: str, pattern: str, *, matches: bool
) -> None:
    """Anchored at both ends and case-sensitive, whatever a line break is to others."""
    assert is_match(name, pattern) is matches


@given(st.text("ab[]!-.*\n", max_size=8), st.text("ab[]!-.*?\n", max_size=6))
def test_a_glob_means_what_the_plain_expression_means(name: str, pattern: str) -> None:
    """The translation that never goes back agrees with the obvious one."""
    plain = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    assert is_match(name, pattern) is (re.fullmatch(plain, name, re.DOTALL) is not None)


def test_many_stars_cost_no_more_than_one() -> None:
    """A backtracking expression would not come back from this."""
    assert not is_match("abc" + "a" * 250 + "b", "abc" + "*a" * 40 + "c")
