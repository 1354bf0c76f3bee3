"""Requests are cut into pieces that KRaft takes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bizops.providers.kafka.batches import pieces


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 30), max_size=60), st.integers(1, 50))
def test_pieces_hold_every_name_once_and_keep_the_limit(
    weights: dict[str, int], limit: int
) -> None:
    """Only a name that is too heavy by itself goes beyond the limit, and goes alone."""
    found = list(pieces(weights, limit))

    assert sorted(weights) == [name for piece in found for name in piece]
    for piece in found:
        assert len(piece) == 1 or sum(weights[name] for name in piece) <= limit


def test_pieces_are_no_smaller_than_they_need_be() -> None:
    """One request where one is enough."""
    assert list(pieces(dict.fromkeys("abcd", 2), 8)) == [["a", "b", "c", "d"]]
    assert list(pieces(dict.fromkeys("abcd", 2), 7)) == [["a", "b", "c"], ["d"]]
