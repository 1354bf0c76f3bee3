"""What every output keeps, whatever the plan: no secret, the same bytes, a document that fits its schema."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizops import errors, render
from bizops.change import (
    Action,
    ApplyResult,
    Change,
    FieldChange,
    Outcome,
    Plan,
    Refusal,
    Status,
    Step,
    Write,
)
from bizops.provider import Health
from bizops.providers.kafka.declared.specs import TopicSpec
from bizops.quantity import Duration, Size
from bizops.redaction import Redaction
from bizops.render.values import Values
from bizops.resource import Address, Field, Observation, Presence, Resource, Secret, Spec

if TYPE_CHECKING:
    from bizops.render import Heading, Style

SCHEMA = json.loads(resources.files("bizops.render").joinpath("plan.schema.json").read_text())
MARK = "s3cr3t"
secrets = st.text(max_size=12).map(lambda text: Secret(f"{MARK}{text}"))
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=60) | secrets
scalars |= st.integers(0, 10**12).map(Duration) | st.integers(0, 10**12).map(Size)
values = scalars | st.lists(scalars, max_size=4).map(tuple)
paths = st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3).map(tuple)
field_changes = st.builds(
    FieldChange, path=paths, before=values, after=values, forces=st.booleans()
)


class Anything(Spec):
    """A spec that says what it was made with."""

    held: tuple[tuple[tuple[str, ...], Any], ...] = ()

    def fields(self) -> dict[tuple[str, ...], Any]:
        """Give it back."""
        return dict(self.held)


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """Draw a change with anything in it."""
    name = draw(st.text(min_size=1, max_size=12))
    kind = draw(st.sampled_from(["rabbitmq.queue", "kafka.topic", "swarm.service"]))
    system, _, noun = kind.partition(".")
    address = Address(system, noun, (name,))
    held = tuple(draw(st.dictionaries(paths, values, max_size=3)).items())
    live = tuple(
        (path, Field(value))
        for path, value in draw(st.dictionaries(paths, values, max_size=3)).items()
    )
    notes = tuple(draw(st.lists(st.text(max_size=20), max_size=2)))
    observed = Observation(
        address,
        Presence.PRESENT,
        live,
        notes=notes,
        counts=(("messages", draw(st.integers(0, 3))),),
    )
    return Change(
        address,
        draw(st.sampled_from(Action)),
        Resource(address, Anything(held=held)),
        observed,
        tuple(draw(st.lists(field_changes, max_size=3))),
        unmanaged=tuple(draw(st.lists(field_changes, max_size=1))),
    )


@st.composite
def drawn_plans(draw: st.DrawFn) -> Plan:
    """Draw a plan with refusals for some of its addresses."""
    found = tuple(draw(st.lists(changes(), max_size=5, unique_by=lambda change: change.address)))
    refused = [change.address for change in found if draw(st.booleans())]
    return Plan(
        "any",
        found,
        refusals=tuple(Refusal(address, "", "no") for address in refused),
        unmanaged=tuple(change.observed for change in found[:1]),
    )


@pytest.fixture(autouse=True)
def summaries(monkeypatch: pytest.MonkeyPatch, definitions: None) -> None:
    """Let a summary hold whatever a spec prints of itself, as a careless provider would."""
    del definitions
    from bizops import provider  # noqa: PLC0415 - patched by the fixture above

    found = provider.definition

    def definition(name: str) -> Any:
        made = found(name)
        for kind in made.kinds:
            object.__setattr__(kind, "summary", lambda spec, _address: repr(spec))
        return made

    monkeypatch.setattr(provider, "definition", definition)


def _outputs(plan: Plan, heading: Heading, style: Style) -> list[str]:
    outcomes = [Outcome(Step(change.action, change), Status.APPLIED) for change in plan.changes]
    return [
        *(render.plan_text(plan, style, heading=heading, verbose=v) for v in (False, True)),
        render.drift_text(plan, style, heading=heading),
        json.dumps(render.plan_json(plan, heading=heading)),
        json.dumps(render.drift_json(plan, heading=heading)),
        *(render.outcome_text(outcome, style) for outcome in outcomes),
        *(json.dumps(render.outcome_json(outcome)) for outcome in outcomes),
        repr(plan),
        repr(outcomes),
    ]


PROPERTY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@PROPERTY
@given(plan=drawn_plans())
def test_no_output_ever_holds_a_secret(plan: Plan, heading: Heading, plain: Style) -> None:
    """A hidden value appears in no text, no JSON and no repr."""
    assert not any(MARK in text for text in _outputs(plan, heading, plain))


@PROPERTY
@given(plan=drawn_plans())
def test_the_same_plan_gives_the_same_bytes(plan: Plan, heading: Heading, plain: Style) -> None:
    """Nothing depends on a clock, on chance or on what was printed before."""
    assert _outputs(plan, heading, plain) == _outputs(plan, heading, plain)


@PROPERTY
@given(plan=drawn_plans())
def test_every_document_fits_the_schema_and_every_address_is_told(
    plan: Plan, heading: Heading, plain: Style
) -> None:
    """The schema holds for any plan, and no change is left out of the text."""
    jsonschema.validate(json.loads(json.dumps(render.plan_json(plan, heading=heading))), SCHEMA)
    text = render.plan_text(plan, plain, heading=heading, verbose=True)
    listed = sum(line.startswith(("  ", "-/")) and "/" in line for line in text.splitlines())
    assert listed >= len(plan.changes)


@pytest.mark.parametrize("name", ["full", "calm", "drifted", "unread", "odd"])
def test_the_documents_of_the_screens_fit_the_schema(
    name: str, plans: dict[str, Plan], heading: Heading
) -> None:
    """What the golden files hold is what the schema promises."""
    document = json.loads(json.dumps(render.plan_json(plans[name], heading=heading)))
    jsonschema.validate(document, SCHEMA)
    for spoilt in (
        {**document, "format_version": "2.0"},
        {**document, "errored": True},
        {key: value for key, value in document.items() if key != "summary"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(spoilt, SCHEMA)


def test_a_failure_is_a_document_too() -> None:
    """JSON stands alone on stdout, also where there is no plan."""
    fault = errors.TopologyError("1 fault in 1 file", ["a.yaml:1:1: what"])
    document = json.loads(json.dumps(render.error_json(fault)))
    jsonschema.validate(document, SCHEMA)
    assert document["error"]["faults"] == ["a.yaml:1:1: what"]


def test_equal_hidden_values_have_equal_numbers_by_first_appearance() -> None:
    """A reader sees that two hidden values are equal, and nothing else of them."""
    shown = Values()
    assert shown.text((Secret("b"), Secret("a"), Secret("b"))) == (
        "[(hidden #1), (hidden #2), (hidden #1)]"
    )


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("url amqp://u:longer-secret@h", ["secret", "longer-secret"], "url amqp://(hidden)@h"),
        ("a pw and pwd", ["pw"], "a (hidden) and pwd"),
        ("1 to add, 4096 and true", ["1", "4096", "true", ""], "1 to add, 4096 and true"),
        ("rabbitmq.queue/rabbit-x7", ["rabbit", "queue", "rabbit-x7"], "rabbitmq.queue/(hidden)"),
        ('said "a\\"b1"', ['a"b1'], 'said "(hidden)"'),
        ("multi\nline", ["multi\nline"], "(hidden)"),
    ],
)
def test_the_filter_replaces_what_tells_something(
    text: str, secrets: list[str], shown: str
) -> None:
    """The longest goes first, short ones go as words only, and what says nothing stays readable."""
    assert Redaction(secrets).text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("! rabbitmq.queue/auto_guests", "! rabbitmq.queue/auto_guests"),
        ("user guest: denied", "user guest: denied"),
        ("curl http://guest.example:1/api -u guest", "curl http://guest.example:1/api -u guest"),
        ("task: pw=a-guest-b9", "task: pw=(hidden)"),
        ("task: orders1", "task: (hidden)"),
    ],
)
def test_the_filter_leaves_names_alone(text: str, shown: str) -> None:
    """A spoilt address helps nobody and tells the password; a longer secret around a name still goes whole."""
    names = ["auto_guests", "guest", "http://guest.example:1", "orders"]
    secrets = ["guest", "a-guest-b9", "orders1"]
    assert Redaction(secrets, names).text(text) == shown


def test_the_filter_keeps_a_document_valid() -> None:
    """Numbers and keys stay as they are; texts are filtered at any depth."""
    document = {"abcd": ["xx abcd", {"n": 12345678}], "n": None}
    shown = Redaction(["abcd", "12345678"]).document(document)
    assert shown == {"abcd": ["xx (hidden)", {"n": 12345678}], "n": None}


def test_what_died_with_another_and_is_lost_is_never_said_to_be_left(plain: Style) -> None:
    """No later run knows a binding that nobody declares, so the last line says what it was, and who makes it."""
    queue = Address("rabbitmq", "queue", ("orders",))
    binding = Address("rabbitmq", "binding", ("amq.topic", "x.#", "orders"))
    replaced = Change(queue, Action.REPLACE, Resource(queue, Spec()), _present(queue))
    dead = Change(
        binding,
        Action.REPLACE,
        Resource(binding, Spec()),
        _present(binding),
        dies_with=queue,
    )
    result = ApplyResult(
        (
            Outcome(Step(Action.DELETE, replaced), Status.APPLIED),
            Outcome(Step(Action.CREATE, replaced), Status.APPLIED),
            Outcome(Step(Action.CREATE, dead), Status.FAILED, "access refused"),
        )
    )
    plan = Plan("shop", (replaced, dead))

    told = " ".join(render.result_text(result, plan, plain, 1).split())
    document = render.result_json(result, plan)

    assert f"{binding} went with {queue} and is declared nowhere" in told
    assert "again: only" not in told
    assert ([], [str(binding)]) == (document["left"], document["lost"])


def test_drift_names_what_a_killed_run_left_behind(heading: Heading, plain: Style) -> None:
    """A number without a name is no report."""
    write = Write("rabbitmq", "old", Action.DELETE, "policy bizops.shop.ttl-1h.77ab02")
    plan = Plan("shop", writes=(write,))

    told = render.drift_text(plan, plain, heading=heading)
    document = render.drift_json(plan, heading=heading)

    assert "LEFTOVER   rabbitmq policy bizops.shop.ttl-1h.77ab02\nDrift: 1 leftover" in told
    assert ["leftover"] == [each["kind"] for each in document["drift"]]
    assert 1 == document["summary"]["leftover"]
    assert 2 == render.drift_verdict(plan)


def test_drift_notes_upkeep_and_counts_it_not(heading: Heading, plain: Style) -> None:
    """Everything that is declared is in force: a plan shows it, and the exit code of drift is 0."""
    write = Write("rabbitmq", "new", Action.CREATE, "policy b (3 queues), cut anew", is_upkeep=True)
    plan = Plan("shop", writes=(write,))

    told = render.drift_text(plan, plain, heading=heading)
    document = render.drift_json(plan, heading=heading)

    assert "NOTE       rabbitmq policy b (3 queues), cut anew\nNo drift: shop matches" in told
    assert ([], ["policy b (3 queues), cut anew"], True) == (
        document["drift"], document["upkeep"], document["clean"],
    )  # fmt: skip
    assert 0 == render.drift_verdict(plan)
    assert 2 == render.plan_verdict(plan, detailed=True)
    assert "~ policy b (3 queues), cut anew" in render.plan_text(
        plan, plain, heading=heading, verbose=False
    )


def test_k1_drift_notes_a_pin_and_counts_it_not(heading: Heading, plain: Style) -> None:
    """What is declared is in force, and set on the object by the next apply."""
    address = Address("kafka", "topic", ("weekly",))
    resource = Resource(address, TopicSpec.model_validate({"configs": {"retention.ms": "7d"}}))
    path, week = ("configs", "retention.ms"), Duration.parse("7d")
    pin = FieldChange(path, week, week, "broker default", pins="the broker's default")
    change = Change(address, Action.UPDATE, resource, _present(address), (pin,))
    plan = Plan("shop", (change,))
    said = "pins retention.ms 7d (today the broker's default)"

    told = render.drift_text(plan, plain, heading=heading)
    document = render.drift_json(plan, heading=heading)
    planned = render.plan_text(plan, plain, heading=heading, verbose=False)

    assert f"NOTE       kafka.topic/weekly {said}\nNo drift: shop matches" in told
    assert ([], [f"kafka.topic/weekly {said}"], True) == (
        document["drift"], document["upkeep"], document["clean"],
    )  # fmt: skip
    assert 0 == render.drift_verdict(plan)
    assert 2 == render.plan_verdict(plan, detailed=True)
    assert f"  ~ kafka.topic/weekly\n      {said}" in planned
    field = render.plan_json(plan, heading=heading)["resource_changes"][0]["fields"][0]
    assert "the broker's default" == field["pins"]


def _present(address: Address) -> Observation:
    return Observation(address, Presence.PRESENT)


def _table(healths: dict[str, Health], width: int) -> list[str]:
    """Give the lines of a status beneath its head; none is wider than the terminal."""
    style = render.Style(colour=False, width=width, unicode=True)
    lines = render.health_text(healths, style, all_rows=False).splitlines()
    assert max(map(len, lines)) <= width
    return lines[1:]


def test_a_long_error_stands_beneath_its_row_and_leaves_the_columns_alone() -> None:
    """A status table stays a table, whatever one task says."""
    said = "No such image: registry.corp/agents/workers@sha256:0123456789abcdef"
    rows = tuple(
        (Address("swarm", "service", (name,)), (name, "0/1", error), "1 of 1 tasks do not run")
        for name, error in (("a", said), ("b", "exit 1"))
    )
    health = Health(("SERVICE", "TASKS", "LAST ERROR"), rows, "DEGRADED")

    assert _table({"swarm": health}, width=80) == [
        "a          0/1  ! 1 of 1 tasks do not run",
        f"    {said}",
        "b          0/1  exit 1  ! 1 of 1 tasks do not run",
    ]


def test_a_long_problem_stands_beneath_its_row_and_takes_no_number_along() -> None:
    """The last column of queues and topics is a number: it stays in its column."""
    why = "on rabbit@node-1.messaging.example.org, which is down: what it holds is not known"
    rows = (
        (Address("rabbitmq", "queue", ("a",)), ("a", "?", "3"), why),
        (Address("rabbitmq", "queue", ("b",)), ("b", "10", "-"), "no consumer"),
    )
    health = Health(("QUEUE", "READY", "DLQ"), rows, "DEGRADED")

    assert _table({"rabbitmq": health}, width=60) == [
        "a          ?    3",
        "    ! on rabbit@node-1.messaging.example.org, which is down:",
        "    what it holds is not known",
        "b         10    -  ! no consumer",
    ]
