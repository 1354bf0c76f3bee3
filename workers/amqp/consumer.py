"""Consumes queues on one connection, in the thread that calls `run`; everybody else may settle and pause."""

from __future__ import annotations

import collections
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pika.exceptions import ChannelClosedByBroker

from workers.amqp.link import Link, LostError, say
from workers.errors import REMEDY

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Sequence

    from pika import BasicProperties
    from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
    from pika.spec import Basic

    from workers.configuration.settings import Settings
    from workers.connectivity import Connectivity

NOT_FOUND = 404
GATHERED = 0.002
"""Seconds until the next turn of pika's loop where a delivery ended and others are at work, which may end as well.

Each turn costs 0.3 ms (1.4.4), and serves all that has come meanwhile.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as it came, and how to find it again: its tag holds for one generation of the connection.

    `cluster` is what the broker calls itself that it came from.
    """

    queue: str
    body: bytes
    properties: BasicProperties
    redelivered: bool
    tag: int
    generation: int
    cluster: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be declared before anything is consumed. The worker itself declares nothing."""

    queues: Sequence[str]
    exchanges: Sequence[str]


@dataclass(slots=True)
class _Subscription:
    """A queue, who takes its messages, and how many at a time: `wanted` by us, `prefetch` at the broker, 0 is none."""

    queue: str
    on_delivery: Callable[[Delivery], None]
    wanted: int
    prefetch: int = 0
    channel: BlockingChannel | None = None
    tag: str = ""
    unsettled: set[int] = field(default_factory=set)


class Consumer:
    """Subscriptions that outlive their connection.

    A queue that is deleted, or a consumer that the broker cancels, counts as a lost connection: all is checked and
    consumed anew, and what is missing is named. Each subscription has a channel of its own, because a prefetch is
    one of a channel's consumers.
    """

    def __init__(
        self,
        settings: Settings,
        reach: Connectivity,
        requirements: Requirements,
        on_tick: Callable[[], None],
    ) -> None:
        self._requirements = requirements
        self._subscriptions: dict[str, _Subscription] = {}
        self._link = Link(settings, "rabbitmq", reach, self._prepare, self._tick)
        self._on_tick = on_tick
        self._settled: collections.deque[tuple[Delivery, bool]] = collections.deque()
        self._is_flush_due = False
        self._has_ended = False
        self._lost = ""

    def subscribe(self, queue: str, prefetch: int, on_delivery: Callable[[Delivery], None]) -> None:
        """Take the messages of a queue from now on; `on_delivery` runs in the I/O thread, so it must be quick."""
        self._subscriptions[queue] = _Subscription(queue, on_delivery, prefetch)

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop` is set; comes back from everything that a broker does."""
        self._link.run(stop)

    @property
    def is_open(self) -> bool:
        """Whether there is a connection on which everything that is wanted is consumed."""
        return self._link.is_open

    @property
    def beat(self) -> float:
        """When the I/O thread was last seen at work, in monotonic seconds, also while there is no connection."""
        return self._link.beat

    @property
    def connections(self) -> int:
        """How many connections there were so far."""
        return self._link.generation

    def wake(self) -> None:
        """Let the I/O thread look up now; from any thread."""
        self._link.call(lambda: None)

    def is_current(self, delivery: Delivery) -> bool:
        """Whether the connection that brought a delivery still lives: if not, the broker delivers it again."""
        return self._link.is_open and delivery.generation == self._link.generation

    def set_prefetch(self, queue: str, count: int) -> None:
        """Take at most `count` messages of a queue at a time, and none where it is 0; from any thread."""
        subscription = self._subscriptions[queue]
        if subscription.wanted != count:
            subscription.wanted = count
            self._link.call(self._adjust)

    def pause_all(self) -> None:
        """Take no more messages at all; from any thread."""
        for queue in self._subscriptions:
            self.set_prefetch(queue, 0)

    def settle(self, delivery: Delivery, *, requeue: bool = False) -> None:
        """Acknowledge a delivery, or give it back; from any thread, and once: later calls do nothing.

        On another connection than the one that brought it, it is the broker's again, and nothing is sent.
        """
        self._settled.append((delivery, requeue))
        if not self._is_flush_due:
            self._is_flush_due = True
            # Only a refusal is noted: the flush that a call asked for may be over when the call comes back.
            if not self._link.call(self._flush):
                self._is_flush_due = False

    def count_messages(self, queue: str) -> int:
        """Give how many messages wait in a queue; for the I/O thread."""
        channel = self._subscriptions[queue].channel
        if channel is None:
            return 0
        return int(channel.queue_declare(queue, passive=True).method.message_count)

    def _prepare(self, connection: BlockingConnection) -> None:
        self._lost = ""
        self._settled.clear()
        self._is_flush_due = False
        if missing := _find_missing(connection, self._requirements):
            message = f"missing: {', '.join(missing)}; {REMEDY}"
            raise LostError(message)
        for subscription in self._subscriptions.values():
            subscription.unsettled.clear()
            subscription.prefetch = 0
            subscription.channel = connection.channel()
            subscription.channel.add_on_cancel_callback(self._note_cancel)
        self._adjust()

    def _note_cancel(self, frame: object) -> None:
        self._lost = f"the broker cancelled the consumer: {frame}"

    def _check_channels(self) -> None:
        """Raise LostError where the broker closed a channel, as after its `consumer_timeout`: pika says nothing."""
        for subscription in self._subscriptions.values():
            if subscription.channel is not None and not subscription.channel.is_open:
                # The reason is nowhere else, until the channel is used (pika 1.4.4).
                reason = say(subscription.channel._closing_reason or LostError("no reason given"))  # noqa: SLF001
                message = f"the broker closed the channel of {subscription.queue}: {reason}"
                raise LostError(message)

    def _adjust(self) -> None:
        for subscription in self._subscriptions.values():
            if subscription.wanted == subscription.prefetch or subscription.channel is None:
                continue
            if subscription.prefetch:
                subscription.channel.basic_cancel(subscription.tag)
            subscription.prefetch = subscription.wanted
            if subscription.wanted:
                self._consume(subscription, subscription.channel)

    def _consume(self, subscription: _Subscription, channel: BlockingChannel) -> None:
        def deliver(
            _: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
        ) -> None:
            tag = method.delivery_tag
            subscription.unsettled.add(tag)
            subscription.on_delivery(
                Delivery(
                    subscription.queue,
                    body,
                    properties,
                    method.redelivered,
                    tag,
                    self._link.generation,
                    self._link.cluster,
                )
            )

        channel.basic_qos(prefetch_count=subscription.wanted)
        subscription.tag = channel.basic_consume(subscription.queue, deliver)

    def _flush(self) -> None:
        # Before the queue is emptied: who appends from here on asks for another flush.
        self._is_flush_due = False
        done: dict[str, set[int]] = {}
        while self._settled:
            delivery, requeue = self._settled.popleft()
            subscription = self._subscriptions[delivery.queue]
            is_current = delivery.generation == self._link.generation
            if not is_current or delivery.tag not in subscription.unsettled:
                continue
            subscription.unsettled.discard(delivery.tag)
            self._has_ended = True
            if not requeue:
                done.setdefault(delivery.queue, set()).add(delivery.tag)
            elif subscription.channel is not None:
                subscription.channel.basic_nack(delivery.tag, requeue=True)
        for queue, tags in done.items():
            _acknowledge(self._subscriptions[queue], tags)

    def _tick(self) -> None:
        self._check_channels()
        self._flush()
        self._adjust()
        if self._lost:
            raise LostError(self._lost)
        self._on_tick()
        if self._has_ended and any(each.unsettled for each in self._subscriptions.values()):
            time.sleep(GATHERED)
        self._has_ended = False


def _acknowledge(subscription: _Subscription, tags: set[int]) -> None:
    """Acknowledge deliveries: in one frame those before which nothing is left open, the others one by one.

    All frames but the last go to the channel inside pika's blocking one: that one makes a system call and looks for
    answers after each (1.4.4), and many deliveries end at a time where agents are quick.
    """
    if subscription.channel is None:
        return
    oldest_open = min(subscription.unsettled, default=max(tags) + 1)
    together = {tag for tag in tags if tag < oldest_open}
    frames = [(max(together), True)] if together else []
    *others, last = frames + [(tag, False) for tag in sorted(tags - together)]
    for tag, is_multiple in others:
        subscription.channel._impl.basic_ack(tag, is_multiple)  # noqa: SLF001 - see above
    subscription.channel.basic_ack(*last)


def _find_missing(connection: BlockingConnection, wanted: Requirements) -> list[str]:
    """Ask passively for everything that is needed; the broker closes the channel with each 404."""
    missing = []
    for kind, names in (("queue", wanted.queues), ("exchange", wanted.exchanges)):
        for name in names:
            channel = connection.channel()
            try:
                if kind == "queue":
                    channel.queue_declare(name, passive=True)
                else:
                    channel.exchange_declare(name, passive=True)
            except ChannelClosedByBroker as error:
                if error.reply_code != NOT_FOUND:
                    raise
                missing.append(f"{kind} {name}")
            else:
                channel.close()
    return missing
