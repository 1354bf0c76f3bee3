"""What a vhost says of itself: the type of queues that name none, and how many queues it takes; pure.

A user with the tag `management` may list its own vhosts and their limits; a single vhost is for administrators (401 on
3.10.8 and 4.0.5). Where a vhost has no default of its own, 4.0.5 lists that of the node, and 3.10.8 `undefined`, which
means classic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def settings(vhost: str, listed: Any, limits: Any) -> VhostSettings:  # noqa: ANN401 - any JSON
    """Give those of one vhost, out of what VHOSTS and LIMITS answered: a list, the ProviderError, None if not asked."""
    for answer in (listed, limits):
        if isinstance(answer, errors.ProviderError):
            return VhostSettings(problem=str(answer))
    if listed is not None and not _of(vhost, "name", listed):
        return VhostSettings(problem=f"the list of vhosts does not have {vhost}")
    default = _of(vhost, "name", listed).get("default_queue_type")
    most = (_of(vhost, "vhost", limits).get("value") or {}).get("max-queues", -1)
    return VhostSettings(
        CLASSIC if default in {None, "", "undefined"} else str(default), most if most >= 0 else None
    )


def _of(vhost: str, key: str, listing: Sequence[Mapping[str, Any]] | None) -> Mapping[str, Any]:
    """Give the entry of a vhost in a listing, empty where it has none."""
    return next((each for each in listing or () if each and each.get(key) == vhost), {})
