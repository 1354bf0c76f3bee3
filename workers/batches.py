"""Records of many threads on their way together: a broker answers one request for many as soon as one for each."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING

from workers.reports import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from workers.events import Event

    Send = Callable[[str, str, str, Callable[[Report], None]], None]

LOG = logging.getLogger(__name__)
LONGEST = 0.05
"""Seconds after which the next batch goes although the last one has no report yet: a slow partition holds up none."""


class Batches:
    """What comes while one batch is on its way makes the next one, so nobody waits for a time to pass.

    `send` puts one record on its way and reports what became of it, from another thread. `hand_over` may be called
    from any thread; the batches go from a thread of their own.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._guard = threading.Condition()
        self._waiting: list[tuple[Event, Future[Report]]] = []
        self._is_over = False
        self._thread = threading.Thread(target=self._go, name="kafka-batches", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def close(self) -> None:
        """End the thread; what waits goes first."""
        with self._guard:
            self._is_over = True
            self._guard.notify()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def hand_over(self, events: Sequence[Event]) -> list[Future[Report]]:
        """Let events go with the next batch; gives what will hold their reports, in their order."""
        reports: list[Future[Report]] = [Future() for _ in events]
        with self._guard:
            self._waiting += zip(events, reports, strict=True)
            self._guard.notify()
        return reports

    def _go(self) -> None:
        while batch := self._next():
            for event, report in batch:
                try:
                    self._send(event.topic, event.key, event.value, report.set_result)
                except Exception as error:
                    # Everybody waits for this thread: a record that it cannot send is one that failed.
                    LOG.exception("internal_error")
                    report.set_result(Report(f"{event.topic}: {type(error).__name__}"))
            wait([report for _, report in batch], LONGEST)

    def _next(self) -> list[tuple[Event, Future[Report]]]:
        """Give all that waits, as soon as anything does; empty at the end."""
        with self._guard:
            self._guard.wait_for(lambda: self._waiting or self._is_over)
            batch, self._waiting = self._waiting, []
        return batch
