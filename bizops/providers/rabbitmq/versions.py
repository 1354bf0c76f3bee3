"""The versions of RabbitMQ that bizops was tried with, and what each of them lacks or does otherwise."""

from __future__ import annotations

from bizops.provider import Lack, Versions

VERSIONS = Versions(
    tried=((3, 10), (4, 0), (4, 3)),
    lacks=(
        Lack("a policy cannot place the leader of a classic queue (`queue-leader-locator`): bizops "
             "takes such a policy as passed over, as the broker does", until=(4, 0)),
        Lack("a quorum queue has no delivery limit of its own; since 4.0 it is 20, and bizops compares "
             "with that", until=(4, 0)),
        Lack("`x-queue-mode` and `queue-mode` have no effect: a plan warns of them", since=(3, 12)),
        Lack("classic queues are not mirrored, and policies with `ha-*` are refused: so does the plan",
             since=(4, 0)),
        Lack("no policy pattern above 1,024 bytes: bizops writes none, and cuts those of its earlier "
             "versions anew", since=(4, 3)),
        Lack("`x-queue-version: 1` is refused: so does the plan", since=(4, 3)),
        Lack("`queue-master-locator` is refused as queue argument and in policies unless the broker "
             "permits it: so does the plan", since=(4, 3)),
        Lack("the bindings of a queue whose node is down are not listed: bizops does not read them, so "
             "a plan that declares one is incomplete until the node is back", until=(4, 0)),
        Lack("a queue keeps the policy that it had when its node went down: what changed meanwhile "
             "takes another apply once the node is back", until=(4, 0)),
    ),
)  # fmt: skip
"""Tried as Debian has them: 3.10.8, 4.0.5, 4.3.6. What concerns 3.11 to 3.13 is from the release notes."""
