from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from bizops import errors
from bizops.provider import Options
from bizops.providers.rabbitmq.client import Client
from bizops.providers.rabbitmq.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def silent() -> Iterator[Client]:
    """Give a client of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        client = Client(Connection.model_validate({"url": url}), Options(timeout=20))
        yield client
        client.close()


def test_what_belongs_together_ends_together_and_tells_the_time_of_all_of_it(
    silent: Client,
) -> None:
    """The second request has no time left, and did not wait 0 s for nothing."""
    started = time.monotonic()

    with silent.bounded(0.5):
        said = [str(answer) for answer in silent.read_all(["/a"]) + silent.read_all(["/b"])]

    assert time.monotonic() - started < 2
    assert said == [f"{silent.url} did not answer in 0.5 s"] * 2


def test_behind_a_bounded_block_a_request_has_its_own_time_again(silent: Client) -> None:
    with silent.bounded(0.1):
        pass

    with pytest.raises(errors.UnreachableError, match=r"did not answer in 0.3 s"):
        silent.read("/a", timeout=0.3)
