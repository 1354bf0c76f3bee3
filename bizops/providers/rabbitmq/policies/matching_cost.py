"""What a policy costs a broker that has many queues: it matches all of a vhost anew before it answers; pure.

Each queue is matched against each policy of its vhost, and each match compiles the pattern: about 10 µs for a short
one, and 40 µs for one of 1,024 bytes (4.0.5, `benchmarks/policies.py`). That is for 3,000 queues and 61 policies; with
10,000 and 201 one policy took it more than eight minutes, six times as much.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from bizops.provider import Derived

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bizops.change import Write
    from bizops.providers.rabbitmq.live.effective_settings import Policy
    from bizops.providers.rabbitmq.live.snapshots import Snapshot, Vhost

_PAIR, _BYTE = 10e-6, 30e-9
"""Seconds to match a queue against a policy, and more of them for each byte of its pattern."""
_TOLD = 5.0
"""Seconds from which on a plan tells it."""


def seconds(vhost: Vhost, created: Iterable[Policy]) -> float:
    """Give how many seconds each write of a policy takes at least in a vhost that gets some more."""
    patterns = [policy.pattern for policy in (*vhost.policies.values(), *created)]
    of_queue = sum(_PAIR + _BYTE * len(pattern.encode()) for pattern in patterns)
    return len(vhost.queues) * of_queue


def derived(writes: Sequence[Write], snapshot: Snapshot) -> Derived:
    """Warn of policies that keep the broker busy."""
    return Derived(warnings=tuple(_warnings(writes, snapshot)))


def _warnings(writes: Sequence[Write], snapshot: Snapshot) -> Iterator[str]:
    numbers = Counter(write.payload.vhost for write in writes)
    seconds_each = {write.payload.vhost: write.payload.matching for write in writes}
    for name, taken in sorted(seconds_each.items()):
        if taken >= _TOLD:
            vhost = snapshot.vhosts[name]
            yield (
                f"rabbitmq: vhost {name} has {len(vhost.queues):,} queues and {len(vhost.policies):,} policies, and "
                "the broker matches them all anew for each policy that is written or deleted: "
                f"{numbers[name]} of at least {taken:.0f} s each"
            )
