"""Which policies carry a set of definitions: queues with equal ones share one; pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq import fields, patterns
from bizops.providers.rabbitmq.effective import Policy
from bizops.providers.rabbitmq.names import derived_policy, digest, label

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.rabbitmq.fields import Pairs

APPLY_TO = "queues"
_SHORT = {
    "message-ttl": "ttl",
    "dead-letter-exchange": "dlx",
    "dead-letter-routing-key": "",
    "dead-letter-strategy": "",
}


@dataclass(frozen=True, slots=True)
class Group:
    """A derived policy and the queues that it is for."""

    policy: Policy
    queues: tuple[str, ...]


def groups(
    wanted: Mapping[str, Pairs], topology: str, priority: int, live: Mapping[str, Policy]
) -> dict[str, Group]:
    """Give the policies for these definitions by queue, by policy name.

    The name holds a digest of all that the policy says, so the same content has the same name in every run. Where a
    live policy of that name was changed by hand another name is found, since none is ever updated.
    """
    members: defaultdict[Pairs, list[str]] = defaultdict(list)
    for name in sorted(wanted):
        if wanted[name]:
            members[wanted[name]].append(name)
    found: dict[str, Group] = {}
    for definition in sorted(members, key=repr):
        for pattern, names in patterns.of_names(members[definition]):
            nameless = Policy("", pattern, APPLY_TO, priority, definition)
            policy = _named(nameless, (topology, live))
            found[policy.name] = Group(policy, names)
    return found


def _named(wanted: Policy, place: tuple[str, Mapping[str, Policy]]) -> Policy:
    """Give a policy its name: that of the live one with this content, else one that no live policy has."""
    topology, live = place
    same = [p for _, p in sorted(live.items()) if replace(p, name="") == wanted]
    if same:
        return same[0]
    content = [wanted.pattern, APPLY_TO, wanted.priority, fields.thaw(wanted.definition)]
    settings = settings_label(wanted.definition)
    digests = (digest(content, str(attempt or "")) for attempt in itertools.count())
    names = (derived_policy(topology, settings, each) for each in digests)
    return replace(wanted, name=next(name for name in names if name not in live))


def settings_label(definition: Pairs) -> str:
    """Give a definition in a policy's name: `ttl-2h_max-length-10`."""
    parts = [_part(key, value) for key, value in definition]
    return label("_".join(part for part in parts if part))


def _part(key: str, value: Any) -> str:  # noqa: ANN401 - any setting
    short = _SHORT.get(key, key)
    return f"{short}-{value}" if short else ""
