"""Which quorum queues have to be counted: the cheap listing has no count for them, and the answer decides; pure.

A passive declaration over AMQP tells the messages that are ready, and as consumers also whoever holds messages that it
has not acknowledged, by `basic.get` or after it was cancelled (3.10.8 and 4.0.5). So without consumers its number is
all that the queue holds; with consumers the number stays unknown. A stream tells 0 whatever it holds, and is left out.
So is a queue out of reach: to ask for it hangs until somebody gives up.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.changes import message_loss, rules
from bizops.providers.rabbitmq.declared.specs import QueueSpec
from bizops.providers.rabbitmq.live import queue_state

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bizops.providers.rabbitmq.api.amqp_counts import Count
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost
    from bizops.resource import Resource


def in_question(
    snapshot: Snapshot, resources: Iterable[Resource], topology: str
) -> Mapping[str, Sequence[str]]:
    """Give the quorum queues, by vhost, whose declared settings would lose messages if there were any."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for resource in resources:
        spec, name = resource.spec, resource.address.name
        vhost = snapshot.vhosts[resource.address.scope or snapshot.section_vhost]
        queue = vhost.queues.get(name) if isinstance(spec, QueueSpec) else None
        if queue is None or queue.type != "quorum" or queue.away or resource.external:
            continue
        assert isinstance(spec, QueueSpec)  # noqa: S101 - only these are looked up
        seen = queue_state.of_live(queue, vhost, snapshot, topology)
        wanted = seen.settings_under(rules.wanted_definition(seen, spec))
        if message_loss.losses(seen, seen.settings(), wanted):
            found[vhost.name].append(name)
    return found


def counted(vhost: Vhost, counts: Mapping[str, Count | None]) -> Vhost:
    """Put in the counts of queues that nobody consumes."""
    queues = dict(vhost.queues)
    for name, count in counts.items():
        if count is not None and not count.consumers and name in queues:
            queues[name] = replace(queues[name], messages=count.messages)
    return replace(vhost, queues=queues)


def filled(names: Iterable[str], vhost: Vhost) -> str:
    """Say which of these queues, which were empty when it was planned, are not known to be so now; or ""."""
    if vhost.problem:
        return f"it is not known whether {', '.join(names)} are still empty: {vhost.problem}"
    found = [vhost.queues[n] for n in names if n in vhost.queues]
    away = next((queue for queue in found if queue.away), None)
    if away is not None:
        return f"it is not known whether {away.name} is still empty: it lies {away.away}"
    full = ", ".join(queue.name for queue in found if not queue.is_known_empty)
    return f"messages came into {full} since the plan was made; plan again" if full else ""
