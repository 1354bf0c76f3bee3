"""The lock of a topology: a queue that expires by itself, over the management API alone.

The holder stands in an argument that the broker compares when the queue is declared again (tried on 3.10.8 and
4.0.5): 201 or 204 means it is ours and restarts its expiry, 400 names another holder.
"""

from __future__ import annotations

import re

from bizops import errors
from bizops.providers.rabbitmq.client import Answer, Client, Request
from bizops.providers.rabbitmq.names import LOCK_PREFIX, encode

SECONDS = 15.0
_NOT_FOUND = 404
_HOLDER = re.compile(r"but current is (?:the value )?'(.*)'(?: of type .*)?$")


class QueueLease:
    """A lease on one topology, in the section's vhost."""

    seconds: float = SECONDS

    def __init__(self, client: Client, vhost: str, topology: str, holder: str) -> None:
        self._client = client
        self._name = f"{LOCK_PREFIX}{topology}"
        self._path = f"/queues/{encode(vhost)}/{encode(self._name)}"
        self._holder = holder

    def take(self) -> str:
        """Take or renew it: gives "" if it is ours now, else the holder's words. Raises ProviderError."""
        answer = self._declare()
        if answer.is_ok:
            return ""
        found = _HOLDER.search(answer.reason)
        if found and "x-dead-letter-routing-key" in answer.reason:
            return found[1]
        if answer.status == 0:
            raise errors.UnreachableError(answer.reason)
        if answer.status in {401, 403}:
            message = f"cannot lock with queue {self._name}: {answer.reason}"
            remedy = f"permissions on {self._name}: configure, write, read"
            raise errors.DeniedError(message, remedy=remedy)
        message = f"cannot lock with queue {self._name}: {answer.reason}"
        remedy = "bizops unlock, where no other apply is running"
        raise errors.RejectedError(message, remedy=remedy)

    def release(self) -> None:
        """Give it back, if it is ours at this moment: another's is never deleted knowingly."""
        if self._declare().is_ok:
            self._client.write(Request("DELETE", self._path))

    def break_open(self) -> None:
        """Free it whoever holds it. Raises ProviderError."""
        answer = self._client.write(Request("DELETE", self._path))
        if not answer.is_ok and answer.status != _NOT_FOUND:
            message = f"cannot delete queue {self._name}: {answer.reason}"
            raise errors.RejectedError(message)

    def _declare(self) -> Answer:
        """Declare the lease. Its dead-letter exchange is a name that the user has rights on anyway; none exists."""
        arguments = {
            "x-expires": int(SECONDS * 1000),
            "x-dead-letter-exchange": self._name,
            "x-dead-letter-routing-key": self._holder,
        }
        body = {"durable": True, "auto_delete": False, "arguments": arguments}
        return self._client.write(Request("PUT", self._path, body))
