"""What the broker would refuse for what it lacks, or for what its user may not do; pure.

Which types of exchanges it has stands in `GET /api/overview`, the tags of the user in `GET /api/whoami` (3.10.8 and
4.0.5). Policies take the tag `policymaker` or `administrator`; a user without may still plan, so that is a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.declared.specs import ExchangeSpec
from bizops.providers.rabbitmq.live import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.change import Change, Write
    from bizops.providers.rabbitmq.live.snapshots import Snapshot

_WRITERS = frozenset({"policymaker", "administrator"})
_DEFAULT = "direct"


def derived(changes: Sequence[Change], writes: Sequence[Write], snapshot: Snapshot) -> Derived:
    """Refuse exchanges of types that the broker does not have, and deletions while most nodes are away.

    Warns of policies that the user may not write.
    """
    return Derived(
        refusals=(*_unknown_types(changes, snapshot), *_without_majority(changes, snapshot)),
        warnings=tuple(_without_tag(changes, writes, snapshot)),
    )


def _unknown_types(changes: Sequence[Change], snapshot: Snapshot) -> Iterator[Refusal]:
    known = snapshot.exchange_types
    for change in changes:
        spec = change.resource.spec if change.resource else None
        is_made = change.action in {Action.CREATE, Action.REPLACE}
        if not known or not is_made or not isinstance(spec, ExchangeSpec):
            continue
        exchange_type = spec.type or _DEFAULT
        if exchange_type not in known:
            why = f"the broker has no exchange type {exchange_type}"
            ways = (f"type: {' or '.join(sorted(known))}", "enable the plugin that brings it")
            yield Refusal(change.address, "type", why, ways)


def _without_majority(changes: Sequence[Change], snapshot: Snapshot) -> Iterator[Refusal]:
    """A deletion that such a cluster does not answer is carried out when its nodes are back."""
    why = cluster.without_majority(snapshot.nodes, snapshot.places)
    for change in changes:
        if why and change.action in {Action.DELETE, Action.REPLACE} and not change.dies_with:
            verb = "deleted" if change.action is Action.DELETE else "replaced"
            text = f"{why}, so it cannot be {verb}"
            ways = ("start them, and plan again", f"--exclude {change.address}")
            yield Refusal(change.address, "", text, ways)


def _without_tag(
    changes: Sequence[Change], writes: Sequence[Write], snapshot: Snapshot
) -> Iterator[str]:
    is_written = bool(writes) or any(
        change.address.kind == "policy" and change.action is not Action.NOOP for change in changes
    )
    if snapshot.tags and is_written and not snapshot.tags & _WRITERS:
        yield (
            "rabbitmq: apply would fail: policies are to be written, and this user lacks the tag policymaker "
            f"(it has {', '.join(sorted(snapshot.tags))})"
        )
