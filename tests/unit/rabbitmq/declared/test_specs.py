"""What a section may hold, and what is found wrong without asking the broker."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.providers.rabbitmq.declared.specs import PolicySpec, QueueSpec, Settings
from bizops.resource import Resource

SETTINGS = Settings()
AT_LEAST_ONCE = {"exchange": "x", "strategy": "at-least-once"}


def resources(kind_name: str, **declared: dict[str, Any]) -> list[Resource]:
    kind = DEFINITION.kind(kind_name)
    found = []
    for name, body in declared.items():
        spec = kind.spec.model_validate(body)
        found.append(Resource(kind.address(name, spec, SETTINGS), spec))
    return found


def queue(**settings: Any) -> Resource:
    return resources("queue", own_a=settings)[0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"message_ttl": 3600}, "has no unit"),
        ({"message_ttl": "12:30"}, "not a duration"),
        ({"message_ttl": "3651d"}, "less than or equal to 315360000000"),
        ({"expires": "0s"}, "greater than or equal to 1"),
        ({"max_priority": 256}, "less than or equal to 255"),
        ({"max_priority": 0}, "greater than or equal to 1"),
        ({"max_priority": True}, "not a whole number"),
        ({"max_priority": "ten"}, "not a whole number"),
        ({"max_length": 10**30}, "less than or equal to"),
        ({"max_length": -1}, "greater than or equal to 0"),
        ({"max_length_bytes": 100}, "has no unit"),
        ({"overflow": "drop"}, "'drop-head', 'reject-publish' or 'reject-publish-dlx'"),
        ({"durable": "yes"}, "not true or false"),
        ({"arguments": {"x-message-ttl": 5}}, "has a field of its own: message_ttl"),
        ({"arguments": [1]}, "must be a map"),
        ({"arguments": {"x-a": None}}, "null is no value"),
        ({"dead_letter": {}}, "Field required"),
        ({"ttl": "1h"}, "Extra inputs"),
    ],
)
def test_what_a_queue_cannot_be_is_said_plainly(settings: dict[str, Any], words: str) -> None:
    """Units, ranges, types, unknown keys."""
    with pytest.raises(ValidationError) as raised:
        QueueSpec.model_validate(settings)

    assert words in str(raised.value)


def test_numbers_may_come_as_text_from_a_variable() -> None:
    """`${PRIORITY}` is text until the field says otherwise."""
    spec = QueueSpec.model_validate({"max_priority": "10", "max_length": "5", "durable": "true"})

    assert spec.fields() == {("durable",): True, ("max_priority",): 10, ("max_length",): 5}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"type": "quorum", "max_priority": 5}, {"max_priority": False}),
        ({"type": "stream", "message_ttl": "1h"}, {"message_ttl": False}),
        ({"delivery_limit": 3}, {"delivery_limit": False}),
        ({"type": "quorum", "delivery_limit": 3}, {"delivery_limit": True}),
        ({"type": "quorum", "durable": False}, {"durable": False}),
        ({"type": "quorum", "auto_delete": True}, {"auto_delete": False}),
        ({"overflow": "reject-publish"}, {"overflow": True}),
        (
            {"type": "quorum", "max_length": 1, "overflow": "reject-publish-dlx"},
            {"overflow": False},
        ),
        (
            {"dead_letter": AT_LEAST_ONCE},
            {"dead_letter.strategy": False},
        ),
        ({"type": "quorum", "dead_letter": AT_LEAST_ONCE}, {"dead_letter.strategy": True}),
        ({"type": "quorum", "dead_letter": AT_LEAST_ONCE, "overflow": "reject-publish"}, {}),
        ({"max_priority": 5, "message_ttl": "1h", "dead_letter": {"exchange": "x"}}, {}),
    ],
)
def test_what_does_not_go_together_is_found_offline(
    settings: dict[str, Any], found: dict[str, bool]
) -> None:
    """Faults and warnings at the field that is wrong."""
    findings = DEFINITION.check([queue(**settings)], SETTINGS)

    assert found == {".".join(f.path): f.is_warning for f in findings}


def test_a_declared_policy_over_a_queue_with_settings_of_its_own_is_a_fault() -> None:
    """Only one policy applies to a queue."""
    (policy,) = resources("policy", p={"pattern": "^own_", "definition": {"max-length": 5}})

    with_settings = list(DEFINITION.check([queue(message_ttl="1h"), policy], SETTINGS))
    without = list(DEFINITION.check([queue(max_priority=3), policy], SETTINGS))
    elsewhere = replace(policy, spec=policy.spec.model_copy(update={"pattern": "^other_"}))
    outside = list(DEFINITION.check([queue(message_ttl="1h"), elsewhere], SETTINGS))

    assert [(("pattern",), False)] == [(f.path, f.is_warning) for f in with_settings]
    assert not without
    assert not outside


def test_the_dead_letter_shorthand_implies_a_queue_and_its_binding() -> None:
    """`<queue>.dlq` is durable, of its parent's type, and nothing else."""
    parent = queue(type="quorum", dead_letter={"exchange": "dlx"}, message_ttl="1h")

    dlq, binding = DEFINITION.kind("queue").expand(parent, SETTINGS)
    with_key = queue(dead_letter={"exchange": "dlx", "routing_key": "k"})

    assert str(dlq.address) == "rabbitmq.queue/own_a.dlq"
    assert dlq.spec.fields() == {("type",): "quorum", ("durable",): True}
    assert str(binding.address) == "rabbitmq.binding/dlx:own_a:own_a.dlq"
    assert not list(DEFINITION.kind("queue").expand(with_key, SETTINGS))


def test_a_vhost_of_its_own_is_in_the_address_and_the_sections_is_not() -> None:
    """Empty scope means the section's vhost, however it was said."""
    here, there = resources("queue", a={"vhost": "/"}, b={"vhost": "x/y"})

    assert ("rabbitmq.queue/a", "rabbitmq.queue/b@x%2Fy") == (str(here.address), str(there.address))


@pytest.mark.parametrize(
    ("kind", "name", "is_protected"),
    [
        ("exchange", "amq.direct", True),
        ("exchange", "", True),
        ("queue", "amq.gen-x", True),
        ("queue", "bizops.lock.t", True),
        ("policy", "bizops.t.ttl-1h.00000000", True),
        ("queue", "bizops", False),
    ],
)
def test_names_that_are_never_touched(kind: str, name: str, *, is_protected: bool) -> None:
    """The broker's own, our leases and our derived policies."""
    assert DEFINITION.kind(kind).protected(name) is is_protected


@pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128, ".", "..", "a\nb"])
def test_names_that_the_broker_cannot_hold(name: str) -> None:
    """Empty, over 255 bytes, path segments, control characters."""
    assert DEFINITION.kind("queue").name_problem(name)
    assert not DEFINITION.kind("queue").name_problem("é" * 127)


def test_the_password_is_never_part_of_the_url() -> None:
    """User info moves out of the URL, and nothing prints it."""
    found = Connection.model_validate({"url": "https://me:s3cret-1@rmq.corp:15671/api/"})

    assert (found.url, found.username) == (("https://rmq.corp:15671",), "me")
    assert found.password.reveal() == "s3cret-1"
    assert "s3cret-1" not in repr(found)


@pytest.mark.parametrize(
    "url",
    ["rmq:5672", "http://rmq:15672", "amqp://", "amqp://x:70000", "amqp://u:s3cret@x/?heartbeat=z"],
)
def test_an_amqp_url_that_leads_nowhere_is_a_fault_before_it_is_needed(url: str) -> None:
    """It is used only where messages are at stake, so it would fail late; what it holds is not told."""
    with pytest.raises(ValidationError) as caught:
        Connection.model_validate({"amqp_url": url})

    (error,) = caught.value.errors()
    assert error["loc"] == ("amqp_url", 0)
    assert "s3cret" not in error["msg"]


@pytest.mark.parametrize("url", ["rmq:15672", "ftp://x", "http://", "http://x:y", "http://x:70000"])
def test_a_url_that_leads_nowhere_is_a_fault(url: str) -> None:
    """Scheme, host and port; the fault is the url's own, so that it is shown where that stands."""
    with pytest.raises(ValidationError, match="must look like") as caught:
        Connection.model_validate({"url": url})
    assert [("url", 0)] == [error["loc"] for error in caught.value.errors()]


def test_policy_values_take_units_or_plain_numbers() -> None:
    """RabbitMQ's keys, and durations and sizes as people write them."""
    spec = PolicySpec.model_validate(
        {
            "pattern": "x",
            "definition": {"message-ttl": "1h", "expires": 5, "max-length-bytes": "1MiB"},
        }
    )

    assert dict(spec.definition) == {
        "message-ttl": 3_600_000,
        "expires": 5,
        "max-length-bytes": 1 << 20,
    }


def test_every_model_has_a_schema_with_a_description_for_each_field() -> None:
    """`bizops schema` and the reference are made of them."""
    for model in (
        *(kind.spec for kind in DEFINITION.kinds),
        DEFINITION.connection,
        DEFINITION.settings,
    ):
        schema = json.loads(json.dumps(model.model_json_schema()))
        assert all("description" in field for field in schema["properties"].values()), model
