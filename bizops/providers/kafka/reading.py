"""One reading of a cluster: begun with new connections, ended by one deadline, all of it asked of one broker.

The broker that gave the metadata is asked for everything else, the controller included. What a broker knows is old
once it does not hear from a controller, and it says so to nobody: on KRaft (tried on 3.9, 4.0 and 4.3) the last of
three brokers lists the two dead ones for ever, with their leaders. A request that it has to pass on to the controller
is not answered then.
"""

from __future__ import annotations

from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from bizops import errors
from bizops.providers.kafka import admin
from bizops.providers.kafka.client import NO_TOPIC, is_silence, is_transient, settled
from bizops.providers.kafka.deadline import Deadline
from bizops.providers.kafka.members import Members, brokers, members

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from confluent_kafka.admin import ClusterMetadata

    from bizops.providers.kafka.client import Client

_T = TypeVar("_T")

_TOPICS_IN_A_REQUEST = 100
_TRIES = 3


class Reading:
    """What a cluster said: its metadata and members at once, the rest when asked for.

    Every method raises ProviderError where the request as a whole fails; what fails for one topic is given as a
    KafkaError in its place. Requests that name many topics are cut into pieces: a broker works off those of one
    connection one after the other.
    """

    def __init__(self, client: Client) -> None:
        self.deadline = Deadline(client.timeout)
        self._client = client
        self.metadata: ClusterMetadata
        self.members: Members
        self._begin()

    def existing(self, names: Sequence[str]) -> dict[str, KafkaError | None]:
        """Ask about topics by name, which also tells those that this user may not describe from absent ones."""

        def ask(piece: list[str], seconds: float) -> Mapping[str, Future[Any]]:
            client = self._client.controller()
            return client.describe_topics(TopicCollection(piece), request_timeout=seconds)

        found = self._each(names, ask, "describing topics")
        return {
            name: result if isinstance(result, KafkaError) else None
            for name, result in found.items()
        }

    def configs(self, names: Sequence[str]) -> dict[str, dict[str, ConfigEntry] | KafkaError]:
        """Read every config of every topic named."""

        def ask(piece: list[str], seconds: float) -> dict[str, Future[Any]]:
            return admin.describe_configs(self._client.admin(), piece, self._home, seconds)

        return self._each(names, ask, "describing configs")

    def await_controller(self) -> None:
        """Wait until the controller has answered; raises UnreachableError where none does before the deadline."""
        for number, future in self._asked_controller.items():
            try:
                future.result(timeout=self.deadline.left)
            except NotYet:
                raise self._no_controller(number) from None
            except KafkaException as error:
                if is_silence(error.args[0]):
                    raise self._no_controller(number) from None

    def again(self) -> ClusterMetadata:
        """Read the metadata once more, of whichever broker."""
        self.metadata = self._client.metadata(self.deadline.left)
        return self.metadata

    def addresses(self) -> list[str]:
        """Give host and port of every broker that answers."""
        found = self.metadata.brokers
        return [f"{found[n].host}:{found[n].port}" for n in sorted(self.members.answering)]

    def _begin(self) -> None:
        self._client.renew()
        self.metadata = self._client.metadata(self.deadline.left)
        answering = self._client.answering(self.metadata, self.deadline)
        self.members = members(self.metadata, answering)
        asked = self._asked()
        self._is_home_known = asked in answering
        self._home = asked if self._is_home_known else min(answering)
        self._asked_controller = self._ask_controller()

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

    def _ask_controller(self) -> dict[int, Future[Any]]:
        """Ask for a controller through the broker that gave the metadata, or through all if that is not known.

        Nothing is written: it is a config of a topic that cannot be, and `validate_only`. A refusal is an answer too,
        and the controller's own: a KRaft broker passes the request on before it looks at rights.
        """
        entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ConfigResource.Type.TOPIC, NO_TOPIC, incremental_configs=[entry])
        scout = self._client.scout()
        through = {self._home} if self._is_home_known else self.members.answering
        return {
            number: scout.incremental_alter_configs(
                [asked], request_timeout=self.deadline.left, validate_only=True, broker=number
            )[asked]
            for number in sorted(through)
        }

    def _no_controller(self, number: int) -> errors.UnreachableError:
        found = self.members
        others = f" ({found.text})" if found.down else ""
        return errors.UnreachableError(
            f"no controller answers{others}: what broker {number} knows may be old",
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
