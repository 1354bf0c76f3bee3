"""Several addresses of one cluster: which one is asked, and what happens when it falls silent."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.change import Status
from bizops.planner import Targeting
from bizops.provider import Options
from bizops.providers.rabbitmq import DEFINITION
from bizops.providers.rabbitmq.api import amqp_counts
from bizops.providers.rabbitmq.declared.connection import Connection
from bizops.testing import carry_out, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider

pytestmark = pytest.mark.integration

SECONDS = 4.0
DECLARED = {"queues": {"own_a": {"message_ttl": "1h"}, "own_b": {}}}
Connect = "Callable[..., Provider]"


@pytest.fixture
def connect(broker: Any) -> Iterator[Callable[..., Provider]]:
    """Give a provider for a list of addresses."""
    made: list[Provider] = []

    def make(*urls: str, **settings: Any) -> Provider:
        given = {"url": list(urls), "amqp_url": f"amqp://127.0.0.1:{broker.amqp}"} | settings
        connection = Connection.model_validate(given)
        options = Options(timeout=SECONDS)
        made.append(DEFINITION.connect(connection, broker.scope.settings, options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_the_next_address_is_asked_where_the_first_one_refuses(
    broker: Any, connect: Callable[..., Provider], unused_port: Any
) -> None:
    """The heading has the address that answered, a warning the one that did not."""
    dead, alive = f"http://127.0.0.1:{unused_port()}", f"http://127.0.0.1:{broker.http}"
    started = time.monotonic()

    found = connect(dead, alive).observe([], broker.scope)

    assert f"{alive} {broker.vhost}" == found.system.address
    assert (f"rabbitmq: {dead} refused the connection, so {alive} was asked",) == found.warnings
    assert time.monotonic() - started < SECONDS


def test_the_first_address_is_asked_where_all_answer(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """And nothing has to be said."""
    alive = f"http://127.0.0.1:{broker.http}"
    with relay(broker.http) as other:
        found = connect(alive, other.url).observe([], broker.scope)
    assert (f"{alive} {broker.vhost}", ()) == (found.system.address, found.warnings)


def test_a_frozen_address_costs_a_second_once_the_next_one_has_answered(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """It takes the connection and says nothing; all are asked at once."""
    with relay(broker.http) as frozen:
        frozen.freeze()
        started = time.monotonic()
        found = connect(frozen.url, f"http://127.0.0.1:{broker.http}").observe([], broker.scope)

    assert "did not answer in 1 s" in found.warnings[0]
    assert time.monotonic() - started < SECONDS


def test_where_none_answers_each_says_why_within_one_deadline(
    broker: Any, connect: Callable[..., Provider], relay: Any, unused_port: Any
) -> None:
    """Two frozen addresses do not take twice the time."""
    with relay(broker.http) as one, relay(broker.http) as two:
        one.freeze()
        two.freeze()
        dead = f"http://127.0.0.1:{unused_port()}"
        started = time.monotonic()
        with pytest.raises(errors.UnreachableError) as caught:
            connect(one.url, dead, two.url).observe([], broker.scope)

    said = str(caught.value)
    assert said.startswith(f"none of 3 addresses answers: {one.url} did not answer in")
    assert f"; {dead} refused the connection; {two.url} did not answer in" in said
    assert time.monotonic() - started < SECONDS + 1


def test_who_is_refused_is_told_by_the_first_address(
    broker: Any, connect: Callable[..., Provider], relay: Any, unused_port: Any
) -> None:
    """A wrong password is wrong at every node: no second one is asked behind its back."""
    with relay(broker.http) as first:
        second = f"http://127.0.0.1:{unused_port()}"
        with pytest.raises(errors.DeniedError, match="wrong user name or password"):
            connect(first.url, second, password="wrong").observe([], broker.scope)


def test_a_reading_that_breaks_off_is_begun_again_at_the_next_address(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """Nothing of the first address is left in it."""
    broker.converge(DECLARED)
    alive = f"http://127.0.0.1:{broker.http}"
    with relay(broker.http, b"GET /api/queues/") as first:
        live = connect(first.url, alive)
        plan = plan_for(live, broker.resources(DECLARED), broker.scope)

    assert plan.is_complete
    assert plan.is_empty
    assert f"{alive} {broker.vhost}" == plan.systems[0].address
    assert any("did not answer in 4 s" in warning for warning in plan.warnings)


def test_an_address_that_waits_for_another_node_is_not_left(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """It is there, so the next one would wait as well: the error comes after one time-out."""
    started = time.monotonic()
    with relay(broker.http, b"GET /api/queues/", is_frozen=False) as first:
        live = connect(first.url, f"http://127.0.0.1:{broker.http}")
        with pytest.raises(errors.UnreachableError, match="did not answer in 4 s"):
            live.observe(broker.resources(DECLARED), broker.scope)
    assert time.monotonic() - started < SECONDS + 3


def test_another_cluster_in_the_list_is_refused_before_anything_is_written(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """A plan of one cluster is not carried out on another."""
    with relay(broker.http) as first, relay(broker.http) as second:
        second.renamed = (b'"value":"rabbitmq-cluster-id', b'"value":"RABBITMQ-cluster-id')
        live = connect(first.url, second.url)
        plan = plan_for(live, broker.resources(DECLARED), broker.scope)
        first.freeze()

        result = carry_out(live, plan)

    assert any(
        "a list has the nodes of one cluster" in outcome.detail for outcome in result.outcomes
    ), result.outcomes
    assert [] == broker.listing("queues")


def test_what_was_not_answered_is_written_at_the_next_address(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """Declaring a queue or a policy twice is declaring it once."""
    with relay(broker.http, b"PUT /api/") as first:
        live = connect(first.url, f"http://127.0.0.1:{broker.http}")
        plan = plan_for(live, broker.resources(DECLARED), broker.scope)

        result = carry_out(live, plan)

        assert {Status.APPLIED} == {outcome.status for outcome in result.outcomes}
        assert plan_for(live, broker.resources(DECLARED), broker.scope).is_empty


def test_a_deletion_that_got_no_answer_is_not_repeated(
    broker: Any, connect: Callable[..., Provider], relay: Any
) -> None:
    """The frozen node may carry it out when it wakes, when the name has messages of somebody else."""
    broker.put("queues", "own_old", {})
    with relay(broker.http, b"DELETE /api/queues/") as first:
        live = connect(first.url, f"http://127.0.0.1:{broker.http}")
        resources = broker.resources({"queues": {"own_b": {}}})
        plan = plan_for(live, resources, broker.scope, Targeting(prune=True))
        result = carry_out(live, plan)

    (failed,) = (o for o in result.outcomes if o.status is not Status.APPLIED)
    assert Status.FAILED is failed.status
    assert "it may be deleted or not, plan again" in failed.detail
    assert {"own_old", "own_b"} == {queue["name"] for queue in broker.listing("queues")}


@pytest.mark.parametrize("how", ["dead", "frozen", "frozen in the middle"])
def test_counting_over_amqp_asks_the_next_address_in_time(
    broker: Any, how: str, relay: Any, unused_port: Any
) -> None:
    """A passive declaration has no time-out of its own; a node that freezes behind it would hold us."""
    broker.put("queues", "own_a", {})
    alive = f"amqp://127.0.0.1:{broker.amqp}"
    with relay(broker.amqp, b"own_a" if how == "frozen in the middle" else b"") as first:
        if how == "frozen":
            first.freeze()
        port = unused_port() if how == "dead" else first.port
        connection = Connection.model_validate({"amqp_url": [f"amqp://127.0.0.1:{port}", alive]})
        started = time.monotonic()

        found = amqp_counts.count(connection, SECONDS, broker.vhost, ["own_a", "own_none"])

    assert {"own_a": amqp_counts.Count(0, 0), "own_none": None} == found
    assert time.monotonic() - started < SECONDS


def test_counting_over_amqp_says_why_no_address_answers(broker: Any, unused_port: Any) -> None:
    """Each with its own words."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ports = unused_port(), silent.getsockname()[1]
        urls = [f"amqp://127.0.0.1:{port}" for port in ports]
        connection = Connection.model_validate({"amqp_url": urls})
        with pytest.raises(errors.UnreachableError) as caught:
            amqp_counts.count(connection, 1, broker.vhost, ["own_a"])
    one, two = (f"AMQP at 127.0.0.1:{port}: " for port in ports)
    assert f"{one}Connection refused; {two}no answer in time" == str(caught.value)
