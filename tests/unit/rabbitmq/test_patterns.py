"""Patterns of derived policies: they match their queues, and nothing else."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bizops.providers.rabbitmq import patterns

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\n"), min_size=1, max_size=40
)


@given(st.sets(NAMES, min_size=1, max_size=8), NAMES)
def test_a_pattern_matches_its_names_and_no_other(names: set[str], other: str) -> None:
    """As a regular expression on bytes, which is how the broker takes it, and as we read it back."""
    ((pattern, members),) = patterns.of_names(sorted(names))
    compiled = re.compile(pattern.encode())
    matches = patterns.matcher(pattern)

    assert matches is not None
    assert set(members) == names
    for name in {*names, other}:
        is_member = name in names
        assert is_member == (compiled.search(name.encode()) is not None)
        assert is_member == matches(name)


def test_a_long_pattern_is_split_below_what_the_broker_takes() -> None:
    """It refuses a regular expression from about 31,000 characters on."""
    names = [f"auto_{number:05d}-é" for number in range(5000)]

    found = list(patterns.of_names(names))

    assert all(len(pattern.encode()) <= patterns.MAX_PATTERN + 8 for pattern, _ in found)
    assert names == [name for _, members in found for name in members]
    assert len(found) == 3


def test_a_pattern_that_cannot_be_read_is_told_apart_from_one_that_does_not_match() -> None:
    """PCRE knows more than we do; what we cannot read is not taken for a mismatch."""
    assert patterns.matcher(r"^(?|a|b)$") is None
    assert patterns.matcher(r"^x$") is not None


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^((a|b)*)+$", r"^(?:\w+-?)*$", "^(?:a{1,9}){2,}$"])
def test_a_pattern_that_may_try_for_ever_is_not_tried(pattern: str) -> None:
    """`^(a+)+$` on forty letters and a hyphen takes Python years."""
    assert patterns.matcher(pattern) is None


@pytest.mark.parametrize(
    ("pattern", "name"),
    [("^(auto|hitl)_", "auto_orders"), (r"^a.*\.b[(+]+$", "ax.b("), ("^(ab)+c", "ababc"), (r"^\(a+\)+", "(a))")],
)  # fmt: skip
def test_what_cannot_explode_is_tried(pattern: str, name: str) -> None:
    """A choice, a repeat, and brackets that mean themselves."""
    matches = patterns.matcher(pattern)
    assert matches is not None
    assert matches(name)
