"""A broker that answers, but drips: the time for one request holds for all of it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.change import Status
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import carry_out

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

SECONDS = 1.0


class Drip:
    """Stands between us and a broker, and hands on its answers a few bytes at a time, `after` so many at once."""

    def __init__(self, port: int, after: int) -> None:
        self._port = port
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            socket.create_connection(("127.0.0.1", self._port)) as broker,
        ):
            broker.sendall(client.recv(65536))
            answer = broker.recv(65536)
            client.sendall(answer[: self._after])
            for byte in answer[self._after :]:
                time.sleep(SECONDS / 4)
                client.sendall(bytes([byte]))

    def close(self) -> None:
        self._listener.close()


@pytest.fixture(params=[0, 400], ids=["head", "body"])
def drip(broker: Any, request: pytest.FixtureRequest) -> Iterator[Drip]:
    """Drip from the first byte on, or only within the body: RabbitMQ's heads are shorter than 400 bytes."""
    slow = Drip(broker.http, request.param)
    yield slow
    slow.close()


def test_an_answer_that_drips_is_given_up_in_time(broker: Any, drip: Drip) -> None:
    """Each byte comes within the timeout, the whole answer would take minutes."""
    connection = Connection.model_validate({"url": f"http://127.0.0.1:{drip.port}"})
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=SECONDS))
    started = time.monotonic()

    with pytest.raises(errors.UnreachableError, match="did not answer in 1 s"):
        live.observe([], broker.scope)

    assert time.monotonic() - started < 3 * SECONDS
    live.close()


def test_an_apply_that_gets_no_answer_ends_soon(broker: Any) -> None:
    """The first writes wait for their answers; then nothing more is sent, and nothing is tried again."""
    drip = Drip(broker.http, 0)
    plan = broker.plan({"queues": {f"own_{n}": {"max_length": 5} for n in range(40)}})
    connection = Connection.model_validate({"url": f"http://127.0.0.1:{drip.port}"})
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=SECONDS))
    started = time.monotonic()

    result = carry_out(live, plan, ())

    assert time.monotonic() - started < 5 * SECONDS
    assert {outcome.status for outcome in result.outcomes} <= {Status.FAILED, Status.SKIPPED}
    assert any("did not answer in 1 s" in outcome.detail for outcome in result.outcomes)
    live.close()
    drip.close()
