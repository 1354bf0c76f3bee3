from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

import pytest
from jsonschema import FormatChecker

from workers.events import envelopes
from workers.protocol.task import validator
from workers.protocol.usage import Usage

SUBJECT = envelopes.Subject("t1", "auto_orders", "order", "order@host:1", "trace", attempt=2)
EFFORT = envelopes.Effort(1.23456, 2.5, "openai/gpt", Usage(1, 10, 5), 0.000123)


def told(found: tuple[envelopes.Event, ...]) -> dict[str, dict[str, Any]]:
    return {event.topic: json.loads(event.value) for event in found}


@pytest.mark.parametrize(
    "found",
    [
        envelopes.completed(SUBJECT, EFFORT, "done", str),
        envelopes.completed(SUBJECT, EFFORT, '{"decision": "approve", "fraud_score": 0.1}', str),
        envelopes.failed(SUBJECT, EFFORT, "rate_limited", "429", None),
        envelopes.failed(SUBJECT, envelopes.Effort(), "invalid_task", "not JSON", "invalid"),
    ],
)
def test_every_envelope_is_valid_by_the_schema_in_the_package(
    found: tuple[envelopes.Event, ...],
) -> None:
    schema = type(validator("event"))(validator("event").schema, format_checker=FormatChecker())
    for event in found:
        value = json.loads(event.value)
        schema.validate(value)
        assert event.key == value["task_id"] == "t1"
        uuid.UUID(value["id"])


def test_a_result_goes_where_the_flow_says() -> None:
    found = told(envelopes.completed(SUBJECT, EFFORT, "done", str))

    assert list(found) == ["ai.completions", "audit.trail", "analytics.metrics"]
    assert found["ai.completions"]["data"] == {"output": "done", "is_truncated": False}
    assert found["ai.completions"]["tokens"] == {"calls": 1, "prompt": 10, "completion": 5}
    assert found["ai.completions"]["durations"] == {"waited": 1.235, "ran": 2.5}
    assert found["audit.trail"]["data"] == {"outcome": "completed"}


def test_a_failure_goes_to_the_errors_and_says_whether_it_is_the_last() -> None:
    again = told(envelopes.failed(SUBJECT, EFFORT, "rate_limited", "429", None))
    last = told(envelopes.failed(SUBJECT, EFFORT, "rate_limited", "429", "exhausted"))

    assert list(again) == ["ai.errors", "audit.trail", "analytics.metrics"]
    assert again["ai.errors"]["data"]["will_retry"] is True
    assert again["audit.trail"]["data"]["outcome"] == "retried"
    assert last["ai.errors"]["data"] == {
        "error": "429",
        "error_class": "rate_limited",
        "will_retry": False,
        "reason": "exhausted",
    }
    assert last["audit.trail"]["data"]["outcome"] == "dead_lettered"


@pytest.mark.parametrize(
    ("output", "decision"),
    [
        ('{"decision": "approve"}', "approve"),
        ('```json\n{"decision": "reject", "why": "x"}\n```', "reject"),
        ('  {"decision": "hold"}  ', "hold"),
        ("I decided to approve", None),
        ('{"decision": 1}', None),
        ('{"decision": "approve"', None),
        ('["decision"]', None),
        ("{" * 100_000, None),
    ],
)
def test_only_json_with_a_decision_is_one(output: str, decision: str | None) -> None:
    found = envelopes.find_decision(output)

    assert (found and found["decision"]) == decision
    assert ("ai.decisions" in told(envelopes.completed(SUBJECT, EFFORT, output, str))) is bool(
        decision
    )


def test_an_event_has_one_id_whoever_tells_it_and_another_for_each_attempt_and_outcome() -> None:
    elsewhere = envelopes.Subject("t1", "auto_orders", "order", "other@host:2", "other", attempt=2)
    again = envelopes.Subject("t1", "auto_orders", "order", "order@host:1", "trace", attempt=3)
    replayed = envelopes.Subject(
        "t1", "auto_orders", "order", "order@host:1", "trace", 2, replays=1
    )
    conflicting = dataclasses.replace(SUBJECT, content="of another body")

    assert envelopes.event_id(SUBJECT, "x", "retried") == envelopes.event_id(
        elsewhere, "x", "retried"
    )
    subjects, outcomes = (SUBJECT, again, replayed, conflicting), ("retried", "completed")
    ids = {envelopes.event_id(s, k, o) for s in subjects for k in ("x", "y") for o in outcomes}
    assert len(ids) == 16


def test_the_longest_output_fits_into_a_record() -> None:
    (completion, *_) = envelopes.completed(SUBJECT, EFFORT, "\x00" * 1_000_000, str)

    assert len(completion.value.encode()) < 1_000_000
    assert json.loads(completion.value)["data"]["is_truncated"] is True


def test_the_longest_error_fits_into_a_record() -> None:
    """A record that Kafka never takes would stand at the outbox's head for ever."""
    found = envelopes.failed(SUBJECT, EFFORT, "agent_error", "\x00" * 1_000_000, None)

    assert all(len(event.value.encode()) < 1_000_000 for event in found)


def test_half_a_character_in_an_answer_is_written_as_json_has_it() -> None:
    (completion, *_) = envelopes.completed(SUBJECT, EFFORT, "é \ud83d", str)

    assert r"é \ud83d" in completion.value
    assert json.loads(completion.value.encode())["data"]["output"] == "é \ud83d"
