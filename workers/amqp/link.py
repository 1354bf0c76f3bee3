"""One AMQP connection that keeps coming back, and the one thread that does its input and output.

pika's connections belong to the thread that made them. All other threads hand their work over with `call`.
"""

from __future__ import annotations

import logging
import random
import ssl
import time
from typing import TYPE_CHECKING

import pika
from pika.exceptions import AMQPError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from pika.adapters.blocking_connection import BlockingConnection

    from workers.configuration.settings import Settings
    from workers.connectivity import Connectivity

LOG = logging.getLogger(__name__)
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds: the bounds of the exponential backoff between two tries, each with full jitter."""
TICK = 1.0


class LostError(Exception):
    """What a link serves is gone although its connection lives, such as a queue: connect anew, after a pause."""


def parameters(settings: Settings, name: str) -> pika.ConnectionParameters:
    """Give how to connect, under a name that the broker's listings show.

    pika's own defaults block for ever on a memory alarm and take the server's heartbeat (1.4.4).
    """
    options = None
    if settings.rabbitmq_tls:
        context = ssl.create_default_context(cafile=settings.rabbitmq_ca_file or None)
        options = pika.SSLOptions(context, settings.rabbitmq_host)
    return pika.ConnectionParameters(
        host=settings.rabbitmq_host,
        port=settings.rabbitmq_port,
        virtual_host=settings.rabbitmq_vhost,
        credentials=pika.PlainCredentials(settings.rabbitmq_user, settings.rabbitmq_pass.reveal()),
        heartbeat=settings.heartbeat,
        blocked_connection_timeout=60,
        socket_timeout=10,
        stack_timeout=15,
        connection_attempts=1,
        ssl_options=options,
        client_properties={"connection_name": name},
    )


def cluster_name(connection: BlockingConnection) -> str:
    """Give what the broker calls its cluster when it greets a client; empty where it says nothing (3.10 to 4.3 do)."""
    # pika shows the greeting on the connection inside its blocking one only (1.4.4).
    found = connection._impl.server_properties or {}  # noqa: SLF001
    name = found.get("cluster_name", "")
    return name.decode(errors="replace") if isinstance(name, bytes) else str(name)


def pause_before(attempt: int) -> float:
    """Give seconds to wait before a try; `attempt` counts the failed ones before it, from 1."""
    longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempt - 1, 16))
    return random.uniform(0, longest)  # noqa: S311 - jitter


class Link:
    """Runs in the thread that calls `run`, until it is told to stop.

    `on_open` prepares a new connection and may raise LostError; `on_tick` is called about once a second while it is
    open. `generation` counts the connections: what was delivered on an earlier one can no longer be acknowledged.
    `cluster` is what the broker of the last one calls itself. What becomes of each try goes to `reach`.
    """

    def __init__(
        self,
        settings: Settings,
        name: str,
        reach: Connectivity,
        on_open: Callable[[BlockingConnection], None],
        on_tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._name = name
        self._on_open = on_open
        self._on_tick = on_tick
        self._reach = reach
        self._connection: BlockingConnection | None = None
        self.generation = 0
        self.cluster = ""
        self.is_open = False
        self.beat = time.monotonic()

    def run(self, stop: threading.Event) -> None:
        """Keep a connection until `stop` is set, then close it."""
        failures = 0
        while not stop.is_set():
            self.beat = time.monotonic()
            try:
                self._open()
                failures = 0
                self._serve(stop)
            except Exception as error:
                # A connection that breaks in the midst of a call leaves pika in states where it raises anything, such
                # as ValueError (1.4.4). Whatever it is, only a new connection helps, and this thread must live.
                if not isinstance(error, (AMQPError, OSError, LostError)):
                    LOG.exception("rabbitmq_connection_failed")
                self._reach.report(self._name, f"{self._place}: {say(error)}")
                failures += 1
                stop.wait(pause_before(failures))
            finally:
                self._close()

    def call(self, function: Callable[[], None]) -> bool:
        """Let the link's thread call a function soon; False where there is no connection now."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.add_callback_threadsafe(function)
        except AMQPError:
            return False
        return True

    def _open(self) -> None:
        connection = pika.BlockingConnection(parameters(self._settings, self._name))
        self._connection = connection
        self.generation += 1
        self.cluster = cluster_name(connection)
        self._on_open(connection)
        self.is_open = True
        self._reach.report(self._name, "")

    def _serve(self, stop: threading.Event) -> None:
        connection = self._connection
        while connection is not None:
            # Asked before the tick, so that one more tick follows what was done until the stop.
            is_last = stop.is_set()
            self.beat = time.monotonic()
            if not connection.is_open:
                # It broke while a callback used it, and who called heard of it.
                message = "the connection broke"
                raise LostError(message)
            connection.process_data_events(time_limit=0 if is_last else TICK)
            self._on_tick()
            if is_last:
                return

    def _close(self) -> None:
        self.is_open = False
        connection, self._connection = self._connection, None
        if connection is not None and connection.is_open:
            try:
                connection.close()
            except AMQPError as error:
                LOG.debug("rabbitmq_close", extra={"reason": say(error)})

    @property
    def _place(self) -> str:
        return f"{self._settings.rabbitmq_host}:{self._settings.rabbitmq_port}"


def say(error: BaseException) -> str:
    """Give the innermost words of an error: pika wraps what the socket said up to three times (1.4.4)."""
    for inner in (getattr(error, "exception", None), *error.args):
        if isinstance(inner, BaseException):
            return say(inner)
    return str(error) or type(error).__name__
