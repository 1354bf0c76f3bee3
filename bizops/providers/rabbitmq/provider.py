"""The live side: reads, writes, and watches one RabbitMQ."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Readiness, System
from bizops.provider import DataAtRisk, Observations, Scope, never
from bizops.providers.rabbitmq import data_at_risk, health, quorum_counts, settling
from bizops.providers.rabbitmq.api import amqp_counts, reads
from bizops.providers.rabbitmq.api.policy_repair import PolicyRepair
from bizops.providers.rabbitmq.api.writer import Writer
from bizops.providers.rabbitmq.batch_reads import BatchReads
from bizops.providers.rabbitmq.live import cluster, exchange_users
from bizops.providers.rabbitmq.live.observations import Observer
from bizops.providers.rabbitmq.naming.names import PROVIDER

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from bizops.change import Outcome, Step
    from bizops.provider import Health
    from bizops.providers.rabbitmq.api.client import Client
    from bizops.providers.rabbitmq.api.retry_time import Unanswered
    from bizops.providers.rabbitmq.declared.connection import Connection
    from bizops.providers.rabbitmq.declared.specs import Settings
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost
    from bizops.resource import Address, Resource


class RabbitMQ:
    """One address of a broker, over its management API; over AMQP only for the question what is at stake."""

    def __init__(
        self,
        client: Client,
        connection: Connection,
        settings: Settings,
        unanswered: Unanswered,
    ) -> None:
        """Ask one client; `unanswered` is that of the apply, wherever it writes."""
        self._client = client
        self._connection = connection
        self._settings = settings
        self._rematching = PolicyRepair(self._client)
        self._unanswered = unanswered
        self._lookups = BatchReads(self._snapshot, self._counted, settings.vhost)
        self._broker: reads.Broker | None = None
        self._met: reads.Broker | None = None

    def meet(self) -> tuple[str, str]:
        """Ask who answers, for the reading that follows. Raises ProviderError.

        Gives the id of its cluster and the name that somebody gave it, each "" where it is not known.
        """
        self._met = reads.identity(self._client, self._connection)
        name = self._met.cluster_name
        return reads.cluster_id(self._client), "" if name == self._met.node else name

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read who it is and everything in the vhosts at hand: seven requests at most, and six for each vhost.

        Quorum queues whose settings become stricter are counted over AMQP as well. Raises ProviderError. A vhost that
        alone cannot be read gives UNREADABLE observations.
        """
        self._broker = self._identity()
        snapshot = self._snapshot(
            {self._settings.vhost, *(self._vhost(resource.address) for resource in resources)}
        )
        asked = quorum_counts.in_question(snapshot, resources, scope.topology)
        snapshot = self._counted(snapshot, asked)
        system = System(
            PROVIDER,
            f"{self._client.url} {self._settings.vhost}",
            self._broker.version,
            self._broker.cluster_name,
            expected=self._connection.expect is not None,
            setting="connections.rabbitmq.url",
            cluster=cluster.state(snapshot.nodes, snapshot.places),
        )
        found = Observer(snapshot, scope).observations(resources)
        others = exchange_users.bystanders(
            snapshot, frozenset(each.address for each in found), scope.topology
        )
        return Observations(system, found, context=snapshot, bystanders=others)

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Count the messages and consumers of queues; nothing else holds data. Raises ProviderError.

        A queue out of reach is not asked: that would hang.
        """
        queues = [address for address in addresses if address.kind == "queue"]
        snapshot = self._snapshot({self._vhost(address) for address in queues})
        found = {
            address: DataAtRisk(address, needs_consent=False, text="nothing")
            for address in addresses
        }
        for name, vhost in snapshot.vhosts.items():
            mine = [address for address in queues if self._vhost(address) == name]
            counts, why = None, ""
            try:
                names = [address.name for address in mine if not _is_away(vhost, address)]
                counts = amqp_counts.count(self._connection, self._client.left, name, names)
            except errors.UnreachableError as error:
                why = str(error)
            found |= {address: data_at_risk.stake(address, vhost, counts, why) for address in mine}
        return [found[address] for address in addresses]

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write over parallel connections, in the phases of `writing`; a broker that gives no answer gets no more.

        No policy goes while one that may take its place could not be written.
        """
        writer = Writer(self._client, self._unanswered, self._settings.vhost, is_stopped)
        if self._unanswered.is_over:
            return [writer.unsent(step) for step in steps]
        self._unanswered.begin()
        started = time.monotonic()
        try:
            filled = self._lookups.filled(steps)
            made = self._lookups.made(steps, self._unanswered.sent)
        except errors.UnreachableError as error:
            self._unanswered.miss(started, str(error))
            return [writer.unsent(step) for step in steps]
        written = writer.write([step for step in steps if step.key not in made], filled)
        self._unanswered.end()
        done = made | {outcome.step.key: outcome for outcome in self._lookups.gone(written)}
        return [done[step.key] for step in steps]

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Look at policies that were deleted and queues that changed in place; all else has settled when written."""
        looked_at = [step for step in steps if not settling.is_immediate(step)]
        if not looked_at:
            return [settling.SETTLED for _ in steps]
        try:
            found = self._looked_at(looked_at)
        except errors.ProviderError as error:
            unread = Readiness(unread=True, detail=str(error))
            found = dict.fromkeys((step.key for step in looked_at), unread)
        return [found.get(step.key, settling.SETTLED) for step in steps]

    def _looked_at(self, steps: Sequence[Step]) -> dict[tuple[str, str], Readiness]:
        vhosts = {settling.vhost_of(step, self._settings.vhost) for step in steps}
        snapshot = self._snapshot(vhosts, is_whole=False)
        changes = [step.change for step in steps if step.change is not None]
        resources = [change.resource for change in changes if change.resource is not None]
        topology = settling.topology_of(steps[0])
        observer = Observer(snapshot, Scope(topology))
        found = {observed.address: observed for observed in observer.observations(resources)}
        for name in vhosts:
            about = [
                step for step in steps if settling.vhost_of(step, self._settings.vhost) == name
            ]
            self._rematching.look(name, topology, settling.left_behind(about, snapshot, name))
        return {step.key: settling.readiness(step, snapshot, found) for step in steps}

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Read the queues with their statistics. Raises ProviderError."""
        del scope
        broker = self._identity()
        vhosts = sorted({self._vhost(resource.address) for resource in resources})
        paths = [health.path(vhost) for vhost in vhosts]
        paths += [reads.NODES] if broker.shows_nodes else []
        answers = self._client.read_all(paths)
        nodes = answers.pop() if broker.shows_nodes else None
        for answer in answers:
            if isinstance(answer, errors.ProviderError):
                raise answer
        listings = {
            vhost: {queue["name"]: queue for queue in answer}
            for vhost, answer in zip(vhosts, answers, strict=True)
        }
        places = [cluster.place(item) for listing in listings.values() for item in listing.values()]
        known = reads.nodes(nodes, places)
        return health.health(resources, listings, self._settings.vhost, known)

    def _identity(self) -> reads.Broker:
        """Give who answers, asked anew unless `meet` just did: an answer may take as long as a request is allowed."""
        met, self._met = self._met, None
        return met or reads.identity(self._client, self._connection)

    def _vhost(self, address: Address) -> str:
        return address.scope or self._settings.vhost

    def _snapshot(self, vhosts: Collection[str], *, is_whole: bool = True) -> Snapshot:
        if self._broker is None:
            self._broker = self._identity()
        return reads.snapshot(
            self._client, self._broker, self._settings.vhost, vhosts, is_whole=is_whole
        )

    def _counted(self, snapshot: Snapshot, asked: Mapping[str, Collection[str]]) -> Snapshot:
        """Count these quorum queues over AMQP; where it does not answer, how much they hold stays unknown."""
        vhosts = dict(snapshot.vhosts)
        for name, queues in asked.items():
            with contextlib.suppress(errors.UnreachableError):
                counts = amqp_counts.count(
                    self._connection, self._client.left, name, sorted(queues)
                )
                vhosts[name] = quorum_counts.counted(vhosts[name], counts)
        return replace(snapshot, vhosts=vhosts)


def _is_away(vhost: Vhost, address: Address) -> bool:
    return address.name in vhost.queues and bool(vhost.queues[address.name].away)
