"""One queue as the rules see it: what is live, which policies are at work, and what another policy would make of it.

Pure. `View` is what an observation of a queue carries as `raw`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from bizops.providers.rabbitmq.declared import field_types, setting_keys
from bizops.providers.rabbitmq.declared.specs import OWN_NAME, QueueSpec
from bizops.providers.rabbitmq.live.effective_settings import (
    Policy,
    Setting,
    Subject,
    in_force,
    matching,
)
from bizops.providers.rabbitmq.live.snapshots import LiveQueue, Snapshot, Vhost, subject
from bizops.providers.rabbitmq.live.vhost_settings import CLASSIC
from bizops.providers.rabbitmq.naming.names import is_derived_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.resource import Path


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue, live or wanted, among the policies of its vhost.

    `queue` is None where it is not there. `covering` are our derived policies that match it, the one in force first;
    `foreign` are all others that the broker would consider, the strongest first; `unread` are foreign ones whose
    pattern cannot be read here. `operator` is the operator policy at work.
    """

    subject: Subject
    queue: LiveQueue | None
    topology: str
    vhost: Vhost = field(default_factory=lambda: Vhost(""), compare=False, repr=False)
    covering: tuple[Policy, ...] = ()
    foreign: tuple[Policy, ...] = ()
    unread: tuple[Policy, ...] = ()
    operator: Policy | None = None
    winner: Policy | None = None

    @property
    def is_covered(self) -> bool:
        """True where the queue is live and a derived policy of ours matches it."""
        return self.queue is not None and bool(self.covering)

    @property
    def is_known_empty(self) -> bool:
        """True where no message of it can be lost."""
        return self.queue is None or self.queue.is_known_empty

    def settings(self) -> dict[str, Setting]:
        """Give what is in force now, by policy key."""
        return in_force(self.subject, self.winner, self.operator)

    def settings_under(self, definition: Mapping[str, Any], name: str = "") -> dict[str, Setting]:
        """Give what would be in force under a derived policy of ours with this definition.

        An empty one means none of ours, so the strongest foreign policy applies.
        """
        ours: Policy | None = self.foreign[0] if self.foreign else None
        if definition:
            ours = Policy(name, "", "queues", 0, field_types.freeze(dict(definition)))
        return in_force(self.subject, ours, self.operator)


def of_live(queue: LiveQueue, vhost: Vhost, snapshot: Snapshot, topology: str) -> QueueState:
    """Give the view of a queue that is there."""
    seen = _among(subject(queue, snapshot.version), vhost, topology)
    winner = vhost.policies.get(queue.policy)
    covering, foreign = seen.covering, seen.foreign
    if winner is not None and not is_derived_policy(winner.name, topology):
        foreign = tuple(dict.fromkeys((*foreign, winner)))
    return replace(
        seen,
        queue=queue,
        winner=winner,
        covering=_by_strength(covering, queue.policy),
        foreign=_by_strength(foreign, queue.policy),
    )


def _by_strength(policies: tuple[Policy, ...], winner: str) -> tuple[Policy, ...]:
    """Sort by priority; of equals the one that the broker chose comes first."""
    return tuple(sorted(policies, key=lambda p: (-p.priority, p.name != winner, p.name)))


def of_wanted(
    name: str, spec: QueueSpec, vhost: Vhost, snapshot: Snapshot, topology: str
) -> QueueState:
    """Give the view of a queue that is not there, as it would be created."""
    queue_type = spec.type or default_type(spec, vhost.settings.default_type)
    pairs = field_types.freeze(arguments(name, spec))
    return _among(Subject(name, queue_type, pairs, snapshot.version), vhost, topology)


def default_type(spec: QueueSpec, of_vhost: str) -> str:
    """Give the type that the broker gives to a queue without one, from the default of its vhost.

    What that type cannot be, a queue that is not durable or that goes with its consumers, becomes classic (3.10.8 and
    4.0.5).
    """
    return CLASSIC if spec.durable is False or spec.auto_delete else of_vhost


def with_type(spec: QueueSpec, seen: QueueState) -> QueueSpec:
    """Give a queue's spec with its type said: what it is where it is live, else the default of its vhost.

    Where that could not be read it stays unsaid, and the broker decides.
    """
    is_known = seen.queue is not None or not seen.vhost.settings.problem
    if spec.type is not None or not is_known:
        return spec
    return spec.model_copy(update={"type": seen.subject.type})


def recreated(seen: QueueState, spec: QueueSpec) -> QueueState:
    """Give the view of a live queue as it will be when it has been replaced."""
    wanted = replace(
        seen.subject,
        type=spec.type or seen.subject.type,
        arguments=field_types.freeze(arguments(seen.subject.name, spec)),
    )
    fresh = _among(wanted, seen.vhost, seen.topology)
    return replace(fresh, queue=seen.queue, covering=seen.covering, winner=seen.winner)


def _among(wanted: Subject, vhost: Vhost, topology: str) -> QueueState:
    considered = matching(vhost.candidates(wanted.name), wanted)
    operators = matching(vhost.operator_policies, wanted)
    foreign = tuple(p for p in considered if not is_derived_policy(p.name, topology))
    return QueueState(
        wanted,
        None,
        topology,
        vhost,
        tuple(p for p in considered if is_derived_policy(p.name, topology)),
        foreign,
        vhost.unread(),
        operators[0] if operators else None,
        considered[0] if considered else None,
    )


def policy_part(name: str, spec: QueueSpec) -> dict[str, Any]:
    """Give the settings of a queue that are written as a derived policy, by policy key."""
    return {
        setting_keys.POLICY_KEY[path]: _own(value, name)
        for path, value in spec.fields().items()
        if path in setting_keys.POLICY_KEY and is_in_policy(path, spec)
    }


def arguments(name: str, spec: QueueSpec) -> dict[str, Any]:
    """Give the arguments that a queue is declared with, as plain values."""
    found = dict(spec.arguments or ())
    for path, value in spec.fields().items():
        if path in setting_keys.IDENTITY:
            found[setting_keys.IDENTITY[path]] = value
        elif path in setting_keys.POLICY_KEY and not is_in_policy(path, spec):
            found[f"x-{setting_keys.POLICY_KEY[path]}"] = _own(value, name)
    return field_types.thaw(field_types.freeze(found))


def is_in_policy(path: Path, spec: QueueSpec) -> bool:
    """True where this setting of this queue belongs in a derived policy, not in its arguments."""
    if path[0] == "dead_letter":
        return spec.dead_letter is not None and spec.dead_letter.settings_in == "policy"
    return spec.settings_in == "policy"


def _own(value: Any, name: str) -> Any:  # noqa: ANN401 - any setting
    return name if value == OWN_NAME else value
