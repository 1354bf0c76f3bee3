from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest
from docker.errors import APIError

from stack import containers
from stack.containers import start_container

if TYPE_CHECKING:
    from docker.models.containers import Container


class Refused:
    """A container whose start the engine refuses with these words, one after the other, and then allows."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)
        self.starts = 0

    def start(self) -> None:
        self.starts += 1
        if self.words:
            raise APIError("refused", explanation=self.words.pop(0))


def test_a_network_that_the_node_lost_for_a_moment_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After an engine was killed, its swarm ends old attachments, and the network leaves the node with each."""
    monkeypatch.setattr(containers, "POLL_SECONDS", 0.0)
    container = Refused(*["network fivvbrlaxmd5ibzoqfsnv7mp9 not found"] * 3)

    start_container(cast("Container", container))

    assert container.starts == 4


@pytest.mark.parametrize(
    ("words", "seconds"),
    [("Bind for 127.0.0.1:5672 failed", 30.0), ("network fivvbrlaxm not found", 0.0)],
)
def test_another_refusal_and_one_that_stays_are_told(
    monkeypatch: pytest.MonkeyPatch, words: str, seconds: float
) -> None:
    monkeypatch.setattr(containers, "ATTACH_SECONDS", seconds)
    container = Refused(*[words] * 3)

    with pytest.raises(APIError, match=words):
        start_container(cast("Container", container))

    assert container.starts == 1
