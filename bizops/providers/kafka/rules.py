"""How a topic may change, and what is wrong with one before anybody is asked; pure.

| setting | how it changes | source |
|---|---|---|
| partitions, more | in place; keys move | CreatePartitions (Kafka protocol) takes a larger total only |
| partitions, fewer | never | the same: INVALID_PARTITIONS |
| replication_factor | never, for now | takes a reassignment of every partition |
| cleanup.policy, another | loses data | topic config: what is discarded, and how |
| retention.ms, retention.bytes, lower | loses data, unless the topic is only compacted | topic config |
| remote.storage.enable, off | loses data | KIP-950: the remote tier is no longer read |
| unclean.leader.election.enable, on | loses data | topic config: a replica that lags may lead |
| every other config | in place | IncrementalAlterConfigs |
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bizops.provider import IN_PLACE, Finding, Mutability, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bizops.provider import Rule, Transition
    from bizops.resource import Resource

_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_LONGEST = 249
_UNLIMITED = -1


def name_problem(name: str) -> str:
    """Say why Kafka would refuse this name, or "" (org.apache.kafka.common.internals.Topic)."""
    if not name or name in {".", ".."}:
        return "a topic cannot have this name"
    if len(name) > _LONGEST:
        return f"it has {len(name)} characters, Kafka takes {_LONGEST} at most"
    if not _NAME.fullmatch(name):
        return "Kafka takes ASCII letters, digits, '.', '_' and '-' only"
    return ""


def is_protected(name: str) -> bool:
    """True for Kafka's own topics and the Schema Registry's, which are never touched."""
    return name.startswith(("__", "_schemas"))


def partitions(transition: Transition) -> Verdict:
    """Grow in place, never shrink."""
    before, after = transition.before, transition.after
    if isinstance(before, int) and after < before:
        return Verdict(
            Mutability.NEVER,
            f"Kafka cannot take partitions away: there are {before}",
            (
                f"keep partitions: {before}",
                f"declare another topic with partitions: {after}, and move producers and consumers to it",
            ),
        )
    warnings = ["keys move to other partitions: order per key does not hold across the change"]
    if "compact" in str(_config(transition, "cleanup.policy")):
        warnings.append("it is compacted: the old value of a moved key stays in its old partition")
    return Verdict(Mutability.IN_PLACE, warnings=tuple(warnings))


def replication_factor(transition: Transition) -> Verdict:
    """Refuse: another replication factor takes a reassignment of every partition."""
    before, after = transition.before, transition.after
    why = "another replication factor takes a reassignment of every partition, which bizops does not do yet"
    remedies = [
        f"reassign with kafka-reassign-partitions, giving each partition {after} replicas, and plan again"
    ]
    if isinstance(before, int):
        remedies.insert(0, f"keep replication_factor: {before}")
    else:
        why = f"partitions have {before} replicas: a reassignment may be running; {why}"
        remedies.insert(0, "wait for the reassignment to end, and plan again")
    remedies.append("leave replication_factor out, so that it is not managed")
    return Verdict(Mutability.NEVER, why, tuple(remedies))


def retention(transition: Transition) -> Verdict:
    """Lowering it deletes what is older or larger; -1 is no limit. A topic that is only compacted ignores it."""
    before, after = transition.before, transition.after
    if after is None:
        return _unknown(transition)
    if not isinstance(before, int) or not isinstance(after, int) or not _is_lower(after, before):
        return IN_PLACE
    if _config(transition, "cleanup.policy") == "compact":
        return IN_PLACE
    shown = "no limit" if before == _UNLIMITED else str(before)
    beyond = "records older than" if transition.path[-1].endswith(".ms") else "records beyond"
    return Verdict(
        Mutability.LOSES_DATA,
        f"deletes {beyond} {after}, which were kept under {transition.path[-1]} {shown}",
    )


def _unknown(transition: Transition) -> Verdict:
    key = transition.path[-1]
    why = f"{key} goes back to the broker's default, which could not be read"
    return Verdict(Mutability.LOSES_DATA, why)


def cleanup_policy(transition: Transition) -> Verdict:
    """Another policy discards other records: by age and size (delete), or all but the last of each key (compact)."""
    parts = str(transition.after).split(",")
    does = {
        "delete": "deletes records beyond the retention",
        "compact": "keeps only the last record of each key",
    }
    text = " and ".join(does[part] for part in parts if part in does)
    return Verdict(Mutability.LOSES_DATA, text or "discards other records than before")


def remote_storage(transition: Transition) -> Verdict:
    """Switching it off gives up what only the remote tier holds."""
    if transition.after == "true":
        return IN_PLACE
    return Verdict(
        Mutability.LOSES_DATA, "records that only the remote tier holds are lost to readers"
    )


def unclean_election(transition: Transition) -> Verdict:
    """Switching it on lets a replica lead that lacks acknowledged records."""
    if transition.after is None:
        return _unknown(transition)
    if transition.after != "true":
        return IN_PLACE
    return Verdict(Mutability.LOSES_DATA, "a replica that lacks acknowledged records may lead")


def message_size(transition: Transition) -> Verdict:
    """Lowering it makes the broker refuse larger batches from then on."""
    before, after = transition.before, transition.after
    if isinstance(before, int) and isinstance(after, int) and after < before:
        return Verdict(
            Mutability.IN_PLACE, warnings=(f"producers of batches over {after} are refused",)
        )
    return IN_PLACE


def _in_place(transition: Transition) -> Verdict:
    del transition
    return IN_PLACE


RULES: Mapping[str, Rule] = {
    "partitions": partitions,
    "replication_factor": replication_factor,
    "configs": _in_place,
    "configs.retention.ms": retention,
    "configs.retention.bytes": retention,
    "configs.cleanup.policy": cleanup_policy,
    "configs.remote.storage.enable": remote_storage,
    "configs.unclean.leader.election.enable": unclean_election,
    "configs.max.message.bytes": message_size,
}


def check(resources: Sequence[Resource], settings: Any) -> Iterator[Finding]:  # noqa: ANN401
    """Find what the declarations alone show to be wrong."""
    del settings
    alike: dict[str, str] = {}
    for resource in sorted(resources, key=lambda each: each.address):
        yield from _replicas(resource)
        name = resource.address.name
        first = alike.setdefault(name.replace("_", "."), name)
        if first != name:
            problem = (
                f"Kafka refuses it beside {first}: '.' and '_' are one character in metric names"
            )
            yield Finding(resource.address, (), problem)


def _replicas(resource: Resource) -> Iterator[Finding]:
    spec: Any = resource.spec
    needed, factor = spec.config("min.insync.replicas"), spec.replication_factor
    if isinstance(needed, int) and factor is not None and needed > factor:
        problem = f"{needed} is more than replication_factor {factor}: every write with acks=all would be refused"
        yield Finding(resource.address, ("configs", "min.insync.replicas"), problem)


def _is_lower(after: int, before: int) -> bool:
    if after == _UNLIMITED:
        return False
    return before == _UNLIMITED or after < before


def _config(transition: Transition, key: str) -> Any:  # noqa: ANN401 - a config value of any type
    """Give the value that holds after the change: the declared one, else the live one."""
    spec: Any = transition.resource.spec
    declared = spec.config(key)
    if declared is not None:
        return declared
    live = dict(transition.observed.fields).get(("configs", key))
    if live is None:
        return None
    return live.default if live.ours else live.value
