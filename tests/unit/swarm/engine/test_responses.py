"""What an engine says where it refuses, and who answers in its place."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.providers.swarm.engine.responses import Answer


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (500, {"message": "rpc error: code = Unknown desc = no leader"}, "no leader"),
        (500, {"error": "internal", "reason": "boom"}, "boom"),
        (502, {"error": "bad gateway"}, "bad gateway"),
        (503, {}, "HTTP 503"),
        (503, None, "HTTP 503"),
        (500, "text\n of a proxy", "text of a proxy"),
        (200, None, ""),
    ],
)
def test_a_refusal_has_words(status: int, body: Any, words: str) -> None:
    assert Answer(status, body).message == words
