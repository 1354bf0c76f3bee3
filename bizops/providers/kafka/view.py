"""What one look at a cluster gave, as plain values, and what follows from it for a plan; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.kafka import configs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bizops.change import Change
    from bizops.provider import Observations, Scope
    from bizops.resource import Address


@dataclass(frozen=True, slots=True)
class View:
    """How many brokers are alive, and what the cluster said to changes that it was asked to try.

    `tried` gives, by topic, Kafka's own words of refusal; nothing was written to get them.
    """

    brokers: int
    tried: tuple[tuple[str, str], ...] = ()


def derive(changes: Sequence[Change], observations: Observations, scope: Scope) -> Derived:
    """Refuse what the cluster would refuse, before anything is written."""
    del scope
    view = observations.context
    if not isinstance(view, View):
        return Derived()
    words = dict(view.tried)
    refusals: list[Refusal] = []
    for change in changes:
        if change.action in {Action.CREATE, Action.UPDATE}:
            found = [*_too_few_brokers(change, view), *_too_few_replicas(change)]
            if not found and change.address.name in words:
                found.append(_refused(change.address, words[change.address.name]))
            refusals.extend(found)
    return Derived(refusals=tuple(refusals))


def _too_few_brokers(change: Change, view: View) -> Iterator[Refusal]:
    assert change.resource is not None  # noqa: S101 - a creation has one
    spec: Any = change.resource.spec
    wanted = spec.replication_factor
    if change.action is Action.CREATE and wanted is not None and wanted > view.brokers:
        yield Refusal(
            change.address,
            "replication_factor",
            f"replication_factor {wanted} needs {wanted} brokers, and {view.brokers} are alive",
            (f"write replication_factor: {view.brokers} or less", "add brokers, and plan again"),
        )


def _too_few_replicas(change: Change) -> Iterator[Refusal]:
    """Compare with the live number of replicas; the declared one is compared before anybody is asked."""
    assert change.resource is not None  # noqa: S101 - a creation and an update have one
    live = dict(change.observed.fields).get(("replication_factor",))
    for field in change.fields:
        if (
            field.path == ("configs", "min.insync.replicas")
            and live is not None
            and isinstance(live.value, int)
            and isinstance(field.after, int)
            and field.after > live.value
        ):
            yield Refusal(
                change.address,
                field.name,
                f"the topic has {live.value} replicas: every write with acks=all would be refused",
                (f"write min.insync.replicas: {live.value} or less",),
            )


def _refused(address: Address, words: str) -> Refusal:
    """Kafka's words, and the nearest key where it does not know one: `Unknown topic config name: retention.msec`."""
    name = words.rpartition(": ")[2].strip() if "nknown topic config name" in words else ""
    near = configs.nearest(name) if name else ""
    remedies = (f"write {near}",) if near and near != name else ()
    return Refusal(
        address, f"configs.{name}" if name else "", f"Kafka would refuse it: {words}", remedies
    )
