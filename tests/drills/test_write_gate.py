"""The gate strikes at the write that it is told, not at the lock, and loses only the answer that it should."""

from __future__ import annotations

import os

import pytest
import requests

from drills.cluster.writes import WriteGate
from stack.addresses import read_addresses

pytestmark = pytest.mark.integration

MANAGEMENT = read_addresses(os.environ).management
LOGIN = ("guest", "guest")


def put(url: str, vhost: str, name: str) -> int:
    address = f"{url}/api/queues/{vhost}/{name}"
    answer = requests.put(address, auth=LOGIN, json={"durable": True}, timeout=30)
    return answer.status_code


def names(url: str, vhost: str) -> set[str]:
    found = requests.get(f"{url}/api/queues/{vhost}", auth=LOGIN, timeout=30).json()
    return {queue["name"] for queue in found}


@pytest.mark.parametrize(
    ("is_forwarded", "there"), [(True, {"first", "second"}), (False, {"first"})]
)
def test_the_second_write_gets_no_answer(
    empty_vhost: str, *, is_forwarded: bool, there: set[str]
) -> None:
    struck: list[set[str]] = []
    with WriteGate(
        MANAGEMENT,
        1,
        lambda: struck.append(names(MANAGEMENT, empty_vhost)),
        is_forwarded=is_forwarded,
    ) as gate:
        assert put(gate.url, empty_vhost, "bizops.lock.x") == 201
        assert put(gate.url, empty_vhost, "first") == 201
        assert not gate.has_struck
        with pytest.raises(requests.ConnectionError):
            put(gate.url, empty_vhost, "second")
        assert gate.has_struck
        assert struck == [{"bizops.lock.x", *there}]
        assert names(gate.url, empty_vhost) == {"bizops.lock.x", *there}
        assert put(gate.url, empty_vhost, "third") == 201
