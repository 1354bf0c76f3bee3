"""One of three nodes is frozen: for a minute its cluster waits for it, and no answer is taken for an absence."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bizops import errors
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(900)]

SECONDS = 5.0


def test_it_is_not_read_and_soon(nodes: Any) -> None:
    """The error says what the broker waits for."""
    nodes.declare(3, "own_there")
    connection = Connection.model_validate({"url": f"http://127.0.0.1:{nodes.port(1)}"})
    live = DEFINITION.connect(connection, nodes.broker.scope.settings, Options(timeout=SECONDS))
    nodes.servers[2].pause()
    started = time.monotonic()
    try:
        with pytest.raises(errors.UnreachableError) as caught:
            live.observe([], nodes.broker.scope)
        took = time.monotonic() - started
    finally:
        nodes.servers[2].unpause()
        live.close()

    assert took < SECONDS + 15
    assert "waits for a node of its cluster that hangs" in str(caught.value)
