"""The committed offsets of all consumer groups, in as many requests as there are brokers, twice.

Each broker lists the groups that it coordinates, and gives the offsets of all of them in one answer (KIP-709, Kafka
3.0). librdkafka asks for one group at a time, so kafka-python is asked here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bizops.providers.kafka.api.brokers import import_quietly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bizops.providers.kafka.api.brokers import Brokers

    Part = tuple[str, int]

_WITH_OFFSETS = frozenset({"", "classic", "consumer", "streams"})
"""Types of groups that commit offsets, "" from brokers that do not tell; share groups have none (KIP-932)."""
_VERSION = 8
"""Of OffsetFetch: the first with several groups in a request, and the last but one with names of topics."""
_GROUP_ID_NOT_FOUND = 69


@dataclass(frozen=True, slots=True)
class Committed:
    """The committed offset of each partition that has one, by group; `unknown` says what could not be read."""

    offsets: Mapping[str, Mapping[Part, int]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


def committed(brokers: Brokers, parts: Mapping[str, Sequence[int]]) -> Committed:
    """Read what every group has committed on these partitions, by topic; raises nothing."""
    if brokers.lacking:
        why = f"kafka-python has no {', '.join(brokers.lacking)}"
        return Committed(unknown=(f"committed offsets unknown: {why}",))
    if not brokers.numbers:
        return Committed(unknown=("consumer groups unknown: no broker answers kafka-python",))
    import_quietly()
    from kafka.protocol.admin import ListGroupsRequest  # noqa: PLC0415 - 0.2 s that a plan without deletions saves

    listed = brokers.ask({number: ListGroupsRequest() for number in brokers.numbers})
    unknown = list(_unanswered(listed.values()))
    names: dict[int, list[str]] = {}
    others: list[str] = []
    for number, answer in listed.items():
        if isinstance(answer, str):
            continue
        for group in answer.groups:
            has_offsets = str(group.group_type or "").lower() in _WITH_OFFSETS
            (names.setdefault(number, []) if has_offsets else others).append(group.group_id)
    if others:
        unknown.append(f"{_counted(len(others), 'share group')}: what they read is unknown")
    fetched = brokers.ask({n: _request(groups, parts) for n, groups in names.items()})
    unknown += _unanswered(fetched.values())
    found: dict[str, dict[Part, int]] = {}
    failed: Counter[str] = Counter()
    for answer in fetched.values():
        for group in () if isinstance(answer, str) else answer.groups:
            found[group.group_id], problems = _of_group(group)
            failed.update(problems)
    unknown += [
        f"committed offsets of {_counted(count, 'group')} unknown: {why}"
        for why, count in failed.items()
    ]
    return Committed({name: pairs for name, pairs in found.items() if pairs}, tuple(unknown))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _request(groups: Iterable[str], parts: Mapping[str, Sequence[int]]) -> Any:  # noqa: ANN401 - of kafka-python
    from kafka.protocol.consumer import OffsetFetchRequest  # noqa: PLC0415 - as above

    one_group = OffsetFetchRequest.OffsetFetchRequestGroup
    topics = [
        one_group.OffsetFetchRequestTopics(name=name, partition_indexes=list(numbers))
        for name, numbers in sorted(parts.items())
    ]
    asked = [one_group(group_id=name, topics=topics) for name in groups]
    return OffsetFetchRequest(groups=asked, min_version=_VERSION, max_version=_VERSION)


def _unanswered(answers: Iterable[Any]) -> Iterator[str]:
    """Say why a broker told nothing: it did not answer, or answered with an error."""
    for why in sorted({why for answer in answers if (why := _problem(answer))}):
        yield f"consumer groups unknown: {why}"


def _problem(answer: Any) -> str:  # noqa: ANN401 - a response of kafka-python, or why there is none
    if isinstance(answer, str):
        return answer
    return _named(answer.error_code) if getattr(answer, "error_code", 0) else ""


def _of_group(group: Any) -> tuple[dict[Part, int], set[str]]:  # noqa: ANN401 - of kafka-python
    """Give the committed offsets of a group, and why some could not be read. -1 is none."""
    if group.error_code:
        is_gone = group.error_code == _GROUP_ID_NOT_FOUND
        return {}, set() if is_gone else {_named(group.error_code)}
    listed = [(topic.name, part) for topic in group.topics for part in topic.partitions]
    pairs = {
        (name, part.partition_index): part.committed_offset
        for name, part in listed
        if part.committed_offset >= 0 and not part.error_code
    }
    return pairs, {_named(part.error_code) for _, part in listed if part.error_code}


def _named(code: int) -> str:
    """Give Kafka's name of an error: `GROUP_AUTHORIZATION_FAILED`."""
    from kafka.errors import for_code  # noqa: PLC0415 - as above

    return str(for_code(code).message)
