"""One reading of a cluster: begun with new connections, ended by one deadline, all of it asked of one broker.

The broker that gave the metadata is asked for everything else, the controller included. What a broker knows is old
once it does not hear from a controller, and it says so to nobody: on KRaft (tried on 4.3) the last of
three brokers lists the two dead ones for ever, with their leaders. A request that it has to pass on to the controller
is not answered then.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, TopicCollection

from bizops import errors
from bizops.providers.kafka.api import admin
from bizops.providers.kafka.api.client import is_transient, settled
from bizops.providers.kafka.api.controller import Probe
from bizops.providers.kafka.api.deadline import Deadline
from bizops.providers.kafka.live.members import Members, brokers, members

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from confluent_kafka.admin import ClusterMetadata, ConfigEntry

    from bizops.providers.kafka.api.client import Client

_T = TypeVar("_T")

_TOPICS_IN_A_REQUEST = 100
_TRIES = 3
_ELECTION = 12.0
"""Seconds beyond the deadline in which another controller may be reached, where most brokers answer.

A broker that was connecting to the host of the dead one waits for `socket.connection.setup.timeout.ms` first: 10 s, and
up to a fifth more.
"""


class Reading:
    """What a cluster said: its metadata and members at once, the rest when asked for.

    Every method raises ProviderError where the request as a whole fails; what fails for one topic is given as a
    KafkaError in its place. Requests that name many topics are cut into pieces: a broker works off those of one
    connection one after the other. It takes the time of a request, or `seconds` where these are fewer. With
    `needs_controller` it fails where no controller answers: it may be old then.
    """

    def __init__(
        self, client: Client, *, needs_controller: bool = False, seconds: float = math.inf
    ) -> None:
        self.deadline = Deadline(min(client.timeout, seconds))
        self._client = client
        self._needs_controller = needs_controller
        self.metadata: ClusterMetadata
        self.members: Members
        self._begin()

    def existing(self, names: Sequence[str]) -> dict[str, KafkaError | None]:
        """Ask about topics by name, which also tells those that this user may not describe from absent ones."""
        return {
            name: result if isinstance(result, KafkaError) else None
            for name, result in self._described(names).items()
        }

    def ids(self, names: Sequence[str]) -> dict[str, str]:
        """Give the id that each topic got when it was made: another one of the same name has another."""
        return {
            name: str(result.topic_id)
            for name, result in self._described(names).items()
            if not isinstance(result, KafkaError)
        }

    def configs(self, names: Sequence[str]) -> dict[str, dict[str, ConfigEntry] | KafkaError]:
        """Read every config of every topic named."""

        def ask(piece: list[str], seconds: float) -> dict[str, Future[Any]]:
            return admin.describe_configs(self._client.admin(), piece, self._home, seconds)

        return self._each(names, ask, "describing configs")

    def _described(self, names: Sequence[str]) -> dict[str, Any]:
        def ask(piece: list[str], seconds: float) -> Mapping[str, Future[Any]]:
            client = self._client.controller()
            return client.describe_topics(TopicCollection(piece), request_timeout=seconds)

        return self._each(names, ask, "describing topics")

    def broker_configs(self) -> dict[str, str]:
        """Read what is in force on the broker that is read; nothing where this user may not."""
        found = settled(admin.describe_broker(self._client.admin(), self._home, self.deadline.left))
        entries = found[self._home]
        if isinstance(entries, KafkaError):
            if is_transient(entries):
                raise self._client.lost(entries, "describing a broker")
            return {}
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def again(self) -> ClusterMetadata:
        """Read the metadata once more, of whichever broker."""
        self.metadata = self._client.metadata(self.deadline.left)
        return self.metadata

    def addresses(self, numbers: Collection[int] = ()) -> list[str]:
        """Give host and port of these brokers, or of every one that answers."""
        found = self.metadata.brokers
        wanted = sorted(numbers or self.members.answering)
        return [f"{found[n].host}:{found[n].port}" for n in wanted]

    def _begin(self) -> None:
        self._read()
        if self._needs_controller:
            self._await_controller()

    def _read(self, servers: Sequence[str] = ()) -> None:
        self._client.renew(servers)
        self.metadata = self._client.metadata(self.deadline.left)
        answering = self._client.answering(self.metadata, self.deadline)
        self.members = members(self.metadata, answering)
        asked = self._asked()
        self._is_home_known = asked in answering
        self._home = asked if self._is_home_known else min(answering)

    def _asked(self) -> int:
        """Give the id of the broker that gave the metadata, or -1: a bootstrap server has an address only."""
        found: Any = self.metadata
        if found.orig_broker_id >= 0:
            return int(found.orig_broker_id)
        address = found.orig_broker_name.removesuffix("/bootstrap").rpartition("://")[2]
        return next(
            (
                number
                for number, broker in self.metadata.brokers.items()
                if f"{broker.host}:{broker.port}" == address
            ),
            -1,
        )

    def _await_controller(self) -> None:
        """Wait until the broker that is read has reached the controller; where only others do, begin with those.

        Raises UnreachableError where none does before the deadline, and _ELECTION seconds later where most brokers
        answer: these elect another controller, and some of them have been seen to reach it after twelve seconds only.
        """
        may_elect = len(self.members.answering) > len(self.members.down)
        while True:
            probe = Probe(self._client.scout(), self.members.answering, self.deadline.left)
            reaching = probe.reaching(self.deadline)
            if not reaching and may_elect:
                may_elect = False
                self.deadline = Deadline(_ELECTION)
                # A broker answers the requests of a connection one after the other: ours would wait behind the last.
                self._read(self.addresses())
                continue
            if not reaching:
                raise self._no_controller()
            if self.deadline.left < self._client.patience:
                self.deadline = Deadline(self._client.patience)  # the rest takes milliseconds
            self._client.prefer(reaching, self.metadata)
            if not self._is_home_known:
                self._home = min(reaching)
            if reaching == self.members.answering or (
                self._is_home_known and self._home in reaching
            ):
                return
            self._read(self.addresses(reaching))

    def _no_controller(self) -> errors.UnreachableError:
        found = self.members
        others = f" ({found.text})" if found.down else ""
        return errors.UnreachableError(
            f"no controller answers{others}: what broker {self._home} knows may be old",
            remedy=f"bring back {brokers(found.down)}" if found.down else "look at the controllers",
        )

    def _each(
        self,
        names: Sequence[str],
        ask: Callable[[list[str], float], Mapping[str, Future[Any]]],
        doing: str,
    ) -> dict[str, Any]:
        """Send one kind of read in pieces, all at once, and give the result or the KafkaError of each name.

        What gets no answer is asked of another broker, with new connections.
        """
        results: dict[str, Any] = {}
        left = list(names)
        for number in range(_TRIES):
            left_over = self.deadline.left
            seconds = left_over if number else min(self._client.patience, left_over)
            asked: dict[str, Future[Any]] = {}
            for piece in _pieces(left, _TOPICS_IN_A_REQUEST):
                asked.update(ask(piece, seconds))
            results.update(settled(asked))
            before, left = left, [name for name in left if is_transient(results[name])]
            if not left:
                return results
            if len(left) < len(before):
                self.deadline.extend()
            if self.deadline.is_over:
                break
            self._begin()
        raise self._client.lost(results[left[0]], doing)


def _pieces(items: Sequence[_T], size: int) -> Iterator[list[_T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
