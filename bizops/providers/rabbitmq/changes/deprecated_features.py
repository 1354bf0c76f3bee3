"""Deprecated features that a topology uses: refused where the broker refuses them, warned of where it will; pure.

Whether a feature is permitted is the broker's own answer, `GET /api/deprecated-features`, which any user of the
management API may read (4.0.5 and 4.3.6; 3.10.8 has none). Without it the version decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bizops.change import Action, Refusal
from bizops.provider import Derived
from bizops.providers.rabbitmq.declared.specs import PolicySpec, QueueSpec
from bizops.providers.rabbitmq.naming import patterns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.change import Change
    from bizops.providers.rabbitmq.live.effective_settings import Version
    from bizops.providers.rabbitmq.live.snapshots import Snapshot

_WRITTEN = frozenset({Action.CREATE, Action.REPLACE, Action.UPDATE})
_DENIED, _PERMITTED = "denied", "permitted"


@dataclass(frozen=True, slots=True)
class Deprecation:
    """Something that newer versions do without. `feature` is the broker's name for it, where it has one.

    `refused_since` counts where the broker does not list the feature; None means that it varies. `ignored_since` is
    the version from which it is taken and has no effect.
    """

    text: str
    feature: str = ""
    deprecated_since: Version = (3, 10)
    refused_since: Version | None = None
    ignored_since: Version | None = None
    remedies: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What it is, with the broker's name for it."""
        return f"{self.text} ({self.feature})" if self.feature else self.text

    def is_refused(self, snapshot: Snapshot) -> bool:
        """True where this broker takes no new object with it."""
        state = snapshot.features.get(self.feature)
        if state is not None:
            return state == _DENIED
        return self.refused_since is not None and snapshot.version >= self.refused_since

    def outlook(self, version: Version) -> str:
        """Say what it is in a version, or ""."""
        if self.ignored_since is not None and version >= self.ignored_since:
            return f"{self.name} has no effect"
        if version < self.deprecated_since:
            return ""
        since = self.refused_since
        later = (
            f"RabbitMQ {since[0]}.{since[1]} refuses it" if since else "later versions refuse it"
        )
        return f"{self.name} is deprecated: {later}"


_PERMIT = "deprecated_features.permit.{} = true in rabbitmq.conf, on every node"
_TRANSIENT = Deprecation(
    "a queue that is neither durable nor exclusive",
    "transient_nonexcl_queues",
    remedies=(
        "durable: true",
        "durable: true and expires: 1h, where it need not outlive those who use it",
        _PERMIT.format("transient_nonexcl_queues"),
    ),
)
_LOCATOR = Deprecation(
    "queue-master-locator",
    "queue_master_locator",
    refused_since=(4, 3),
    remedies=("queue-leader-locator in its place", _PERMIT.format("queue_master_locator")),
)
_MODE = Deprecation("the queue mode", deprecated_since=(3, 12), ignored_since=(3, 12))
_STORAGE = Deprecation(
    "version 1 of the storage of classic queues",
    deprecated_since=(4, 0),
    refused_since=(4, 3),
    remedies=("leave it out, or x-queue-version: 2",),
)
_MIRRORING = Deprecation(
    "mirroring of classic queues",
    "classic_queue_mirroring",
    refused_since=(4, 0),
    remedies=("type: quorum on the queues that need copies",),
)
_LONG_PATTERN = Deprecation(
    f"a pattern of more than {patterns.MAX_BYTES:,} bytes",
    deprecated_since=(4, 0),
    refused_since=(4, 3),
    remedies=("a shorter pattern, or several policies",),
)


def states(answer: object) -> Mapping[str, str]:
    """Read the broker's list: `denied` or `permitted` by feature; nothing where it is no list.

    4.0.5 gives the phase alone, which is the state unless its configuration says otherwise.
    """
    found = {}
    for item in answer if isinstance(answer, list) else ():
        by_phase = (
            _PERMITTED if item.get("deprecation_phase") == "permitted_by_default" else _DENIED
        )
        found[str(item.get("name"))] = str(item.get("state") or by_phase)
    return found


def derived(changes: Sequence[Change], snapshot: Snapshot) -> Derived:
    """Give refusals for what the broker would refuse to make, and one warning for each other deprecated feature."""
    refusals: list[Refusal] = []
    used: dict[str, list[str]] = {}
    for change in changes:
        for field, deprecation in _uses(change):
            if change.action in _WRITTEN and deprecation.is_refused(snapshot):
                version = ".".join(map(str, snapshot.version))
                why = f"RabbitMQ {version} refuses {deprecation.name}"
                refusals.append(Refusal(change.address, field, why, deprecation.remedies))
                continue
            outlook = deprecation.outlook(snapshot.version)
            if outlook:
                used.setdefault(outlook, []).append(str(change.address))
    return Derived(refusals=tuple(refusals), warnings=tuple(_warnings(used)))


def _warnings(used: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for outlook, addresses in used.items():
        first, *more = dict.fromkeys(addresses)
        yield f"{first}{f' and {len(more)} more' if more else ''}: {outlook}"


def _uses(change: Change) -> Iterator[tuple[str, Deprecation]]:
    """Give what a declared queue or policy uses, by the field that says so; not what is merely found."""
    if change.resource is None or change.resource.external or change.action is Action.DELETE:
        return
    spec = change.resource.spec
    if isinstance(spec, QueueSpec):
        if spec.durable is False:
            yield "durable", _TRANSIENT
        yield from _of_keys("arguments", spec.arguments or (), "x-")
    elif isinstance(spec, PolicySpec):
        if not patterns.is_fit(spec.pattern):
            yield "pattern", _LONG_PATTERN
        yield from _of_keys("definition", spec.definition, "")


def _of_keys(
    field: str, settings: Iterable[tuple[str, Any]], prefix: str
) -> Iterator[tuple[str, Deprecation]]:
    for key, value in settings:
        name = key.removeprefix(prefix)
        if name == "queue-master-locator":
            yield f"{field}.{key}", _LOCATOR
        elif name == "queue-mode":
            yield f"{field}.{key}", _MODE
        elif key == "x-queue-version" and value == 1:
            yield f"{field}.{key}", _STORAGE
        elif field == "definition" and key.startswith("ha-"):
            yield f"{field}.{key}", _MIRRORING
