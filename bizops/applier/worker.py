"""One thread per system: takes what is ready, writes it as a batch, watches it settle."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.applier.readiness import ask
from bizops.change import Outcome, Status, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bizops.applier.progress import Stop, Timing
    from bizops.applier.schedule import Schedule
    from bizops.change import Readiness
    from bizops.provider import Provider


@dataclass(slots=True, eq=False)
class _Pending:
    """A step between its first write and its end; `due` is when it is written again.

    `silent` is since when its system fails us, None while it answers.
    """

    step: Step
    started: float
    tried: int = 0
    due: float | None = None
    silent: float | None = None
    detail: str = ""
    lines: tuple[str, ...] = ()
    said: str = ""

    def seconds(self) -> float:
        return time.monotonic() - self.started


class Worker:
    """Works off the steps of one provider until none can become ready."""

    def __init__(
        self, name: str, provider: Provider, board: Schedule, pace: Timing, stop: Stop
    ) -> None:
        self.name = name
        self._provider = provider
        self._board = board
        self._pace = pace
        self._stop = stop
        self._heard = time.monotonic()
        """When the system last took a write or was read: what is silent now has been since then."""
        self._pending: list[_Pending] = []

    def work(self) -> None:
        """Take, write and watch until done or stopped."""
        wait = self._pace.first_look
        while True:
            moves = self._board.moves
            batch = [] if self._stop.level else self._board.take(self.name)
            if batch:
                self._begin(batch)
                wait = self._pace.first_look
            self._write_again()
            self._look()
            if self._stop.level > 1:
                self._give_up()
            if not self._pending and (self._stop.level or not self._board.has_more(self.name)):
                return
            self._board.wait(moves, wait if self._pending else self._pace.look)
            wait = min(wait * 2, self._pace.look)

    def _begin(self, batch: Sequence[Step]) -> None:
        begun: list[_Pending] = []
        for step in batch:
            if why := self._board.users.trouble(step):
                self._board.end(Outcome(step, Status.FAILED, f"stays: {why}"))
                continue
            self._board.tell_started(step)
            pending = _Pending(step, time.monotonic())
            (self._pending if step.is_awaited else begun).append(pending)
        if begun:
            self._write(begun)

    def _write_again(self) -> None:
        now = time.monotonic()
        due = [item for item in self._pending if item.due is not None and item.due <= now]
        if due:
            self._pending = [item for item in self._pending if item.due is None or item.due > now]
            self._write(due)

    def _write(self, items: list[_Pending]) -> None:
        for item, outcome in zip(items, self._outcomes(items), strict=True):
            is_unsent = outcome.status is Status.SKIPPED
            item.detail = _untried(item) if is_unsent else outcome.detail
            item.lines = outcome.lines
            if outcome.status is Status.RETRY and self._may_try_again(item):
                item.due = time.monotonic() + self._pace.delay(item.tried)
                item.tried += 1
                self._pending.append(item)
            elif outcome.status is Status.APPLIED:
                self._heard = time.monotonic()
                item.due = None
                self._pending.append(item)
            elif is_unsent and not item.tried:
                self._board.put_back(item.step)
            else:
                ended = replace(outcome, status=Status.FAILED, detail=item.detail)
                self._board.end(replace(ended, seconds=item.seconds()))

    def _may_try_again(self, item: _Pending) -> bool:
        return item.tried + 1 < self._pace.tries and not self._is_too_long(item.started)

    def _outcomes(self, items: Sequence[_Pending]) -> Sequence[Outcome]:
        steps = [item.step for item in items]
        try:
            return self._provider.apply(steps, lambda: self._stop.level > 0)
        except errors.ProviderError as error:
            return [Outcome(step, Status.RETRY, str(error)) for step in steps]
        except Exception as error:  # noqa: BLE001 - a defect in one provider must not hang the others
            detail = f"a defect in bizops, please report it: {type(error).__name__}: {error}"
            return [Outcome(step, Status.FAILED, detail) for step in steps]

    def _look(self) -> None:
        """Ask once for everything that was written and has not settled."""
        written = [item for item in self._pending if item.due is None]
        if not written:
            return
        self._pending = [item for item in self._pending if item.due is not None]
        found = ask(self._provider, [item.step for item in written])
        since = self._heard
        if not all(readiness.unread for readiness in found):
            self._heard = time.monotonic()
        for item, readiness in zip(written, found, strict=True):
            item.silent = (item.silent or since) if readiness.unread else None
            ended = self._ended(item, readiness)
            if ended is not None:
                self._board.end(ended)
                continue
            self._pending.append(item)
            if readiness.detail != item.said or item.seconds() > 1:
                item.said = readiness.detail
                self._board.tell_waiting(item.step, readiness.detail, item.seconds())

    def _ended(self, item: _Pending, readiness: Readiness) -> Outcome | None:
        seconds = item.seconds()
        detail = "; ".join(part for part in (readiness.detail, item.detail) if part)
        status = Status.APPLIED if readiness.settled else Status.FAILED
        if not (readiness.settled or readiness.failed):
            is_silent = item.silent is not None and self._is_too_long(item.silent)
            if is_silent:
                detail = f"written, and what became of it was not read: {readiness.detail}"
            elif seconds <= self._pace.settle_timeout:
                return None
            else:
                detail = f"not settled after {self._pace.settle_timeout:g} s: {readiness.detail}"
        return Outcome(item.step, status, detail, (*item.lines, *readiness.lines), seconds)

    def _is_too_long(self, since: float) -> bool:
        return time.monotonic() - since >= self._pace.silence

    def _give_up(self) -> None:
        for item in self._pending:
            detail = f"written, still settling when we stopped: {item.said}"
            if item.due is not None:
                detail = _untried(item)
            status = Status.FAILED if item.due is not None else Status.RUNNING
            self._board.end(Outcome(item.step, status, detail, seconds=item.seconds()))
        self._pending = []


def _untried(item: _Pending) -> str:
    """Say of a step that was written in vain, and may have been carried out all the same, that it was left so."""
    return f"stopped before it was tried again: {item.detail}"
