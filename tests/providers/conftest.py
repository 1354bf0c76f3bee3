"""A server behind an address that can fall silent: what a frozen node looks like from outside."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


class Relay:
    """Hands on what both sides say.

    From the first request that holds `silent_at` on nothing comes back any more, neither on open connections nor on
    new ones; where `is_frozen` is False, only nothing to such requests.
    """

    def __init__(self, port: int, silent_at: bytes = b"", *, is_frozen: bool = True) -> None:
        self._port = port
        self._silent_at = silent_at
        self._is_frozen = is_frozen
        self._silent = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.renamed: tuple[bytes, bytes] = (b"", b"")
        threading.Thread(target=self._serve, daemon=True).start()

    def freeze(self) -> None:
        """Fall silent."""
        self._silent.set()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            broker = socket.create_connection(("127.0.0.1", self._port))
            with broker:
                back = threading.Thread(target=self._answer, args=(broker, client), daemon=True)
                back.start()
                while said := client.recv(65536):
                    if self._silent_at and self._silent_at in said:
                        if self._is_frozen:
                            self.freeze()
                        continue
                    if not self._silent.is_set():
                        broker.sendall(said)

    def _answer(self, broker: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := broker.recv(65536):
                if not self._silent.is_set():
                    client.sendall(said.replace(*self.renamed) if self.renamed[0] else said)

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@pytest.fixture
def relay() -> Callable[..., AbstractContextManager[Relay]]:
    """Give relays to ports of this machine, for a `with` statement each."""

    @contextlib.contextmanager
    def make(port: int, silent_at: bytes = b"", *, is_frozen: bool = True) -> Iterator[Relay]:
        found = Relay(port, silent_at, is_frozen=is_frozen)
        try:
            yield found
        finally:
            found.close()

    return make
