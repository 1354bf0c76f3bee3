"""The addresses of one cluster, in the order of `connections.rabbitmq.url`, and the one that is asked."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

from bizops import errors
from bizops.providers.rabbitmq.api.client import Client

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bizops.provider import Options
    from bizops.providers.rabbitmq.declared.connection import Connection

AWAY = (errors.UnreachableError, errors.RetryableError)
"""What another node may do better. Who is refused by one node is refused by all, and hears it from the first."""
_QUESTION = "/whoami"
"""Answered from what the node knows by itself, also while another node is frozen (4.0.5)."""

_SECONDS = 3.0
"""Within which an address answers that if it is there at all."""
_GRACE = 1.0
"""Seconds that an address has once one behind it has answered."""
_SLACK = 0.5
"""Seconds that a time-out may take to be told."""


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

        `anew`: the chosen one has to show that it still answers. All of it ends within so many seconds, or those of
        the options; the others are asked at once. A single address is not asked beforehand. Raises ProviderError.
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

    def heed(self, other: Addresses) -> None:
        """Ask those last that gave another list of the same addresses no answer."""
        with self._lock:
            self._lost |= other.silent

    @property
    def silent(self) -> Mapping[str, str]:
        """Give why each address that is not the chosen one gave no answer, by address."""
        return {url: why for url, why in self._lost.items() if url != self._chosen}

    def passed(self) -> list[str]:
        """Give why each address gave no answer that is not the chosen one."""
        with self._lock:
            return list(self.silent.values())

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
        deadline = time.monotonic() + within
        if self._chosen:
            url, self._chosen = self._chosen, ""
            try:
                self._client(url).read(_QUESTION, timeout=within / len(known))
            except AWAY as error:
                self._lost[url] = str(error)
            else:
                return url
        ordered = [url for url in known if url not in self._lost] + list(self._lost)
        return self._first_of(ordered, max(0.1, deadline - time.monotonic()))

    def _first_of(self, ordered: Sequence[str], within: float) -> str:
        """Ask them all at once. The first in order counts, but for those that keep the others waiting for _GRACE."""
        said: dict[str, errors.ProviderError | None] = {}
        answers: queue.SimpleQueue[tuple[str, errors.ProviderError | None]] = queue.SimpleQueue()
        for url in ordered:
            ask = threading.Thread(target=self._ask, args=(url, within, answers), daemon=True)
            ask.start()
        end = time.monotonic() + within + _SLACK
        while len(said) < len(ordered) and not _first_in_order(ordered, said):
            try:
                url, error = answers.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                break
            said[url] = error
            if _is_answer(said, url):
                end = min(end, time.monotonic() + _GRACE)
        return self._choice(ordered, said, within)

    def _choice(
        self,
        ordered: Sequence[str],
        said: Mapping[str, errors.ProviderError | None],
        within: float,
    ) -> str:
        """Give the first that answered. Raises what it said where that is a refusal, or that none answers."""
        chosen = next((url for url in ordered if _is_answer(said, url)), "")
        waited = _GRACE if chosen else within
        silent = {url: f"{url} did not answer in {round(waited, 1):g} s" for url in ordered}
        silent |= {url: str(error) for url, error in said.items() if error is not None}
        before = ordered[: ordered.index(chosen)] if chosen else ordered
        self._lost |= {url: silent[url] for url in before}
        if not chosen:
            remedy = next((error.remedy for error in said.values() if error), "")
            message = f"none of {len(ordered)} addresses answers: {'; '.join(silent.values())}"
            raise errors.UnreachableError(message, remedy=remedy)
        if error := said[chosen]:
            raise error
        return chosen

    def _ask(
        self,
        url: str,
        within: float,
        answers: queue.SimpleQueue[tuple[str, errors.ProviderError | None]],
    ) -> None:
        try:
            self._client(url).read(_QUESTION, timeout=within)
        except errors.ProviderError as error:
            answers.put((url, error))
        else:
            answers.put((url, None))


def _is_answer(said: Mapping[str, errors.ProviderError | None], url: str) -> bool:
    return url in said and not isinstance(said[url], AWAY)


def _first_in_order(ordered: Sequence[str], said: Mapping[str, errors.ProviderError | None]) -> str:
    """Give the first that answered, where those before it are known to be away; else ""."""
    for url in ordered:
        if url not in said:
            return ""
        if _is_answer(said, url):
            return url
    return ""
