"""The live side: reads, writes, and watches one RabbitMQ."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops import errors
from bizops.change import Action, Outcome, Readiness, Status, System
from bizops.provider import Observations, Scope, Stake
from bizops.providers.rabbitmq import amqp, counting, health, reading, settling, stakes, writing
from bizops.providers.rabbitmq.client import Client
from bizops.providers.rabbitmq.lease import QueueLease
from bizops.providers.rabbitmq.live import Snapshot, version
from bizops.providers.rabbitmq.names import PROVIDER
from bizops.providers.rabbitmq.observing import Observer
from bizops.providers.rabbitmq.rematching import Rematching

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.change import Step
    from bizops.provider import Health, Lease, Options
    from bizops.providers.rabbitmq.connection import Connection
    from bizops.providers.rabbitmq.payload import PolicyWrite
    from bizops.providers.rabbitmq.specs import Settings
    from bizops.resource import Address, Resource


class RabbitMQ:
    """One broker, over its management API; over AMQP only for the question what is at stake."""

    def __init__(self, connection: Connection, settings: Settings, options: Options) -> None:
        self._connection = connection
        self._settings = settings
        self._options = options
        self._client = Client(connection, options)
        self._rematching = Rematching(self._client)
        self._broker: reading.Broker | None = None

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read who it is and everything in the vhosts at hand: one request, and five for each vhost.

        Quorum queues whose settings become stricter are counted over AMQP as well. Raises ProviderError. A vhost that
        alone cannot be read gives UNREADABLE observations.
        """
        self._broker = reading.identity(self._client, self._connection)
        snapshot = self._snapshot(
            {self._settings.vhost, *(self._vhost(resource.address) for resource in resources)}
        )
        asked = counting.in_question(snapshot, resources, scope.topology)
        snapshot = self._counted(snapshot, asked)
        system = System(
            PROVIDER,
            f"{self._client.url} {self._settings.vhost}",
            self._broker.version,
            self._broker.cluster_name,
            expected=self._connection.expect is not None,
            setting="connections.rabbitmq.url",
        )
        return Observations(
            system, Observer(snapshot, scope).observations(resources), context=snapshot
        )

    def weigh(self, addresses: Sequence[Address]) -> Sequence[Stake]:
        """Count the messages and consumers of queues; nothing else holds data. Raises ProviderError."""
        queues = [address for address in addresses if address.kind == "queue"]
        snapshot = self._snapshot({self._vhost(address) for address in queues})
        found = {
            address: Stake(address, needs_consent=False, text="nothing") for address in addresses
        }
        for name, vhost in snapshot.vhosts.items():
            mine = [address for address in queues if self._vhost(address) == name]
            counts, why = None, ""
            try:
                names = [address.name for address in mine]
                counts = amqp.count(self._connection, self._options.timeout, name, names)
            except errors.UnreachableError as error:
                why = str(error)
            found |= {address: stakes.stake(address, vhost, counts, why) for address in mine}
        return [found[address] for address in addresses]

    def apply(self, steps: Sequence[Step]) -> Sequence[Outcome]:
        """Write over parallel connections, in the phases of `writing`; a broker that is silent gets no more.

        No policy goes while one that may take its place could not be written.
        """
        filled = self._filled_meanwhile(steps)
        silence: list[str] = []
        done: dict[tuple[str, str], Outcome] = {}

        def carry_out(step: Step) -> Outcome:
            if step.key in filled:
                return Outcome(step, Status.FAILED, filled[step.key])
            missing = _missing(done) if writing.is_old_policy(step) else None
            if missing is not None:
                text = f"stays: {missing.step.key[0]} may have to take its place: {missing.detail}"
                return Outcome(step, missing.status, text)
            request = writing.request(step, self._settings.vhost)
            if request is None:
                return Outcome(step, Status.APPLIED)
            if silence:
                return Outcome(step, Status.RETRY, silence[0])
            answer = self._client.write(request)
            if answer.is_unanswered:
                silence.append(answer.reason)
            return writing.outcome(step, answer)

        for phase in writing.phases(steps):
            ended = self._client.map(lambda chain: [carry_out(step) for step in chain], phase)
            done |= {outcome.step.key: outcome for outcomes in ended for outcome in outcomes}
        return [done[step.key] for step in steps]

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Look at policies that were deleted and queues that changed in place; all else has settled when written."""
        looked_at = [step for step in steps if not settling.is_immediate(step)]
        if not looked_at:
            return [settling.SETTLED for _ in steps]
        vhosts = {_vhost_of(step, self._settings.vhost) for step in looked_at}
        snapshot = self._snapshot(vhosts, is_whole=False)
        changes = [step.change for step in looked_at if step.change is not None]
        resources = [change.resource for change in changes if change.resource is not None]
        topology = settling.topology_of(looked_at[0])
        observer = Observer(snapshot, Scope(topology))
        found = {observed.address: observed for observed in observer.observations(resources)}
        for name in vhosts:
            about = [step for step in looked_at if _vhost_of(step, self._settings.vhost) == name]
            self._rematching.look(name, topology, settling.left_behind(about, snapshot, name))
        return [
            settling.SETTLED
            if settling.is_immediate(step)
            else settling.readiness(step, snapshot, found)
            for step in steps
        ]

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give the lock of a topology, in the section's vhost."""
        return QueueLease(self._client, self._settings.vhost, topology, holder)

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Read the queues with their statistics. Raises ProviderError."""
        del scope
        reading.identity(self._client, self._connection)
        vhosts = sorted({self._vhost(resource.address) for resource in resources})
        answers = self._client.read_all([health.path(vhost) for vhost in vhosts])
        for answer in answers:
            if isinstance(answer, errors.ProviderError):
                raise answer
        listings = {
            vhost: {queue["name"]: queue for queue in answer}
            for vhost, answer in zip(vhosts, answers, strict=True)
        }
        return health.health(resources, listings, self._settings.vhost)

    def close(self) -> None:
        """Give back the connections."""
        self._client.close()

    def _vhost(self, address: Address) -> str:
        return address.scope or self._settings.vhost

    def _snapshot(self, vhosts: Collection[str], *, is_whole: bool = True) -> Snapshot:
        if self._broker is None:
            self._broker = reading.identity(self._client, self._connection)
        found = reading.vhosts(self._client, vhosts, is_whole=is_whole) if vhosts else {}
        return Snapshot(version(self._broker.version), self._settings.vhost, found)

    def _counted(self, snapshot: Snapshot, asked: Mapping[str, Collection[str]]) -> Snapshot:
        """Count these quorum queues over AMQP; where it does not answer, how much they hold stays unknown."""
        vhosts = dict(snapshot.vhosts)
        for name, queues in asked.items():
            with contextlib.suppress(errors.UnreachableError):
                counts = amqp.count(self._connection, self._options.timeout, name, sorted(queues))
                vhosts[name] = counting.counted(vhosts[name], counts)
        return replace(snapshot, vhosts=vhosts)

    def _filled_meanwhile(self, steps: Sequence[Step]) -> dict[tuple[str, str], str]:
        """Look once more at queues that would lose what they hold, and were empty when that was planned."""
        guarded = [
            (step, step.write.payload)
            for step in steps
            if step.write is not None and step.action is Action.CREATE and step.write.payload.empty
        ]
        if not guarded:
            return {}
        snapshot = self._snapshot({payload.vhost for _, payload in guarded}, is_whole=False)
        for _, payload in guarded:
            queues = snapshot.vhosts[payload.vhost].queues
            uncounted = [q for q in payload.empty if q in queues and queues[q].type == "quorum"]
            if uncounted:
                snapshot = self._counted(snapshot, {payload.vhost: uncounted})
        found: dict[tuple[str, str], str] = {}
        for step, payload in guarded:
            queues = snapshot.vhosts[payload.vhost].queues
            filled = [q for q in payload.empty if q in queues and not queues[q].is_known_empty]
            if filled:
                names = ", ".join(filled)
                found[step.key] = f"messages came into {names} since the plan was made; plan again"
        return found


def _missing(done: Mapping[tuple[str, str], Outcome]) -> Outcome | None:
    """Give the first policy that could not be written."""
    failed = (o for o in done.values() if o.status is not Status.APPLIED)
    return next((outcome for outcome in failed if writing.is_new_policy(outcome.step)), None)


def _vhost_of(step: Step, section_vhost: str) -> str:
    """Give the vhost that a step is about."""
    if step.write is not None:
        payload: PolicyWrite = step.write.payload
        return payload.vhost
    assert step.change is not None  # noqa: S101 - one of the two is always there
    return step.change.address.scope or section_vhost
