"""What the write of a derived policy carries from the plan to the broker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bizops.providers.rabbitmq.live.effective_settings import Policy


@dataclass(frozen=True, slots=True)
class PolicyWrite:
    """The payload of a write: the policy to create or delete, in its vhost.

    `empty` are queues that were empty when this was planned and must still be, because nobody agreed to lose what
    they hold. `matching` is how many seconds the broker takes at least to match all queues of the vhost anew, which
    it does before it answers.
    """

    vhost: str
    policy: Policy
    empty: tuple[str, ...] = ()
    matching: float = field(default=0.0, compare=False, repr=False)
