"""Patterns of derived policies: they match their queues and nothing else, and every broker takes them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bizops.providers.rabbitmq.naming import patterns, regular_expressions

ALPHABET = "ab0189_-.|$^()[]{}?*+\\ AZ#éü€\U0001f407\u2028"
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40) | st.text(
    ALPHABET, min_size=1, max_size=6
)
STEMS = st.builds(
    "{}{:02d}{}".format,
    st.sampled_from(["task_", "task", "ta.k", "é_"]),
    st.integers(0, 40),
    st.sampled_from(["", ".dlq", "ü", "€"]),
)
OTHERS = NAMES | st.builds("{}{}".format, STEMS, st.sampled_from(["\n", "\r", "\n\n", "x", "\\"]))


def judged(pattern: str, name: str) -> bool:
    """Search on bytes, as the broker does; the end of a text is written otherwise in Python."""
    end = r"\Z" if pattern.endswith(r"\z") else "$"
    return (
        re.search((pattern.removesuffix(r"\z").removesuffix("$") + end).encode(), name.encode())
        is not None
    )


@settings(max_examples=400, deadline=None)
@given(
    st.sets(NAMES | STEMS, min_size=1, max_size=30),
    st.sets(OTHERS, max_size=20),
    st.sampled_from([40, 90, 1024]),
)
@example({"a", "ab", "abc"}, {"a\n", "b", "", "abcd"}, 40)
@example({"é", "è"}, {"é\n"}, 40)
def test_patterns_match_their_names_and_no_other_queue(
    names: set[str], others: set[str], limit: int
) -> None:
    """On bytes as the broker judges, and as we read them back, down to prefixes, endings and neighbouring letters."""
    queues = names | others
    queues |= {name[:-1] for name in names} | {f"{name}{name[-1]}" for name in names}
    with_line_feed = {name[:-1] for name in queues if name.endswith("\n")}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patterns, "MAX_BYTES", limit)
        found = list(patterns.of_names(sorted(names), with_line_feed))

    assert sorted(names) == sorted(name for _, members in found for name in members)
    for pattern, members in found:
        matches = patterns.matcher(pattern)
        assert matches is not None
        assert frozenset(members) == patterns.names(pattern)
        assert len(pattern.encode()) <= limit or len(members) == 1
        for name in queues:
            assert (name in members) == judged(pattern, name) == matches(name), (pattern, name)


@given(st.sets(NAMES | STEMS, min_size=1, max_size=30))
def test_what_is_factored_is_read_back(names: set[str]) -> None:
    """Also where the plain list would have done."""
    text = regular_expressions.factored(names)

    assert names == regular_expressions.names(text)
    assert all(re.fullmatch(text.encode(), name.encode()) for name in names)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([f"task_{number:02d}" for number in range(18)], "task_(?:0[0-9]|1[0-7])"),
        (["orders", "orders.dlq", "mail", "mail.dlq"], r"(?:mail|orders)(?:\.dlq)?"),
        (["a", "ab", "abc"], "a(?:bc?)?"),
        (["xé", "xü", "x"], "x(?:é|ü)?"),
        (["a-b", "a_b", "a.b", "acb"], r"a[\-\._c]b"),
    ],
)
def test_what_names_have_in_common_stands_once(names: list[str], text: str) -> None:
    """Beginnings, endings, ranges of digits and letters; a character of several bytes stays whole."""
    assert text == regular_expressions.factored(names)


@pytest.mark.parametrize(
    "pattern",
    ["^a??$", "^(?:a)??$", "^[a]+$", "^a{2}$", "^[[:alpha:]]$", "^a|b$", "^(?:a$", "^a)$", "^é?$", "^[^a]$",
     "^[z-a]$", r"^\d$", "^a", "a$", "^.$", "^[é]$", "^" + "[a-z]" * 9 + "$", r"^a\$", r"^a\\z"],
)  # fmt: skip
def test_another_form_is_not_read_as_names(pattern: str) -> None:
    """It is searched, or told to be unreadable; reading it as names would be wrong or without end."""
    assert patterns.names(pattern) is None


def test_a_list_that_fits_is_written_as_a_list() -> None:
    """As earlier versions of bizops wrote it, so that their policies keep their names."""
    names = [f"own_{number:03d}" for number in range(127)]

    ((pattern, _),) = patterns.of_names(names)

    assert f"^(?:{'|'.join(names)})$" == pattern
    assert 1021 == len(pattern)


@pytest.mark.parametrize(
    ("names", "most"),
    [
        ([f"auto_{number:05d}-é" for number in range(5000)], 10),
        ([f"{number * 7919 % 100003:x}-{'y' * 20}" for number in range(3000)], 90),
        (["." * 255, "é" * 127, "x" * 255], 2),
    ],
)
def test_long_lists_are_cut_into_few_patterns(names: list[str], most: int) -> None:
    """None is longer than 1,024 bytes, also of names that are all backslashes."""
    found = list(patterns.of_names(names))

    assert len(found) <= most
    assert all(len(pattern.encode()) <= 1024 for pattern, _ in found)
    assert sorted(names) == sorted(name for _, members in found for name in members)
    assert all(len(members) <= patterns.MAX_NAMES for _, members in found)


def test_a_pattern_of_an_earlier_version_is_read() -> None:
    """It listed up to 30,000 bytes of names."""
    names = {f"own_{number:05d}.x" for number in range(2300)}

    assert names == patterns.names(
        f"^(?:{'|'.join(map(regular_expressions.escaped, sorted(names)))})$"
    )


def test_a_dollar_matches_before_a_line_feed() -> None:
    """Tried on 4.0.5 and 4.3.6: a queue `a<LF>`, from an import of definitions, is under `^(?:a)$`."""
    loose: Any = patterns.matcher("^(?:a)$")
    strict: Any = patterns.matcher(r"^(?:a)\z")

    assert [loose("a"), loose("a\n"), loose("a\n\n")] == [True, True, False]
    assert [strict("a"), strict("a\n")] == [True, False]


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
