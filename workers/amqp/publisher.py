"""Publishes with confirms, on a connection of its own: a memory alarm blocks connections that publish."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING

from pika import exceptions, spec
from pika.exceptions import AMQPError

from workers import interrupts
from workers.amqp.link import Link
from workers.errors import PublishError, RefusedError, UnroutableError, UnsendableError

if TYPE_CHECKING:
    from pika import BasicProperties
    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

    from workers.configuration.settings import Settings
    from workers.connectivity import Connectivity

NAME = "rabbitmq_publisher"
TIMEOUT = 75.0
"""Seconds: longer than the time after which a blocked connection is given up, which ends each wait in order."""
CONNECTION_FORCED = 320
"""With this code a broker that goes, or a person, closes a connection; all others blame what was sent."""
MOST_PROPERTIES = spec.FRAME_MAX_SIZE - spec.FRAME_HEADER_SIZE - spec.FRAME_END_SIZE - 12
"""Bytes of a message's properties: one frame holds them, with 12 octets before (AMQP 0-9-1, 4.2.6.1)."""
GLANCE = 1.0
"""Seconds between two looks whether the connection that should confirm is still there."""


class Publisher:
    """A thread with a connection in confirm mode. Every message is mandatory: one that no queue takes is an error."""

    def __init__(self, settings: Settings, reach: Connectivity) -> None:
        self._connection: BlockingConnection
        self._channel: BlockingChannel | None = None
        self._stop = threading.Event()
        self._reach = reach
        self._link = Link(settings, NAME, reach, self._prepare)
        self._thread = threading.Thread(
            target=self._link.run, args=(self._stop,), name="publisher", daemon=True
        )

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._thread.start()

    def close(self, timeout: float) -> None:
        """Close the connection; waits for it, at most `timeout` seconds."""
        self._stop.set()
        self._link.call(lambda: None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def wait(self, timeout: float) -> None:
        """Wait for the connection; raises PublishError as soon as a try fails, or after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.is_open:
            if self._reach.why(NAME) or time.monotonic() > deadline:
                raise PublishError(self._away())
            interrupts.pause(0.01)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to publish on."""
        return self._link.is_open

    @property
    def cluster(self) -> str:
        """What the broker of the last connection calls itself."""
        return self._link.cluster

    @property
    def connections(self) -> int:
        """How many connections there were so far."""
        return self._link.generation

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: BasicProperties,
        timeout: float = TIMEOUT,
    ) -> None:
        """Publish a message and wait until the broker has it; from any thread but the publisher's own.

        Raises PublishError where that is not certain after `timeout` seconds: away, or blocked by an alarm; of those,
        RefusedError where the broker says no, UnroutableError where no queue takes it, and UnsendableError where it
        cannot be sent.
        """
        _check(properties)
        done: Future[None] = Future()

        def send() -> None:
            try:
                self._open_channel().basic_publish(
                    exchange, routing_key, body, properties, mandatory=True
                )
                done.set_result(None)
            except Exception as error:
                done.set_exception(_failure(error, exchange, routing_key))
                if not isinstance(error, AMQPError):
                    raise

        generation = self._link.generation
        if not self._link.call(send):
            raise PublishError(self._away())
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            interrupts.check()
            try:
                return done.result(min(left, GLANCE))
            except FutureTimeoutError:
                # What was handed over just before a connection was lost is never called.
                is_there = self._link.call(lambda: None) and self._link.generation == generation
            if not is_there and not done.done():
                message = "the connection to RabbitMQ was lost before it confirmed"
                raise PublishError(message)
        message = f"RabbitMQ did not confirm in {timeout:g} s"
        raise PublishError(message)

    def _away(self) -> str:
        return f"RabbitMQ cannot be reached: {self._reach.why(NAME) or 'no answer yet'}"

    def _prepare(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._open_channel()

    def _open_channel(self) -> BlockingChannel:
        """Give the channel in confirm mode; a refused publish closes one, such as to an exchange that is missing."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel


def _check(properties: BasicProperties) -> None:
    """Raise UnsendableError for properties that pika would fail over, or the broker close the connection.

    Either would cost the publishes of all other threads their connection as well.
    """
    try:
        size = sum(map(len, properties.encode()))
    except Exception as error:  # noqa: BLE001 - pika's encoder raises anything, such as struct.error
        message = f"its properties cannot be encoded: {error}"
        raise UnsendableError(message) from None
    if size > MOST_PROPERTIES:
        message = f"its properties have {size} bytes, and one frame has room for {MOST_PROPERTIES}"
        raise UnsendableError(message)


def _failure(error: Exception, exchange: str, routing_key: str) -> PublishError:
    match error:
        case exceptions.UnroutableError():
            where = f"{exchange} {routing_key}" if exchange else routing_key
            return UnroutableError(f"no queue takes {where}")
        case exceptions.NackError() | exceptions.ChannelClosedByBroker():
            return RefusedError(f"refused: {_why(error, routing_key)}")
        case exceptions.ConnectionClosedByBroker() if error.reply_code != CONNECTION_FORCED:
            return UnsendableError(f"RabbitMQ closes the connection over it: {error.reply_text}")
    return PublishError(f"not confirmed: {error or type(error).__name__}")


def _why(error: AMQPError, routing_key: str) -> str:
    """Give the broker's words; with a negative confirm it says none, and sends it for a full queue alone."""
    if isinstance(error, exceptions.ChannelClosedByBroker):
        return str(error.reply_text)
    return f"{routing_key} is full (overflow: reject-publish)"
