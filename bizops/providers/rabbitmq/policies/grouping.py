"""Which policies carry a set of definitions: queues with equal ones share one; pure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import field_types
from bizops.providers.rabbitmq.live.effective_settings import Policy
from bizops.providers.rabbitmq.naming import patterns
from bizops.providers.rabbitmq.naming.names import derived_policy, digest, label

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bizops.providers.rabbitmq.declared.field_types import Pairs
    from bizops.providers.rabbitmq.live.effective_settings import Version

APPLY_TO = "queues"
_SHORT = {
    "message-ttl": "ttl",
    "dead-letter-exchange": "dlx",
    "dead-letter-routing-key": "",
    "dead-letter-strategy": "",
}


_LIMITED_SINCE = (4, 3)
"""The version from which the broker takes no pattern above `patterns.MAX_BYTES`."""


@dataclass(frozen=True, slots=True)
class Group:
    """A derived policy and the queues that it is for."""

    policy: Policy
    queues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What policies are made for: a topology, its priority, and a vhost with its derived policies by name.

    `with_line_feed` are names that another queue of the vhost has with a line feed behind.
    """

    topology: str
    priority: int
    version: Version
    live: Mapping[str, Policy]
    with_line_feed: frozenset[str] = frozenset()


def groups(wanted: Mapping[str, Pairs], context: Context) -> dict[str, Group]:
    """Give the policies for these definitions by queue, by policy name; each queue is in one of them.

    A live policy that says of all its queues what is wanted stays as it is, whoever cut it. What is left is cut anew,
    together with the one of fewest queues that would stay, if they fit into one: so a change of one queue writes few
    policies, and many such changes leave few.
    The name holds a digest of all that the policy says, so the same content has the same name in every run. Where a
    live policy of that name was changed by hand another name is found, since none is ever updated.
    """
    kept = _kept(wanted, context)
    staying = {name for group in kept for name in group.queues}
    members: defaultdict[Pairs, list[str]] = defaultdict(list)
    for name in sorted(wanted):
        if wanted[name] and name not in staying:
            members[wanted[name]].append(name)
    found = {group.policy.name: group for group in kept}
    for definition in sorted(members, key=repr):
        same = [group for group in kept if group.policy.definition == definition]
        parts, absorbed = _cut(members[definition], same, context)
        if absorbed is not None:
            del found[absorbed.policy.name]
        for pattern, names in parts:
            nameless = Policy("", pattern, APPLY_TO, context.priority, definition)
            policy = _named(nameless, context, found)
            found[policy.name] = Group(policy, names)
    return found


def _kept(wanted: Mapping[str, Pairs], context: Context) -> list[Group]:
    """Give the live policies that stay; no queue is in two of them, and the one with more queues comes first."""
    found: list[Group] = []
    taken: set[str] = set()
    listed = {name: patterns.names(policy.pattern) for name, policy in context.live.items()}
    by_size = sorted(context.live.values(), key=lambda p: (-len(listed[p.name] or ()), p.name))
    for policy in by_size:
        names = listed[policy.name]
        if not names or not names.isdisjoint(taken) or not _is_right(policy, context):
            continue
        if all(wanted.get(name) == policy.definition for name in names):
            found.append(Group(policy, tuple(sorted(names))))
            taken |= names
    return found


def _is_right(policy: Policy, context: Context) -> bool:
    """True where all but its queues and their definition is as it would be written."""
    is_taken = patterns.is_fit(policy.pattern) or context.version < _LIMITED_SINCE
    is_ours = policy.apply_to == APPLY_TO and policy.priority == context.priority
    return is_taken and is_ours and patterns.is_exact(policy.pattern, context.with_line_feed)


def _cut(
    names: Sequence[str], kept: Sequence[Group], context: Context
) -> tuple[list[tuple[str, tuple[str, ...]]], Group | None]:
    """Give patterns for these names, and the group that goes because the last pattern holds its names as well."""
    *full, last = patterns.of_names(names, context.with_line_feed)
    if kept:
        least = min(kept, key=lambda group: (len(group.queues), group.policy.name))
        joined = list(patterns.of_names((*last[1], *least.queues), context.with_line_feed))
        if len(joined) == 1:
            return [*full, *joined], least
    return [*full, last], None


def _named(wanted: Policy, context: Context, made: Collection[str]) -> Policy:
    """Give a policy its name: that of the live one with this content, else one that no other policy has.

    `made` are the names of this plan's: eight digits of a digest may be the same for two of many hundreds.
    """
    for _, policy in sorted(context.live.items()):
        if policy.pattern == wanted.pattern and replace(policy, name="") == wanted:
            return policy
    content = [wanted.pattern, APPLY_TO, wanted.priority, field_types.thaw(wanted.definition)]
    settings = settings_label(wanted.definition)
    digests = (digest(content, str(attempt or "")) for attempt in itertools.count())
    names = (derived_policy(context.topology, settings, each) for each in digests)
    free = (name for name in names if name not in context.live and name not in made)
    return replace(wanted, name=next(free))


def settings_label(definition: Pairs) -> str:
    """Give a definition in a policy's name: `ttl-2h_max-length-10`."""
    parts = [_part(key, value) for key, value in definition]
    return label("_".join(part for part in parts if part))


def _part(key: str, value: Any) -> str:  # noqa: ANN401 - any setting
    short = _SHORT.get(key, key)
    return f"{short}-{value}" if short else ""
