"""How many queues a vhost takes, against what a plan makes; pure.

The broker counts every queue of the vhost, exclusive ones too, and refuses the next one: "queue limit in vhost 'x' (3)
is reached" (3.10.8 and 4.0.5). The limit of connections is nothing that a plan meets: it is written over HTTP alone,
and where a queue cannot be counted over AMQP what it holds is unknown.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.naming.names import LOCK_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost


def derived(changes: Sequence[Change], snapshot: Snapshot, topology: str) -> Derived:
    """Refuse a plan that makes more queues than a vhost takes, and warn where it may be one too many for a moment."""
    counted = Counter(
        (change.address.scope or snapshot.section_vhost, change.action)
        for change in changes
        if change.address.kind == "queue"
    )
    refusals: list[Refusal] = []
    warnings: list[str] = []
    for name, vhost in sorted(snapshot.vhosts.items()):
        made, gone = counted[name, Action.CREATE], counted[name, Action.DELETE]
        most = vhost.settings.max_queues
        if most is None or not made:
            continue
        is_locked = name == snapshot.section_vhost
        there = len(_queues(vhost) - {f"{LOCK_PREFIX}{topology}"})
        needed = there + made - gone + is_locked
        if needed > most:
            refusals.append(_refusal(name, most, there, (made, gone), is_locked=is_locked))
        elif needed + gone > most:
            warnings.append(
                f"rabbitmq: vhost {name} takes {most} queues, and has {there}: what this plan makes may be "
                f"refused until the {gone} that go are gone; apply again then"
            )
    return Derived(refusals=tuple(refusals), warnings=tuple(warnings))


def _queues(vhost: Vhost) -> frozenset[str]:
    return frozenset(vhost.queues) | vhost.exclusive | vhost.unlisted


def _refusal(
    vhost: str, most: int, there: int, moved: tuple[int, int], *, is_locked: bool
) -> Refusal:
    made, gone = moved
    needed = there + made - gone + is_locked
    parts = [f"this plan makes {made} more", *([f"deletes {gone}"] if gone else [])]
    parts += ["its lock is one while it is applied"] if is_locked else []
    why = (
        f"vhost {vhost} takes {most} queues (max-queues) and has {there}: {', '.join(parts)}, "
        f"{needed} in all"
    )
    return Refusal(None, "", why, tuple(_ways(vhost, needed)))


def _ways(vhost: str, needed: int) -> Iterator[str]:
    yield f"rabbitmqctl set_vhost_limits -p {vhost} '{{\"max-queues\": {needed}}}'"
    yield "delete queues that nobody needs"
    yield "--exclude some of the new ones"
