"""Requests of many threads on their way together: a server answers one for many as soon as one for each."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")

LOG = logging.getLogger(__name__)


class Batches(Generic[_Asked, _Answer]):
    """What comes while one batch is on its way makes the next one, so nobody waits for a time to pass.

    `carry` takes a batch, each request with the future that its answer goes to, and returns when the next may go. It
    runs in a thread of its own; `hand_over` may be called from any thread.
    """

    def __init__(
        self, name: str, carry: Callable[[Sequence[tuple[_Asked, Future[_Answer]]]], None]
    ) -> None:
        self._carry = carry
        self._guard = threading.Condition()
        self._waiting: list[tuple[_Asked, Future[_Answer]]] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._go, name=name, daemon=True)

    def start(self) -> None:
        """Begin to carry."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; what waits goes first."""
        with self._guard:
            self._is_over = True
            self._guard.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def hand_over(self, requests: Sequence[_Asked]) -> list[Future[_Answer]]:
        """Let requests go with the next batch; gives what will hold their answers, in their order.

        After the end nothing carries them: each answer is a ConnectionError then.
        """
        answers: list[Future[_Answer]] = [Future() for _ in requests]
        with self._guard:
            if self._is_over:
                for answer in answers:
                    answer.set_exception(ConnectionError("closed"))
                return answers
            self._waiting += zip(requests, answers, strict=True)
            self._guard.notify()
        return answers

    def _go(self) -> None:
        while batch := self._next():
            try:
                self._carry(batch)
            except Exception as error:
                # Everybody waits for this thread.
                LOG.exception("internal_error")
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)

    def _next(self) -> list[tuple[_Asked, Future[_Answer]]]:
        """Give all that waits, as soon as anything does; empty at the end."""
        with self._guard:
            self._guard.wait_for(lambda: self._waiting or self._is_over)
            batch, self._waiting = self._waiting, []
        return batch
