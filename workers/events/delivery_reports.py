"""What became of a record that was sent to Kafka: delivered, failed for now, or refused for good."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka import KafkaError

UNKNOWN_TOPIC = "unknown_topic"
_UNKNOWN = frozenset(
    {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}  # noqa: SLF001 - its name in librdkafka
)
_REFUSALS = {
    KafkaError.MSG_SIZE_TOO_LARGE: "too_large",
    KafkaError.RECORD_LIST_TOO_LARGE: "too_large",
    KafkaError.INVALID_RECORD: "invalid_record",
    KafkaError.INVALID_TIMESTAMP: "invalid_record",
    KafkaError.POLICY_VIOLATION: "policy_violation",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "not_authorized",
    KafkaError.TOPIC_EXCEPTION: "invalid_topic",
}
"""What a broker answers to one record, and would answer again; all other errors may pass."""

NO_EVENT = "no_event"
REFUSALS = frozenset({*_REFUSALS.values(), UNKNOWN_TOPIC, NO_EVENT})
"""Every word for why an event never comes to Kafka."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a record: `problem` is empty where it is delivered; `refusal` is a word where it never will be."""

    problem: str = ""
    refusal: str = ""

    @property
    def is_passing(self) -> bool:
        """Whether it failed, and may not the next time."""
        return bool(self.problem) and not self.refusal


def reported(topic: str, error: KafkaError | None, *, is_ours: bool) -> Report:
    """Give what librdkafka reports of a record; None where it was delivered.

    A topic that `is_ours` and is missing may be made yet, and is waited for. One that is nobody's is not.
    """
    if error is None:
        return Report()
    refusal = _REFUSALS.get(error.code(), "")
    if error.code() in _UNKNOWN and not is_ours:
        refusal = UNKNOWN_TOPIC
    return Report(f"{topic}: {error.str()}", refusal)
