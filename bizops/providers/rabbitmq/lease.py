"""The lock of a topology: a quorum queue that expires by itself, over the management API alone.

The holder stands in an argument that the broker compares when the queue is declared again: 201 means that it is ours
from now on, 204 that it was ours, 400 names another holder. Declaring it again does not restart the expiry of a quorum
queue; asking it for a message does, and is answered by a majority of its replicas alone. What was tried, on which
versions, stands in decision 0021.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from bizops import errors
from bizops.providers.rabbitmq.api.client import Answer, Request
from bizops.providers.rabbitmq.naming.names import LOCK_PREFIX, encode

if TYPE_CHECKING:
    from bizops.providers.rabbitmq.api.addresses import Addresses

SECONDS = 30.0
"""How long it lasts unrenewed. The broker looks every 5 s, so it may be there 5 s longer.

While a node hangs each renewal takes 10 s (4.0.5), so two of them have to fit.
"""
REQUEST_SECONDS = 10.0
"""How long we wait for taking it, and for giving it back: 5.5 s while one of three nodes is dead (4.0.5)."""
_PROBE_SECONDS = 3.0
_PROOF_SECONDS = 2.0
"""How long a renewal waits for the declaration behind it."""
_HOPELESS_SECONDS = 2.0
"""How long we wait for giving it back where the last renewal failed: it expires by itself, and the apply ends soon."""
_CREATED = 201
_NOT_FOUND = 404
_REFUSED_DECLARATION = 400
_ASKED = {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"}
_HOLDER = re.compile(r"but current is (?:the value )?'(.*)'(?: of type .*)?$")
_SILENT = " (its queue gives no answer: a node hangs, or the cluster has no majority)"
_LEFT = " (left behind: its queue does not run)"
"""A declaration may stay without anything behind it that could expire: of a lock that was given up in a minority
(4.3.6), or whose deletion was cut off while a node was dead (4.0.5 and 4.3.6)."""
_NOTHING_RUNS = "noproc"
_RIVAL_SECONDS = 3.0
"""Within which somebody else who found the same lock dead has deleted what has its name."""
_HOLDER_ARGUMENT = "x-dead-letter-routing-key"


class QueueLease:
    """A lease on one topology, in the section's vhost. Each call asks the first address that answers."""

    seconds: float = SECONDS

    def __init__(self, addresses: Addresses, vhost: str, topology: str, holder: str) -> None:
        self._addresses = addresses
        self._name = f"{LOCK_PREFIX}{topology}"
        self._path = f"/queues/{encode(vhost)}/{encode(self._name)}"
        self._holder = holder
        self._dead_since: float | None = None
        self._is_silent = False
        self._is_renewed = True

    def take(self) -> str:
        """Take it: gives "" if it is ours now, else the holder's words. Raises ProviderError.

        It is the first write of an apply. Who gets no answer here gets none to any other write, so nothing is written.
        """
        deadline = time.monotonic() + REQUEST_SECONDS
        answer = self._ask(self._declaration(), deadline)
        if answer.is_ok and answer.status != _CREATED:  # ours already: an answer got lost
            answer = self._ask(self._question(), deadline)
        if answer.is_ok:
            return ""
        if answer.status == _REFUSED_DECLARATION and "inequivalent arg" in answer.reason:
            is_left = self._dead_seconds(deadline) > SECONDS
            return self._taken_over() if is_left else self._holder_after(answer, deadline)
        raise self._failure(answer)

    def renew(self, within: float) -> None:
        """Restart its expiry, within the seconds that the last renewal surely lasts.

        Raises LockLostError where it is not ours any more, ProviderError where the system fails. The question comes
        first: it keeps whatever queue has the name. The declaration behind it finds out whether somebody freed ours,
        and another one took it. Where it gets no answer soon (10 s while a node hangs, 4.0.5) the question's counts:
        by time alone nobody else can have the lock.
        """
        deadline = time.monotonic() + within
        self._is_renewed = False
        answer = self._ask(self._question(), deadline)
        self._is_renewed = answer.is_ok
        if answer.is_ok:
            proof = self._addresses.chosen().write(self._declaration(), timeout=_PROOF_SECONDS)
            answer = answer if proof.is_unanswered else proof
        if answer.status in {_CREATED, _NOT_FOUND}:
            message = "the lock was lost: it had expired, so another apply may have begun"
            raise errors.LockLostError(message)
        if answer.status == _REFUSED_DECLARATION and "inequivalent arg" in answer.reason:
            message = f"the lock was lost to {self._holder_after(answer, deadline)}"
            raise errors.LockLostError(message)
        if not answer.is_ok:
            raise self._failure(answer)

    def release(self) -> None:
        """Give it back, if it is ours at this moment: another's is never deleted knowingly. Raises ProviderError."""
        within = REQUEST_SECONDS if self._is_renewed else _HOPELESS_SECONDS
        deadline = time.monotonic() + within
        if self._ask(self._declaration(), deadline).is_ok:
            self._ask(Request("DELETE", self._path), deadline)

    def break_open(self) -> str:
        """Free it whoever holds it, and give the holder's words; "" where nobody did. Raises ProviderError."""
        deadline = (
            time.monotonic() + 2 * REQUEST_SECONDS
        )  # 9 s for one that an election left (4.3.6)
        found = self._holder_now(deadline)
        answer = self._ask(Request("DELETE", self._path), deadline)
        if answer.status == _NOT_FOUND:
            return ""
        if not answer.is_ok:
            message = f"cannot delete queue {self._name}: {answer.reason}"
            raise errors.RejectedError(message)
        return found

    def _dead_seconds(self, deadline: float) -> float:
        """Give for how long nothing has run behind the lock of another, at every look; 0 where something may.

        A purge tells: it needs the queue as a message or a renewal does, and does not restart its expiry (3.10.8, 4.0.5
        and 4.3.6). For so long its holder could not renew it, and whoever cannot do that for a lease has stopped.
        """
        within = min(deadline, time.monotonic() + _PROBE_SECONDS)
        answer = self._ask(Request("DELETE", f"{self._path}/contents"), within)
        self._is_silent = answer.is_unanswered
        if _NOTHING_RUNS not in answer.reason:
            self._dead_since = None
            return 0.0
        now = time.monotonic()
        self._dead_since = now if self._dead_since is None else self._dead_since
        return now - self._dead_since

    def _taken_over(self) -> str:
        """Take it in the place of one that nothing runs behind, as `take` does.

        Two may do so at once, and the deletion of the one may hit the lock of the other. So it counts as taken once no
        deletion can come any more and it is still ours.
        """
        self._dead_since = None
        deadline = time.monotonic() + REQUEST_SECONDS
        self._ask(Request("DELETE", self._path), deadline)
        answer = self._ask(self._declaration(), deadline)
        if answer.status == _REFUSED_DECLARATION:
            return self._holder_after(answer, deadline)
        if not answer.is_ok:
            raise self._failure(answer)
        time.sleep(_RIVAL_SECONDS)
        try:
            self.renew(REQUEST_SECONDS)
        except errors.LockLostError:
            return self._holder_now(time.monotonic() + _PROBE_SECONDS) or "somebody"
        return ""

    def _declaration(self) -> Request:
        """Its dead-letter exchange is a name that the user has rights on anyway; none exists."""
        arguments = {
            "x-queue-type": "quorum",
            "x-expires": int(SECONDS * 1000),
            "x-dead-letter-exchange": self._name,
            _HOLDER_ARGUMENT: self._holder,
        }
        body = {"durable": True, "auto_delete": False, "arguments": arguments}
        return Request("PUT", self._path, body)

    def _question(self) -> Request:
        return Request("POST", f"{self._path}/get", _ASKED)

    def _ask(self, request: Request, deadline: float) -> Answer:
        """Ask an address that answers; where there was no connection, the next one. Raises ProviderError."""
        for _ in range(len(self._addresses)):
            left = max(0.1, deadline - time.monotonic())
            client = self._addresses.chosen(min(left, _PROBE_SECONDS), anew=True)
            left = max(0.1, deadline - time.monotonic())
            answer = client.write(request, timeout=left)
            if answer.is_unanswered:
                self._addresses.lose(client, answer.reason)
            if not answer.is_unanswered or answer.is_sent:
                break
        return answer

    def _holder_after(self, answer: Answer, deadline: float) -> str:
        """Give the holder out of a refusal, or out of the queue where another argument differs as well."""
        found = _HOLDER.search(answer.reason)
        if found and _HOLDER_ARGUMENT in answer.reason:
            return self._described(found[1])
        return self._holder_now(deadline) or "somebody"

    def _holder_now(self, deadline: float) -> str:
        """Give the holder's words as the queue has them, "" where there is none. Raises ProviderError."""
        left = max(0.1, deadline - time.monotonic())
        client = self._addresses.chosen(min(left, _PROBE_SECONDS), anew=True)
        try:
            found: dict[str, Any] = client.read(f"{self._path}?disable_stats=true", timeout=left)
        except errors.RejectedError:
            return ""
        arguments = found.get("arguments") or {}
        return self._described(str(arguments.get(_HOLDER_ARGUMENT, "another version of bizops")))

    def _described(self, holder: str) -> str:
        if self._dead_since is not None:
            return f"{holder}{_LEFT}"
        return f"{holder}{_SILENT}" if self._is_silent else holder

    def _failure(self, answer: Answer) -> errors.ProviderError:
        """Give the error for a lock that was neither taken nor held by another."""
        if answer.is_unanswered and not answer.is_sent:
            return errors.UnreachableError(answer.reason)
        if answer.is_unanswered:
            message = f"{answer.reason}: the cluster takes no write, it may have no majority"
            remedy = "bizops unlock   # once that is back, where a lock is left"
            return errors.RetryableError(message, remedy=remedy)
        message = f"cannot lock with queue {self._name}: {answer.reason}"
        if answer.status in {401, 403}:
            remedy = f"permissions on {self._name}: configure, write, read"
            return errors.DeniedError(message, remedy=remedy)
        remedy = "bizops unlock, where no other apply is running"
        return errors.RejectedError(message, remedy=remedy)
