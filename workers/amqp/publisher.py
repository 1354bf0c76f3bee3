"""Publishes with confirms, on a connection of its own: a memory alarm blocks connections that publish."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING

from pika.exceptions import AMQPError, NackError, UnroutableError

from workers.amqp.link import Link
from workers.errors import PublishError

if TYPE_CHECKING:
    from pika import BasicProperties
    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection

    from workers.reach import Reach
    from workers.settings import Settings

TIMEOUT = 75.0
"""Seconds: longer than the time after which a blocked connection is given up, which ends each wait in order."""

LOOK = 0.5
"""Seconds between two looks whether the connection still lives."""


class Publisher:
    """A thread with a connection in confirm mode. Every message is mandatory: one that no queue takes is an error."""

    def __init__(self, settings: Settings, reach: Reach) -> None:
        self._connection: BlockingConnection
        self._channel: BlockingChannel | None = None
        self._stop = threading.Event()
        self._link = Link(settings, "rabbitmq_publisher", reach, self._prepare)
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

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to publish on."""
        return self._link.is_open

    @property
    def connections(self) -> int:
        """How many connections there were so far."""
        return self._link.generation

    def publish(
        self, exchange: str, routing_key: str, body: bytes, properties: BasicProperties
    ) -> None:
        """Publish a message and wait until the broker has it; from any thread but the publisher's own.

        Raises PublishError where that is not certain: away, blocked by an alarm, refused, or taken by no queue.
        """
        done: Future[None] = Future()

        def send() -> None:
            try:
                self._open_channel().basic_publish(
                    exchange, routing_key, body, properties, mandatory=True
                )
                done.set_result(None)
            except UnroutableError:
                done.set_exception(
                    PublishError(
                        f"no queue takes {exchange or 'the default exchange'} {routing_key}"
                    )
                )
            except Exception as error:
                done.set_exception(PublishError(f"not confirmed: {error or type(error).__name__}"))
                if not isinstance(error, (AMQPError, NackError)):
                    raise

        generation = self._link.generation
        if not self._link.call(send):
            message = "there is no connection to RabbitMQ"
            raise PublishError(message)
        self._wait(done, generation)

    def _wait(self, done: Future[None], generation: int) -> None:
        """Wait for a confirm, and for no longer than the connection lives: what it was to call dies with it."""
        end = time.monotonic() + TIMEOUT
        while True:
            is_lost = self._link.generation != generation or not self._link.is_open
            try:
                return done.result(0 if is_lost else LOOK)
            except FutureTimeoutError:
                if is_lost:
                    message = "the connection to RabbitMQ was lost before it confirmed"
                    raise PublishError(message) from None
                if time.monotonic() > end:
                    message = f"RabbitMQ did not confirm in {TIMEOUT:g} s"
                    raise PublishError(message) from None

    def _prepare(self, connection: BlockingConnection) -> None:
        self._connection = connection
        self._open_channel()

    def _open_channel(self) -> BlockingChannel:
        """Give the channel in confirm mode; a refused publish closes one, such as to an exchange that is missing."""
        if self._channel is None or not self._channel.is_open:
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel
