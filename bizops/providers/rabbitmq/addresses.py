"""The addresses of one cluster, in the order of `connections.rabbitmq.url`, and the one that is asked."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from bizops import errors
from bizops.providers.rabbitmq.client import Client

if TYPE_CHECKING:
    from bizops.provider import Options
    from bizops.providers.rabbitmq.connection import Connection

AWAY = (errors.UnreachableError, errors.RetryableError)
"""What another node may do better. Who is refused by one node is refused by all, and hears it from the first."""
_QUESTION = "/whoami"
"""Answered from what the node knows by itself, also while another node is frozen (4.0.5)."""

_SECONDS = 3.0
"""Within which an address answers that if it is there at all."""


class Addresses:
    """One client for each address, and the one that was chosen: the first that answers. For any thread.

    It stays chosen until it is lost; those that were lost come last when the next one is chosen.
    """

    def __init__(self, connection: Connection, options: Options) -> None:
        self._connection = connection
        self._options = options
        self._clients: dict[str, Client] = {}
        self._lost: dict[str, str] = {}
        self._chosen = ""
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Count them."""
        return len(self._connection.url)

    def connection(self, url: str) -> Connection:
        """Give the connection that has this address in front."""
        return self._connection.asking(url)

    def chosen(self, within: float | None = None, *, anew: bool = False) -> Client:
        """Give the client to ask; where none is chosen, that of the first address that answers.

        `anew`: the chosen one has to show that it still answers. They share `within` seconds, or those of the options:
        each gets an equal part of what is left. A single address is not asked beforehand. Raises ProviderError.
        """
        with self._lock:
            if anew or not self._chosen:
                self._chosen = self._first(self._options.timeout if within is None else within)
                self._lost.pop(self._chosen, None)
            return self._client(self._chosen)

    def is_there(self, client: Client) -> bool:
        """Ask a client that gave no answer whether it gives one to the cheapest question."""
        try:
            client.read(_QUESTION, timeout=min(_SECONDS, self._options.timeout / 3))
        except AWAY:
            return False
        return True

    def lose(self, client: Client, why: str) -> None:
        """Note that a client gave no answer; the next call of `chosen` asks the others first."""
        with self._lock:
            if self._chosen == client.url:
                self._chosen = ""
            self._lost.pop(client.url, None)
            self._lost[client.url] = why

    def passed(self) -> list[str]:
        """Give why each address gave no answer that is not the chosen one."""
        with self._lock:
            return [why for url, why in self._lost.items() if url != self._chosen]

    def warning(self) -> str:
        """Say which addresses gave no answer, and which one was asked instead; "" where nothing has to be said."""
        passed = self.passed()
        if not passed or not self._chosen:
            return ""
        return f"rabbitmq: {' and '.join(passed)}, so {self._chosen} was asked"

    def close(self) -> None:
        """Give back the connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, url: str) -> Client:
        if url not in self._clients:
            self._clients[url] = Client(self.connection(url), self._options)
        return self._clients[url]

    def _first(self, within: float) -> str:
        known = self._connection.url
        if len(known) == 1:
            return known[0]
        ordered = [url for url in known if url not in self._lost] + list(self._lost)
        ordered.sort(key=lambda url: url != self._chosen)
        deadline = time.monotonic() + within
        said: list[errors.ProviderError] = []
        for position, url in enumerate(ordered):
            left = max(0.1, deadline - time.monotonic()) / (len(ordered) - position)
            try:
                self._client(url).read(_QUESTION, timeout=left)
            except AWAY as error:
                self._lost[url] = str(error)
                said.append(error)
            else:
                return url
        message = f"none of {len(known)} addresses answers: {'; '.join(map(str, said))}"
        raise errors.UnreachableError(message, remedy=said[0].remedy)
