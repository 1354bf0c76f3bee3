"""Whether a controller answers, and which brokers reach it.

On KRaft every broker passes such requests on to the active controller over one connection. When the host of that
controller dies, one broker was seen to answer again after two seconds, and another after ten or twelve (4.3; probably
its connection to the dead host, `socket.connection.setup.timeout.ms`). So one that is silent says nothing of the
others. Of a controller that hangs both others were seen to wait for 70 s, until it went on, though they had elected
another one within four (4.3.0): for so long the cluster takes no change, and is not read.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource

from bizops.providers.kafka.api.client import NO_TOPIC, answered

if TYPE_CHECKING:
    from collections.abc import Collection
    from concurrent.futures import Future

    from confluent_kafka.admin import AdminClient

    from bizops.providers.kafka.api.deadline import Deadline

_GRACE = 0.5
"""Seconds that the other brokers have once one has reached the controller: it takes milliseconds."""


class Probe:
    """A request to the controller through each broker in `through`, sent at once.

    Nothing is written: it is a config of a topic that cannot be, and `validate_only`. A refusal is an answer too, and
    the controller's own: a KRaft broker passes the request on before it looks at rights.
    """

    def __init__(self, scout: AdminClient, through: Collection[int], seconds: float) -> None:
        self._scout = scout  # the requests end with their client
        entry = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
        asked = ConfigResource(ConfigResource.Type.TOPIC, NO_TOPIC, incremental_configs=[entry])
        options: dict[str, Any] = {"request_timeout": seconds, "validate_only": True}
        self._futures: dict[int, Future[Any]] = {
            number: scout.incremental_alter_configs([asked], broker=number, **options)[asked]
            for number in sorted(through)
        }

    def reaching(self, deadline: Deadline) -> frozenset[int]:
        """Give the ids of the brokers that reached a controller; none where no answer came before the deadline."""
        waiting = set(self._futures.values())
        while waiting and not deadline.is_over:
            _, waiting = wait_for(waiting, deadline.left, return_when=FIRST_COMPLETED)
            if answered(self._futures):
                wait_for(waiting, _GRACE)
                break
        return answered(self._futures)
