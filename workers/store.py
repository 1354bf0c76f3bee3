"""What is known about a task across all workers: who runs it, how often it was begun, and its result. In Redis.

It makes sure that a task whose result exists is never paid for again, that two workers never run one at a time, and
that a message that kills its process is not tried for ever. Without Redis there is a worker's own memory, and the
broker's flag that a message was delivered before.
"""

from __future__ import annotations

import collections
import json
import threading
import time
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workers.errors import StoreAwayError
from workers.events import Event

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.reach import Reach
    from workers.settings import Settings
    from workers.task import Task

SCRIPT = (Path(__file__).parent / "store.lua").read_text("utf-8")
PREFIX = "bizops:workers:task"
TIMEOUT = 2.0
"""Seconds that Redis may take for an answer."""
AWAY_PAUSE = 1.0
"""Seconds for which an away Redis is not asked again, so that tasks do not queue up behind time-outs."""
REMEMBERED = 1000
"""How many results a worker remembers by itself."""


class Verdict(Enum):
    """What to do with a message, as its task's record says."""

    RUN = "run"
    RESULT = "result"  # it is finished: reuse the result
    LEASED = "leased"  # another copy runs now
    STALE = "stale"  # an older copy of what lives on elsewhere
    POISON = "poison"  # too many runs began and never ended
    CONFLICT = "conflict"  # the id is another task's


@dataclass(frozen=True, slots=True)
class Grant:
    """A verdict; `result` is what is stored, `is_done` whether its events were delivered, `detail` what to say."""

    verdict: Verdict
    result: tuple[Event, ...] = ()
    is_done: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Claim:
    """Which copy of which task, and who asks: `owner` is new for each run, so that it fences off an older one."""

    queue: str
    task_id: str
    owner: str
    replays: int
    attempt: int

    @property
    def key(self) -> str:
        """The name of the record."""
        return _key(self.queue, self.task_id)


class TaskStore:
    """Redis, asked with one script in one round trip; every method raises StoreAwayError where it is away.

    May be used from several threads.
    """

    def __init__(self, settings: Settings, reach: Reach) -> None:
        import redis  # noqa: PLC0415 - 30 ms that `--help` need not pay

        self._settings = settings
        self._reach = reach
        self._redis = redis.Redis.from_url(
            settings.redis_url.reveal(),
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            max_connections=settings.concurrency + 8,
        )
        self._errors = (redis.RedisError, OSError)
        self._script = self._redis.register_script(SCRIPT)
        self._lease = str(int(settings.lease * 1000))
        self._ttl = str(int(settings.result_ttl * 1000))
        self._retry_at = 0.0
        self._reason: str | None = None
        self._memory: collections.OrderedDict[str, tuple[Event, ...]] = collections.OrderedDict()
        self._guard = threading.Lock()

    @property
    def is_away(self) -> bool:
        """Whether the last question was not answered."""
        return bool(self._reason)

    def look(self) -> None:
        """Ask whether Redis is there; raises nothing: `is_away` tells."""
        try:
            self._ask(self._redis.ping)
        except StoreAwayError:
            return

    def begin(self, claim: Claim, task: Task, *, is_redelivered: bool) -> Grant:
        """Ask for the right to run a task; RUN reserves it for `lease` seconds and counts a start."""
        found = self._call(
            claim,
            "begin",
            claim.owner,
            task.digest,
            str(claim.replays),
            str(claim.attempt),
            "1" if is_redelivered else "0",
            self._lease,
            str(self._settings.max_starts),
            self._ttl,
        )
        verdict = Verdict(found[0])
        if verdict is Verdict.RESULT:
            return Grant(verdict, _unpack(found[1]), is_done=bool(found[2]))
        return Grant(verdict, detail=" ".join(filter(None, found[1:])))

    def complete(self, claim: Claim, events: Sequence[Event]) -> Grant:
        """Store the events of a finished task; gives those that stand, which are another's where it was first."""
        self._remember(claim, tuple(events))
        found = self._call(claim, "complete", claim.owner, _pack(events), self._ttl)
        return Grant(Verdict.RESULT, _unpack(found[0]), is_done=bool(found[1]))

    def mark_done(self, claim: Claim) -> None:
        """Note that the events of a finished task are delivered."""
        self._ask(lambda: self._redis.hset(claim.key, "done", "1"))

    def release(self, claim: Claim, *, attempt: int, dead: str = "") -> None:
        """End a run without a result: in order, so its start no longer counts.

        `attempt` is that of the copy that lives on, `dead` why none does.
        """
        self._call(claim, "release", claim.owner, str(claim.replays), str(attempt), dead, self._ttl)

    def renew(self, claim: Claim) -> None:
        """Reserve a task that runs for another `lease` seconds."""
        self._call(claim, "renew", claim.owner, self._lease, self._ttl)

    def leave(self, claim: Claim) -> None:
        """Leave a run to the end of its process: it counts as no start, and stays reserved for `lease` seconds."""
        self._call(claim, "leave", claim.owner, self._lease)

    def explain(self, claim: Claim, why: str) -> None:
        """Note what is known about a run that will not end, for whoever finds its start counted."""
        self._call(claim, "explain", claim.owner, why)

    def forget(self, queue: str, task_id: str) -> None:
        """Remove the record of a task that a person gives up: it may then be published as new.

        That of a finished task stays, and that of one that runs now: what was given up is another copy of it.
        """
        self._ask(lambda: self._script(keys=[_key(queue, task_id)], args=["forget"]))

    def find_events(self, queue: str, task: Task) -> tuple[Event, ...]:
        """Give the events of a task that was finished, and told, before; empty where nothing says so."""
        key = _key(queue, task.id)
        found = self._ask(lambda: self._redis.hmget(key, "result", "done", "digest"))
        result, is_done, digest = found
        return _unpack(result) if is_done and digest in {None, task.digest} else ()

    def recall(self, claim: Claim) -> tuple[Event, ...] | None:
        """Give the events of a task that this process finished, without asking Redis; None where it did not."""
        with self._guard:
            return self._memory.get(claim.key)

    def close(self) -> None:
        """Close the connections."""
        self._redis.close()

    def _remember(self, claim: Claim, events: tuple[Event, ...]) -> None:
        with self._guard:
            self._memory[claim.key] = events
            while len(self._memory) > REMEMBERED:
                self._memory.popitem(last=False)

    def _call(self, claim: Claim, *arguments: str) -> list[str]:
        found: list[str] = self._ask(lambda: self._script(keys=[claim.key], args=arguments))
        return found

    def _ask(self, question: Any) -> Any:  # noqa: ANN401 - as redis answers
        if time.monotonic() < self._retry_at:
            raise StoreAwayError(self._reason or "")
        try:
            found = question()
        except self._errors as error:
            self._retry_at = time.monotonic() + AWAY_PAUSE
            self._reason = str(error) or type(error).__name__
            self._reach.report("redis", self._reason)
            raise StoreAwayError(self._reason) from None
        if self._reason != "":
            self._reason = ""
            self._reach.report("redis", "")
        return found


def _key(queue: str, task_id: str) -> str:
    return f"{PREFIX}:{queue}:{task_id}"


def _pack(events: Sequence[Event]) -> str:
    return json.dumps([[event.topic, event.key, event.value] for event in events])


def _unpack(text: str) -> tuple[Event, ...]:
    return tuple(Event(*entry) for entry in json.loads(text))
