"""Moves queues that the broker left under a policy that is gone, or without one that stands.

It does so in two ways, until the policy of such a queue changes in its store:

- A client that goes away, killed or out of patience, takes its request along. Where that had noted the new policy of
  a queue and not told the queue's process yet, the process keeps the old one. The next write of any policy compares
  with the note, finds no difference, and tells nobody (3.10.8 and 4.0.5).
- Each write lists the policies and then waits for the lock under which it notes what its list says. Where two race and
  the older list comes last, queues keep a policy that is deleted (4.0.5; 3.10.8 lists under the lock).

A listing shows what the process of a classic queue has, and that is what is in force. Of a quorum queue or a stream it
shows the note, so there the first is not to be seen.
"""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING

from bizops.providers.rabbitmq.api import requests
from bizops.providers.rabbitmq.api.client import Request
from bizops.providers.rabbitmq.declared import field_types
from bizops.providers.rabbitmq.live.effective_settings import Policy
from bizops.providers.rabbitmq.naming import patterns
from bizops.providers.rabbitmq.naming.names import derived_policy, digest, encode
from bizops.providers.rabbitmq.policies.grouping import APPLY_TO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.rabbitmq.api.client import Client

_PATIENCE = 1.0
_WITHOUT_EFFECT = (("max-length-bytes", 2**62),)

Left = dict[str, Policy | None]
"""Queues that were left behind, with the policy that should apply to each; None where none should."""


class PolicyRepair:
    """Watches the vhosts in which queues were left behind, from one look at them to the next.

    The first second is left to writes that are still under way. Then the queues are moved, and again after twice as
    long each time: the applier ends the wait.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._due: dict[str, tuple[float, float]] = {}

    def look(self, vhost: str, topology: str, left: Left) -> None:
        """Note what was left in a vhost, and move it where it is time to. Raises nothing: the next look tells."""
        if not left:
            self._due.pop(vhost, None)
            return
        now = time.monotonic()
        due, pause = self._due.setdefault(vhost, (now + _PATIENCE, _PATIENCE))
        if now < due:
            return
        self._due[vhost] = (now + 2 * pause, 2 * pause)
        for policy in copies(left, topology):
            path = f"/policies/{encode(vhost)}/{encode(policy.name)}"
            self._client.write(Request("PUT", path, requests.policy_body(policy)))
            self._client.write(Request("DELETE", path))


def copies(left: Mapping[str, Policy | None], topology: str) -> list[Policy]:
    """Give policies that say of these queues what applies to them anyway, and win over it.

    Put and deleted, each changes the note of its queues twice, and never what is in force. Their names are those of
    derived policies, so that the next run removes what a killed one left. Which other queues there are is not known
    here, so each is taken to have one beside it with a line feed.
    """
    members: defaultdict[Policy | None, list[str]] = defaultdict(list)
    for name in sorted(left):
        members[left[name]].append(name)
    found = []
    for policy in sorted(members, key=repr):
        definition = policy.definition if policy is not None else _WITHOUT_EFFECT
        priority = policy.priority + 1 if policy is not None else 0
        for pattern, _ in patterns.of_names(members[policy], with_line_feed=members[policy]):
            content = [pattern, priority, field_types.thaw(definition)]
            name = derived_policy(topology, "match-again", digest(content))
            found.append(Policy(name, pattern, APPLY_TO, priority, definition))
    return found
