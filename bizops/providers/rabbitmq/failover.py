"""One cluster behind several addresses: whole readings from one of them, and the next one where it gives no answer.

A reading is never put together from two nodes, which may be apart: it is begun again at the next address. What may be
written again elsewhere is decided in `writing.unanswered`: what was not sent, and what is the same when it is done
twice. Before anything is written at another address it has to be the cluster that was read.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from bizops import errors
from bizops.provider import never
from bizops.providers.rabbitmq.api.addresses import AWAY, Addresses
from bizops.providers.rabbitmq.api.retry_time import AGAIN, Unanswered
from bizops.providers.rabbitmq.lease import REQUEST_SECONDS, QueueLease
from bizops.providers.rabbitmq.provider import RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bizops.change import Outcome, Readiness, Step
    from bizops.provider import DataAtRisk, Health, Lease, Observations, Options, Scope
    from bizops.providers.rabbitmq.api.client import Client
    from bizops.providers.rabbitmq.declared.connection import Connection
    from bizops.providers.rabbitmq.declared.specs import Settings
    from bizops.resource import Address, Resource

_Found = TypeVar("_Found")
_SHARE = 2.0
"""Times the seconds for one request: what a whole reading may take, at all addresses together."""
_LEAST = 1.0
"""Seconds that a reading has at an address in any case: with fewer left it is not begun again at the next one."""


class Failover:
    """The live side of RabbitMQ: a `RabbitMQ` for each address, and the one that is asked."""

    def __init__(self, connection: Connection, settings: Settings, options: Options) -> None:
        self._settings = settings
        self._options = options
        self._addresses = Addresses(connection, options)
        # Renewals go over connections of their own: they must not wait behind writes.
        patient = replace(options, timeout=min(options.timeout, REQUEST_SECONDS), parallelism=1)
        self._of_lease = Addresses(connection, patient)
        again = AGAIN if len(connection.url) > 1 else 0.0
        self._unanswered = Unanswered(options.timeout + again)
        self._patience = options.timeout * (1 if len(connection.url) > 1 else _SHARE)
        self._lives: dict[str, RabbitMQ] = {}
        self._cluster: tuple[str, str] | None = None

    def observe(self, resources: Sequence[Resource], scope: Scope) -> Observations:
        """Read from one address; a warning names those that gave no answer. Raises ProviderError."""
        found = self._read(lambda live: live.observe(resources, scope))
        warning = self._addresses.warning()
        return replace(found, warnings=(warning, *found.warnings)) if warning else found

    def weigh(self, addresses: Sequence[Address]) -> Sequence[DataAtRisk]:
        """Count what is at stake, all of it at one address. Raises ProviderError."""
        return self._read(lambda live: live.weigh(addresses))

    def readiness(self, steps: Sequence[Step]) -> Sequence[Readiness]:
        """Look at what was written, all of it at one address. Raises ProviderError."""
        return self._read(lambda live: live.readiness(steps))

    def status(self, resources: Sequence[Resource], scope: Scope) -> Health:
        """Read the health from one address. Raises ProviderError."""
        return self._read(lambda live: live.status(resources, scope))

    def apply(
        self, steps: Sequence[Step], is_stopped: Callable[[], bool] = never
    ) -> Sequence[Outcome]:
        """Write at one address. What got no answer and may be tried again goes to the next. Raises ProviderError."""
        try:
            return self._written(steps, is_stopped)
        except AWAY as error:  # raised before anything is sent
            if not any(step.key in self._unanswered.sent for step in steps):
                raise
            return [self._unanswered.unsent(step, str(error)) for step in steps]

    def _written(self, steps: Sequence[Step], is_stopped: Callable[[], bool]) -> Sequence[Outcome]:
        client = self._addresses.chosen()
        client.unanswered = ""
        try:
            return self._live(client).apply(steps, is_stopped)
        except AWAY as error:
            client.unanswered = str(error)
            raise
        finally:
            if client.unanswered:
                self._addresses.lose(client, client.unanswered)

    def lease(self, topology: str, holder: str) -> Lease | None:
        """Give the lock of a topology, in the section's vhost."""
        self._of_lease.heed(self._addresses)
        return QueueLease(self._of_lease, self._settings.vhost, topology, holder)

    def close(self) -> None:
        """Give back the connections."""
        self._addresses.close()
        self._of_lease.close()

    def _read(self, work: Callable[[RabbitMQ], _Found]) -> _Found:
        """Do it with one address; where that gives no answer, all of it again with the next. Raises ProviderError.

        An address that is there, and has no answer to this, waits for another node itself; so would the next one. All
        of it has one deadline, which is twice that of a request; one address of several has that of one request.
        """
        said: list[str] = []
        until = time.monotonic() + _SHARE * self._options.timeout
        while True:
            client = self._addresses.chosen(min(self._options.timeout, until - time.monotonic()))
            client.unanswered = ""
            try:
                with client.bounded(max(_LEAST, min(until - time.monotonic(), self._patience))):
                    found = work(self._live(client))
                failed: errors.ProviderError | None = None
            except AWAY as error:
                failed = error
            if failed is None and not client.unanswered:
                return found
            why = client.unanswered or str(failed)
            is_last = len(said) + 1 == len(self._addresses) or time.monotonic() > until - _LEAST
            if is_last or (client.unanswered and self._addresses.is_there(client)):
                if failed is None:
                    return found
                raise self._failure(failed, said)
            said.append(why)
            self._addresses.lose(client, why)

    def _failure(self, failed: errors.ProviderError, said: Sequence[str]) -> errors.ProviderError:
        """Give the error of the address that was asked last, with what those before it said."""
        if len(self._addresses) == 1:
            return failed
        others = said or self._addresses.passed()
        text = f"{failed}; {'; '.join(others)}" if others else str(failed)
        return type(failed)(text, remedy=failed.remedy, setting=failed.setting)

    def _live(self, client: Client) -> RabbitMQ:
        """Give the provider at an address; raises WrongSystemError where that is not the cluster of the others."""
        if client.url not in self._lives:
            connection = self._addresses.connection(client.url)
            live = RabbitMQ(client, connection, self._settings, self._unanswered)
            if len(self._addresses) > 1:
                self._check(client, live.meet())
            self._lives[client.url] = live
        return self._lives[client.url]

    def _check(self, client: Client, cluster: tuple[str, str]) -> None:
        """Compare ids, else names, with the first address; where one is not known nothing tells clusters apart."""
        self._cluster = self._cluster or cluster
        for mine, other in zip(self._cluster, cluster, strict=True):
            if mine and other and mine != other:
                message = (
                    f"{client.url} is cluster {other}, and another address of connections.rabbitmq.url is cluster "
                    f"{mine}: a list has the nodes of one cluster"
                )
                raise errors.WrongSystemError(message)
            if mine and other:
                return
