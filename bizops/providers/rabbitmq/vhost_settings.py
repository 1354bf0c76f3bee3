"""What a vhost says of itself: the type of queues that name none, and how many queues it takes; pure.

A user with the tag `management` may list its own vhosts and their limits; a single vhost is for administrators (401 on
3.10.8 and 4.0.5). Where a vhost has no default of its own, 4.0.5 lists that of the node, and 3.10.8 `undefined`, which
means classic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bizops import errors

VHOSTS = "/vhosts?disable_stats=true&columns=name,default_queue_type"
LIMITS = "/vhost-limits"
CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class VhostSettings:
    """The settings of one vhost.

    `default_type` is that of a queue which is declared without one. `max_queues` is None where nothing limits them.
    `problem` is why both could not be read, and then neither says anything.
    """

    default_type: str = CLASSIC
    max_queues: int | None = None
    problem: str = ""


def settings(vhost: str, listed: object, limits: object) -> VhostSettings:
    """Give those of one vhost, out of what VHOSTS and LIMITS answered: a list, or the ProviderError."""
    for answer in (listed, limits):
        if isinstance(answer, errors.ProviderError):
            return VhostSettings(problem=str(answer))
    default = _of(vhost, "name", listed).get("default_queue_type")
    most = (_of(vhost, "vhost", limits).get("value") or {}).get("max-queues")
    is_limit = isinstance(most, int) and most >= 0
    return VhostSettings(
        CLASSIC if default in {None, "", "undefined"} else str(default),
        most if is_limit else None,
    )


def _of(vhost: str, key: str, listing: object) -> Mapping[str, Any]:
    """Give the entry of a vhost in a listing, empty where it has none."""
    entries = listing if isinstance(listing, list) else ()
    found = (each for each in entries if isinstance(each, Mapping) and each.get(key) == vhost)
    return next(found, {})
