"""Who may do what, what is said when the broker cannot be asked, and the status."""

from __future__ import annotations

import re
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.change import Status
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import carry_out, converge, destroy, plan_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bizops.provider import Provider

pytestmark = pytest.mark.integration

DECLARED = {
    "exchanges": {"own_dlx": {}},
    "queues": {
        "own_a": {"max_priority": 3, "message_ttl": "1h", "dead_letter": {"exchange": "own_dlx"}}
    },
}
RIGHTS = r"^(own_.*|bizops\.lock\.trial)$"


class Sparse:
    """A user with a tag and a permission of its own, and a provider signed in as it."""

    def __init__(self, broker: Any, tag: str, rights: str) -> None:
        self._broker = broker
        self.name = f"u{uuid.uuid4().hex[:8]}"
        admin, url = broker.admin, broker.url
        body = {"password": "once-only-4711", "tags": tag}
        admin.put(url("users", self.name), json=body, timeout=20).raise_for_status()
        if rights:
            body = {"configure": rights, "write": rights, "read": rights}
            where = url("permissions", broker.vhost, self.name)
            admin.put(where, json=body, timeout=20).raise_for_status()

    def connect(self, **settings: Any) -> Provider:
        given = {
            "url": f"http://127.0.0.1:{self._broker.http}",
            "amqp_url": f"amqp://127.0.0.1:{self._broker.amqp}",
            "username": self.name,
            "password": "once-only-4711",
        }
        connection = Connection.model_validate(given | settings)
        return DEFINITION.connect(connection, self._broker.scope.settings, Options())

    def remove(self) -> None:
        self._broker.admin.delete(self._broker.url("users", self.name), timeout=20)


@pytest.fixture
def user(broker: Any) -> Iterator[Any]:
    made: list[Sparse] = []

    def make(tag: str, rights: str = RIGHTS) -> Sparse:
        made.append(Sparse(broker, tag, rights))
        return made[-1]

    yield make
    for each in made:
        each.remove()


def test_a_policymaker_with_rights_on_its_names_needs_nothing_else(broker: Any, user: Any) -> None:
    """The whole road, lease and weighing included, without administrator."""
    live = user("policymaker").connect()
    resources = broker.resources(DECLARED)
    body = {"pattern": ".*", "apply-to": "queues", "definition": {"max-length": 1000}}
    broker.put("operator-policies", "cap", body)

    lease = live.lease("trial", "me")
    assert lease is not None
    assert lease.take() == ""
    lease.renew(10)
    converge(live, resources, broker.scope)

    assert plan_for(live, resources, broker.scope).is_empty
    (stake,) = live.weigh([resources[1].address])
    assert (stake.needs_consent, stake.text) == (False, "0 messages (0 consumers, 0 bindings)")
    lease.release()
    destroy(live, resources, broker.scope)
    live.close()


@pytest.mark.parametrize(
    ("tag", "rights", "words"),
    [
        ("management", RIGHTS, "the user needs the policymaker tag"),
        ("policymaker", "^other$", "lacks configure, read or write permission"),
    ],
)
def test_a_missing_right_is_named_where_it_is_needed(
    broker: Any, user: Any, tag: str, rights: str, words: str
) -> None:
    """The step fails with the broker's words and what they mean."""
    live = user(tag, rights).connect()
    resources = broker.resources(DECLARED)

    result = carry_out(live, plan_for(live, resources, broker.scope))

    details = [o.detail for o in result.outcomes if o.status is Status.FAILED]
    assert details
    assert any(words in detail for detail in details), details
    live.close()


def test_a_user_without_tag_vhost_or_password_is_told_so(broker: Any, user: Any) -> None:
    """Three ways of being denied, three reasons; the password is in none of them."""
    said = []
    for live in (
        user("").connect(),
        user("policymaker", "").connect(),
        user("policymaker").connect(password="wrong-4712"),
    ):
        with pytest.raises(errors.ProviderError) as raised:
            live.observe([], broker.scope)
        said.append(str(raised.value))
        live.close()

    assert "the user needs the policymaker tag" in said[0]
    assert f"vhost {broker.vhost}" in said[1]
    assert "the user has no permissions in this vhost" in said[1]
    assert "wrong user name or password" in said[2]
    assert not [text for text in said if "once-only" in text or "wrong-4712" in text]


@pytest.mark.parametrize(
    ("url", "error", "words"),
    [
        ("http://127.0.0.1:9", errors.UnreachableError, "refused the connection"),
        ("https://127.0.0.1:{http}", errors.UnreachableError, "does not speak TLS"),
        ("http://127.0.0.1:{amqp}", errors.WrongSystemError, "does not speak HTTP"),
        ("http://127.0.0.1:{http}/elsewhere", errors.WrongSystemError, "not RabbitMQ"),
        ("http://no-such-host.invalid:15672", errors.UnreachableError, "no host has this name"),
    ],
)
def test_what_is_not_a_broker_is_one_clear_error(
    broker: Any, url: str, error: type[errors.ProviderError], words: str
) -> None:
    """Nobody there, TLS on a plain port, AMQP, another site, no such host."""
    connection = Connection.model_validate(
        {"url": url.format(http=broker.http, amqp=broker.amqp), "password": "once-only-4711"}
    )
    live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=3))

    with pytest.raises(error, match=words) as raised:
        live.observe([], broker.scope)

    assert "once-only" not in str(raised.value) + raised.value.remedy
    live.close()


def test_another_cluster_than_expected_stops_everything(broker: Any) -> None:
    """`expect` names the cluster; the right name is marked as such."""
    url = f"http://127.0.0.1:{broker.http}"
    name = broker.live.observe([], broker.scope).system.identity

    for expected, is_right in (("rabbit@elsewhere", False), (name, True)):
        connection = Connection.model_validate({"url": url, "expect": {"cluster_name": expected}})
        live = DEFINITION.connect(connection, broker.scope.settings, Options())
        if is_right:
            assert live.observe([], broker.scope).system.expected
        else:
            with pytest.raises(errors.WrongSystemError, match=re.escape(name)):
                live.observe([], broker.scope)
        live.close()


def test_without_amqp_nothing_is_taken_for_empty(broker: Any, user: Any) -> None:
    """Where AMQP does not answer, consumers are unknown, and consent is asked."""
    live = user("policymaker").connect(amqp_url="amqp://127.0.0.1:9")
    (resource,) = broker.resources({"queues": {"own_a": {}}})
    converge(live, [resource], broker.scope)

    (stake,) = live.weigh([resource.address])

    assert stake.needs_consent
    assert "an unknown number of consumers" in stake.text
    assert "127.0.0.1:9" in stake.text
    live.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("amqp://127.0.0.1:9", "127.0.0.1:9: Connection refused"),
        ("amqp://127.0.0.1:{silent}", "127.0.0.1:{silent}: no answer in time"),
        ("amqps://127.0.0.1:{amqp}", "127.0.0.1:{amqp}: TLS failed: WRONG_VERSION_NUMBER"),
        ("amqp://127.0.0.1:{http}", "127.0.0.1:{http}: no answer in time"),
        ("amqp://guest:wrong-4713@127.0.0.1:{amqp}", "127.0.0.1:{amqp}: ConnectionClosedByBroker"),
    ],
)
def test_why_amqp_did_not_answer_is_said(broker: Any, url: str, words: str) -> None:
    """Each cause in words; a port where nobody speaks, as Redis's, is one of them and no crash of ours."""
    broker.put("queues", "own_a", {})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = {"amqp": broker.amqp, "http": broker.http, "silent": silent.getsockname()[1]}
        connection = Connection.model_validate(
            {"url": f"http://127.0.0.1:{broker.http}", "amqp_url": url.format(**ports)}
        )
        live = DEFINITION.connect(connection, broker.scope.settings, Options(timeout=1))

        (stake,) = live.weigh([broker.resources({"queues": {"own_a": {}}})[0].address])

    assert f"AMQP at {words.format(**ports)}" in stake.text
    assert "wrong-4713" not in stake.text
    live.close()


def test_status_shows_what_waits_and_who_reads(broker: Any) -> None:
    """The implied dead-letter queue is a column of its parent; a queue that nobody reads is a problem."""
    broker.converge(DECLARED)
    broker.publish("own_a", 4)
    broker.publish("own_a.dlq", 2)
    resources = broker.resources(DECLARED)

    for _ in range(60):
        health = broker.live.status(resources, broker.scope)
        ((address, cells, problem),) = health.rows
        if (cells[1], cells[-1]) == ("4", "2"):
            break
        time.sleep(0.25)

    assert str(address) == "rabbitmq.queue/own_a"
    assert (cells[0], cells[1], cells[3], cells[-1]) == ("own_a", "4", "0", "2")
    assert problem == "nobody consumes"
    assert health.columns[-1] == "DLQ"


def test_an_exclusive_queue_is_not_taken_for_absent(broker: Any) -> None:
    """It belongs to a connection, so nobody else can read it; but its name is taken."""
    declared = {"queues": {"own_a": {"message_ttl": "1h"}, "own_b": {}}}
    with broker.channel() as channel:
        channel.queue_declare("own_a", exclusive=True)
        plan = broker.plan(declared)

    assert [("own_a", "it is exclusive to a connection of somebody else")] == [
        (observed.address.name, observed.why) for observed in plan.unreadable
    ]
    assert ["own_b"] == [change.address.name for change in plan.changes]
    assert ["own_a", "own_b"] == sorted(c.address.name for c in broker.plan(declared).changes)


def test_r3_the_tag_management_alone_sees_the_default_type_and_the_limits(
    broker: Any, user: Any
) -> None:
    """As docs/permissions.md promises: looking needs no more than it did."""
    # Given a vhost with a limit, and a user who may look and no more
    url = broker.url("vhost-limits", broker.vhost, "max-queues")
    broker.admin.put(url, json={"value": 2}, timeout=20).raise_for_status()
    live = user("management", "^$").connect()

    # When that user plans more queues than that
    resources = broker.resources({"queues": {"own_a": {}, "own_b": {}}})
    plan = plan_for(live, resources, broker.scope)
    live.close()

    # Then the plan knows it, and warns of nothing that it could not read
    (refusal,) = plan.refusals
    assert "takes 2 queues" in refusal.why
    assert not [text for text in plan.warnings if "was not read" in text]


def test_a1_a_user_who_may_not_write_policies_is_warned_in_the_plan(broker: Any, user: Any) -> None:
    """Who may look and no more still gets the plan, and apply would find out after other writes."""
    resources = broker.resources({"queues": {"own_a": {"message_ttl": "1h"}, "own_b": {}}})
    looking, writing = user("management").connect(), user("policymaker").connect()

    warned = plan_for(looking, resources, broker.scope)
    fine = plan_for(writing, resources, broker.scope)
    looking.close()
    writing.close()

    said = [text for text in warned.warnings if "policymaker" in text]
    assert ["rabbitmq: apply would fail: policies are to be written"] == [
        text.partition(", and")[0] for text in said
    ]
    assert not warned.refusals
    assert not [text for text in fine.warnings if "policymaker" in text]


def test_a1_an_exchange_of_a_type_that_the_broker_lacks_is_refused_in_the_plan(broker: Any) -> None:
    # Given an exchange of a plugin that is not there, beside one that any broker has
    declared = {"exchanges": {"own_late": {"type": "x-delayed-message"}, "own_plain": {}}}

    # When it is planned
    plan = broker.plan(declared)

    # Then the plan says what the broker does
    (refusal,) = plan.refusals
    assert (refusal.address.name, refusal.field) == ("own_late", "type")
    assert refusal.why == "the broker has no exchange type x-delayed-message"
    url, body = broker.url("exchanges", broker.vhost, "own_late"), {"type": "x-delayed-message"}
    assert not broker.admin.put(url, json=body, timeout=20).ok
