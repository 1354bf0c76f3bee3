"""Durations and sizes: what people write, to the unit that is stored."""

from __future__ import annotations

import pytest

from bizops.quantity import Duration, Size, not_whole


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("1.005s", 1005), ("4.35s", 4350), ("0.1h", 360_000), ("1h30m", 5_400_000), ("2w", 1_209_600_000)],
)  # fmt: skip
def test_a_fraction_of_a_unit_is_read_to_the_millisecond(text: str, milliseconds: int) -> None:
    """1.005 * 1000 is 1004.9999999999999 in binary floating point, and that is nobody's fault."""
    assert Duration.parse(text) == milliseconds


def test_a_size_is_read_to_the_byte_however_large() -> None:
    """Beyond 2**53 a binary fraction would round."""
    assert Size.parse("9007199254740993b") == 9_007_199_254_740_993


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.5ms", "finer than a millisecond"),
        ("9" * 20 + "ms", "no duration is that long"),
        ("9" * 5000 + "w", "no duration is that long"),
        ("٣h", "not a duration"),
        ("1 h", "not a duration"),
    ],
)
def test_what_is_no_duration_is_refused(text: str, words: str) -> None:
    """Also what Python's own number types would let through."""
    with pytest.raises(ValueError, match=words):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("9223372036854775808b", "no size is that large"), ("0.3b", "whole number of bytes"), ("٣mb", "not a size")],
)  # fmt: skip
def test_what_is_no_size_is_refused(text: str, words: str) -> None:
    """Systems keep sizes in 64 signed bits."""
    with pytest.raises(ValueError, match=words):
        Size.parse(text)


@pytest.mark.parametrize(
    ("value", "words"),
    [("9" * 5000, "is too large"), ("x", "is not a whole number"), (1.5, "is not a whole number")],
)
def test_a_number_that_is_too_large_is_called_that(value: object, words: str) -> None:
    assert not_whole(value).endswith(words)
