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
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from workers.errors import StoreAwayError
from workers.events.envelopes import Event
from workers.tasks.store_script import Script

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workers.configuration.settings import Settings
    from workers.connectivity import Connectivity
    from workers.protocol.task import Task

PREFIX = "bizops:workers:record"
OLD_PREFIX = "bizops:workers:task"
"""Of records without a namespace, as workers wrote them before: one task's id was the same task in every vhost."""
PROBE = "bizops:workers:probe"
TIMEOUT = 2.0
"""Seconds that Redis may take for an answer."""
AWAY_PAUSE = 1.0
"""Seconds for which an away Redis is not asked again, so that tasks do not queue up behind time-outs."""
REMEMBERED = 1000
REMEMBERED_BYTES = 16 << 20
"""How many results a worker remembers by itself, and how many bytes they may have together."""
OLD_RECORDS = (
    "WORKER_OLD_RECORDS: must be set, as this Redis holds records of workers from before records had a namespace: "
    "share while such workers may still run, which is for a Redis that one vhost alone uses, or ignore"
)
SCANNED = 5000
"""How many keys Redis looks at in one answer to SCAN: some milliseconds."""


class Verdict(Enum):
    """What to do with a message, as its task's record says."""

    RUN = "run"
    RESULT = "result"  # it is finished: reuse the result
    LEASED = "leased"  # another copy runs now
    STALE = "stale"  # an older copy of what lives on elsewhere
    POISON = "poison"  # too many runs began and never ended
    CONFLICT = "conflict"  # the id is another task's


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id names one task: a queue, of one vhost of one cluster or of what RECORD_NAMESPACE says."""

    namespace: str
    queue: str

    @classmethod
    def of(cls, settings: Settings, cluster: str, queue: str) -> Self:
        """Give the place of a queue on the broker that calls itself `cluster`."""
        return cls(settings.record_namespace or f"{cluster}/{settings.rabbitmq_vhost}", queue)

    def key(self, task_id: str) -> str:
        """Give the name of a task's record."""
        return f"{PREFIX}:{quote(self.namespace, safe='@/')}:{quote(self.queue)}:{task_id}"

    def old_key(self, task_id: str) -> str:
        """Give the name that it had before records had a namespace."""
        return f"{OLD_PREFIX}:{self.queue}:{task_id}"


@dataclass(frozen=True, slots=True)
class LeaseReply:
    """A verdict; `result` is what is stored, `is_done` whether its events were delivered, `detail` what to say."""

    verdict: Verdict
    result: tuple[Event, ...] = ()
    is_done: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """Which copy of which task, and who asks: `owner` is new for each run, so that it fences off an older one.

    `place` says whose task it is: one id names one task in one place and queue.
    """

    place: Place
    task_id: str
    owner: str
    replays: int
    attempt: int

    @property
    def key(self) -> str:
        """The name of the record."""
        return self.place.key(self.task_id)

    @property
    def copy(self) -> tuple[str, str, str]:
        """Who asks, and for which copy of the message."""
        return self.owner, str(self.replays), str(self.attempt)


class Memory:
    """The last results of this process, for when Redis is away; may be used from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: collections.OrderedDict[str, tuple[Event, ...]] = collections.OrderedDict()
        self._bytes = 0

    def keep(self, key: str, events: tuple[Event, ...]) -> None:
        """Keep what a task came to, and let the oldest go where there are too many, or too large ones."""
        with self._guard:
            self._bytes += _weigh(events) - _weigh(self._kept.pop(key, ()))
            self._kept[key] = events
            while self._bytes > REMEMBERED_BYTES or len(self._kept) > REMEMBERED:
                self._bytes -= _weigh(self._kept.popitem(last=False)[1])

    def get(self, key: str) -> tuple[Event, ...] | None:
        """Give what a task came to; None where that is not kept."""
        with self._guard:
            return self._kept.get(key)


def _weigh(events: Sequence[Event]) -> int:
    return sum(len(event.key) + len(event.value) for event in events)


class TaskStore:
    """Redis, asked with one script, whose calls share round trips; each method raises StoreAwayError where it is away.

    A Redis that refuses to write, because it is full or a replica, counts as away until it takes a write again.
    May be used from several threads.
    """

    def __init__(self, settings: Settings, reach: Connectivity) -> None:
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
        self._refusal = redis.ResponseError
        self._script = Script(self._redis)
        self._lease = str(int(settings.lease * 1000))
        self._ttl = str(int(settings.result_ttl * 1000))
        self._retry_at = 0.0
        self._reason: str | None = None
        self._is_refused = False
        self._is_shared = settings.worker_old_records == "share"
        self._is_searched = bool(settings.worker_old_records)
        self._memory = Memory()

    @property
    def is_away(self) -> bool:
        """Whether the last question was not answered, or none may be asked yet."""
        return bool(self._reason) or not self._is_searched

    def look(self) -> bool:
        """Ask whether Redis is there and takes a write; `is_away` tells, nothing is raised.

        Gives whether it holds records of workers from before they had a namespace, and WORKER_OLD_RECORDS does not
        say what to do with them. Nothing is begun before this is known.
        """
        try:
            if self._is_refused:
                self._ask(lambda: self._redis.set(PROBE, "1", px=1000), is_probe=True)
            elif self._is_searched:
                self._ask(self._redis.ping)
            if not self._is_searched:
                found = self._ask(
                    lambda: next(self._redis.scan_iter(f"{OLD_PREFIX}:*", count=SCANNED), None)
                )
                self._is_searched = found is None
                return found is not None
        except StoreAwayError:
            return False
        return False

    def begin(self, claim: LeaseRequest, task: Task, *, is_redelivered: bool) -> LeaseReply:
        """Ask for the right to run a task; RUN reserves it for `lease` seconds and counts a start."""
        if not self._is_searched:
            message = "whether it holds records of older workers is not known yet"
            raise StoreAwayError(message)
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
            return LeaseReply(verdict, _unpack(found[1]), is_done=bool(found[2]))
        return LeaseReply(verdict, detail=" ".join(filter(None, found[1:])))

    def complete(self, claim: LeaseRequest, events: Sequence[Event]) -> LeaseReply:
        """Store the events of a finished task; gives those that stand, which are another's where it was first."""
        self._memory.keep(claim.key, tuple(events))
        found = self._call(claim, "complete", claim.owner, _pack(events), self._ttl)
        return LeaseReply(Verdict.RESULT, _unpack(found[0]), is_done=bool(found[1]))

    def is_taken(self, claim: LeaseRequest) -> bool:
        """Whether the task went on without this run, as after a pause that was longer than its lease."""
        return bool(self._call(claim, "taken", *claim.copy)[0])

    def mark_done(self, claim: LeaseRequest) -> None:
        """Note, without waiting for it, that the events of a finished task are delivered.

        A process that ends before leaves them to be delivered again, under the same ids. Raises StoreAwayError where
        Redis is known to be away.
        """
        if self.is_away:
            raise StoreAwayError(self._reason or "")
        self._script.call(self._keys(claim.place, claim.task_id), ["done"])

    def release(self, claim: LeaseRequest, *, attempt: int, dead: str = "") -> None:
        """End a run without a result: in order, so its start no longer counts.

        `attempt` is that of the copy that lives on, `dead` why none does. Nothing changes where the task went on
        without this run.
        """
        self._call(claim, "release", *claim.copy, str(attempt), dead, self._ttl)

    def renew(self, claim: LeaseRequest) -> None:
        """Reserve a task that runs for another `lease` seconds."""
        self._call(claim, "renew", *claim.copy, self._lease, self._ttl)

    def leave(self, claim: LeaseRequest) -> None:
        """Leave a run to the end of its process: it counts as no start, and stays reserved for `lease` seconds."""
        self._call(claim, "leave", claim.owner, self._lease)

    def explain(self, claim: LeaseRequest, why: str) -> None:
        """Note what is known about a run that will not end, for whoever finds its start counted."""
        self._call(claim, "explain", claim.owner, why)

    def forget(self, place: Place, task_id: str) -> None:
        """Remove the record of a task that a person gives up: it may then be published as new.

        That of a finished task stays, and that of one that runs now: what was given up is another copy of it.
        """
        self._run(place, task_id, "forget")

    def find_events(self, place: Place, task: Task) -> tuple[Event, ...]:
        """Give the events of a task that was finished, and told, before; empty where nothing says so."""
        result, is_done, digest = self._run(place, task.id, "find")
        return _unpack(result) if is_done and digest in {"", task.digest} else ()

    def recall(self, claim: LeaseRequest) -> tuple[Event, ...] | None:
        """Give the events of a task that this process finished, without asking Redis; None where it did not."""
        return self._memory.get(claim.key)

    def close(self) -> None:
        """Close the connections, with what waits to be sent first."""
        self._script.close()
        self._redis.close()

    def _call(self, claim: LeaseRequest, *arguments: str) -> list[str]:
        return self._run(claim.place, claim.task_id, *arguments)

    def _run(self, place: Place, task_id: str, *arguments: str) -> list[str]:
        keys = self._keys(place, task_id)
        found: list[str] = self._ask(lambda: self._script.call(keys, arguments).result())
        return found

    def _keys(self, place: Place, task_id: str) -> list[str]:
        keys = [place.key(task_id)]
        if self._is_shared:
            keys.append(place.old_key(task_id))
        return keys

    def _ask(self, question: Any, *, is_probe: bool = False) -> Any:  # noqa: ANN401 - as redis answers
        if time.monotonic() < self._retry_at:
            raise StoreAwayError(self._reason or "")
        try:
            found = question()
        except self._errors as error:
            self._retry_at = time.monotonic() + AWAY_PAUSE
            self._is_refused = isinstance(error, self._refusal)
            self._reason = str(error) or type(error).__name__
            if self._is_refused:
                # Where in our script it was refused says nothing to anybody.
                self._reason = f"it refuses: {self._reason.partition(' script: ')[0]}"
                # A master that became a replica keeps its connections; a new one may reach the new master.
                self._redis.connection_pool.disconnect(inuse_connections=False)
            self._reach.report("redis", self._reason)
            raise StoreAwayError(self._reason) from None
        # What only reads says nothing about a Redis that refuses to write.
        if self._reason != "" and (is_probe or not self._is_refused):
            self._reason, self._is_refused = "", False
            self._reach.report("redis", "")
        return found


def _pack(events: Sequence[Event]) -> str:
    return json.dumps([[event.topic, event.key, event.value] for event in events])


def _unpack(text: str) -> tuple[Event, ...]:
    return tuple(Event(*entry) for entry in json.loads(text))
