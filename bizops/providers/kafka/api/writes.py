"""Carries out steps on topics and says what became of each. Names are the keys: a batch has one step a topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError

from bizops.change import Action, Outcome, Status
from bizops.providers.kafka import error_messages
from bizops.providers.kafka.api import bulk
from bizops.providers.kafka.api.client import is_silence
from bizops.providers.kafka.api.reads import Reading
from bizops.resource import Presence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bizops.change import Change, Step
    from bizops.providers.kafka.api.bulk import Answers
    from bizops.providers.kafka.api.client import Client
    from bizops.providers.kafka.api.deadline import Deadline
    from bizops.providers.kafka.live.members import Members
    from bizops.resource import Observation, Resource

    Look = Callable[[Sequence[Resource]], Mapping[str, Observation]]

_NO_CONSENT = "a topic goes with all its records: that takes --allow-data-loss for this address"
_RIGHTS = {
    Action.CREATE: "Create on the topic or the cluster",
    Action.UPDATE: "Alter and AlterConfigs on the topic",
    Action.DELETE: "Delete on the topic",
}


def apply(
    client: Client,
    steps: Sequence[Step],
    look: Look,
    deadline: Deadline,
    is_stopped: Callable[[], bool],
) -> list[Outcome]:
    """Write all steps in bulk. `look` observes topics again: what exists already may be what is wanted.

    What nobody answered is sent once more, to another broker: each write may be done twice. A write that is not
    answered then either has failed, as it is not known whether it was done. Silence has one `deadline` for all of it,
    as a cluster that has lost its majority answers nothing.
    """
    reading = Reading(client, seconds=deadline.left)
    answers = _written(client, steps, deadline, is_stopped)
    unanswered = [step for step in steps if is_silence(answers.get(_name(step)))]
    if unanswered and not deadline.is_over:
        reading = Reading(client, seconds=deadline.left)
        answers |= _written(client, unanswered, deadline, is_stopped)
    outcomes = [
        _outcome(step, answers, reading.members)
        if _name(step) in answers or _is_refused(step)
        else Outcome(step, Status.SKIPPED)
        for step in steps
    ]
    doubtful = {name for name, error in answers.items() if error and error.code() in _MAY_BE_DONE}
    if not doubtful:
        return outcomes
    changes = {_name(step): _change(step) for step in steps}
    seen = look([resource for name in sorted(doubtful) if (resource := changes[name].resource)])
    return [
        _compared(step, seen[_name(step)]) if _name(step) in doubtful else outcome
        for step, outcome in zip(steps, outcomes, strict=True)
    ]


def _written(
    client: Client, steps: Sequence[Step], deadline: Deadline, is_stopped: Callable[[], bool]
) -> Answers:
    """Send every write, and give what came of each by topic; a deletion without consent is none.

    Topics that were not sent, as the apply was stopped, are left out. Both writes of an update belong together.
    """
    changes = {_name(step): _change(step) for step in steps}

    def names(action: Action) -> list[str]:
        return [_name(step) for step in steps if step.action is action]

    allowed = [_name(s) for s in steps if s.action is Action.DELETE and not _is_refused(s)]
    updates = {name: changes[name] for name in names(Action.UPDATE)}
    creates = {name: _wanted(changes[name]) for name in names(Action.CREATE)}
    answers: Answers = bulk.delete(client, allowed, deadline, is_stopped)
    answers |= bulk.create(client, creates, deadline, is_stopped)
    if is_stopped():
        return answers
    grown = _grown(client, updates, deadline)
    altered = _altered(client, updates, deadline)
    return answers | {name: _telling(grown.get(name), altered.get(name)) for name in updates}


def _telling(grown: KafkaError | None, altered: KafkaError | None) -> KafkaError | None:
    """Give the error of an update's two writes that decides: a growth that may be done says less than a refusal."""
    if grown is None or (altered is not None and grown.code() in _MAY_BE_DONE):
        return altered
    return grown


_MAY_BE_DONE = frozenset({KafkaError.TOPIC_ALREADY_EXISTS, KafkaError.INVALID_PARTITIONS})
"""Answers that an earlier try gives rise to, whose own answer was lost."""


def _grown(client: Client, changes: Mapping[str, Change], deadline: Deadline) -> Answers:
    fields = {
        name: field
        for name, change in changes.items()
        for field in change.fields
        if field.path == ("partitions",)
    }
    added = {name: max(1, field.after - field.before) for name, field in fields.items()}
    totals = {name: field.after for name, field in fields.items()}
    return bulk.grow(client, totals, added, deadline)


def _altered(client: Client, changes: Mapping[str, Change], deadline: Deadline) -> Answers:
    pairs = {
        name: {
            f.path[1]: None if f.default_of else f.after
            for f in change.fields
            if f.path[0] == "configs"
        }
        for name, change in changes.items()
    }
    wanted = {name: values for name, values in pairs.items() if values}
    return bulk.alter(client, wanted, deadline)


def _is_refused(step: Step) -> bool:
    return step.action is Action.DELETE and not step.consent


def _outcome(step: Step, answers: Answers, members: Members) -> Outcome:
    if _is_refused(step):
        return Outcome(step, Status.FAILED, _NO_CONSENT)
    error = answers.get(_name(step))
    if error is None:
        return Outcome(step, Status.APPLIED)
    if step.action is Action.DELETE and error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
        return Outcome(step, Status.APPLIED, "it was gone already")
    if error.code() in error_messages.DENIED:
        return Outcome(
            step, Status.FAILED, f"{error_messages.said(error)}: needs {_RIGHTS[step.action]}"
        )
    if is_silence(error):
        detail = (
            f"not answered, so it is not known whether it was done: {error_messages.said(error)}"
        )
        return Outcome(step, Status.FAILED, f"{detail} ({members.text}): plan again")
    status = Status.RETRY if error.code() in error_messages.TRANSIENT else Status.FAILED
    return Outcome(step, status, error_messages.said(error))


def _compared(step: Step, observed: Observation) -> Outcome:
    """Judge a topic that is as it should be, or not: a killed run may have left it, or somebody else."""
    if observed.presence is not Presence.PRESENT:
        return Outcome(step, Status.RETRY, "it exists, and not every broker knows it yet")
    live = dict(observed.fields)
    wanted = _wanted(_change(step))
    if step.action is Action.UPDATE:
        wanted = {field.path: field.after for field in _change(step).fields}
    differing = [
        f"{'.'.join(path)} is {live[path].value if path in live else 'not set'}, not {value}"
        for path, value in sorted(wanted.items())
        if path not in live or live[path].value != value
    ]
    if differing:
        text = f"somebody changed it meanwhile: {'; '.join(differing)}: plan again"
        return Outcome(step, Status.FAILED, text)
    return Outcome(step, Status.APPLIED, "it was so already")


def _wanted(change: Change) -> dict[tuple[str, ...], Any]:
    assert change.resource is not None  # noqa: S101 - a creation and an update have one
    return change.resource.spec.fields()


def _name(step: Step) -> str:
    return _change(step).address.name


def _change(step: Step) -> Change:
    assert step.change is not None  # noqa: S101 - this provider derives no writes
    return step.change
