"""What three nodes said of their queues with one or two of them dead, as recorded from each version."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bizops.change import Action, Change
from bizops.provider import Scope, expected
from bizops.providers.rabbitmq import health
from bizops.providers.rabbitmq.api import responses
from bizops.providers.rabbitmq.changes import precheck
from bizops.providers.rabbitmq.declared.specs import BindingSpec, QueueSpec
from bizops.providers.rabbitmq.live import cluster, snapshots
from bizops.providers.rabbitmq.live.observations import Observer
from bizops.providers.rabbitmq.naming.names import binding_address, queue_address
from bizops.resource import Observation, Presence, Resource, Source

RECORDED = json.loads((Path(__file__).parent / "nodes_down.json").read_text(encoding="utf-8"))
VERSIONS = ("3.10.8", "4.0.5", "4.3.6")
DEAD = "on rabbit@rc3, which is down"


def snapshot(version: str, dead: str) -> snapshots.Snapshot:
    said = RECORDED[version][dead]
    queues = snapshots.queues(said["queues"], said["counts"])
    bindings = snapshots.bindings(said["bindings"])
    vhost = snapshots.Vhost("/", queues, bindings=bindings, bound=snapshots.bound(said["bindings"]))
    read = snapshots.Snapshot(snapshots.version(version), "/", {"/": vhost})
    nodes = cluster.of_places(read.places)
    return snapshots.Snapshot(read.version, "/", read.vhosts, nodes)


def observed(found: snapshots.Snapshot, *resources: Resource) -> dict[str, Observation]:
    return {
        each.address.name: each for each in Observer(found, Scope("trial")).observations(resources)
    }


def queue(name: str) -> Resource:
    return Resource(queue_address(name), QueueSpec())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_queue_on_a_dead_node_is_there_and_its_messages_are_unknown(version: str) -> None:
    """The listing with totals leaves it out since 4.0; what it told before of such a queue is not taken."""
    found = observed(snapshot(version, "one"), queue("kc"), queue("ka"), queue("kn"))

    assert found["kc"].presence is Presence.PRESENT
    assert found["kc"].away == DEAD
    assert found["kc"].counts == ()
    assert (("max_priority",), 5) in [(path, field.value) for path, field in found["kc"].fields]
    assert found["ka"].away == ""
    assert found["ka"].counts == (("messages", 0),)
    assert found["kn"].presence is Presence.ABSENT


@pytest.mark.parametrize("version", VERSIONS)
def test_its_binding_is_there_or_not_read(version: str) -> None:
    """3.10 lists no bindings of such a queue, not even its default one."""
    spec = BindingSpec(exchange="ke", queue="kc", routing_key="kc")
    resource = Resource(binding_address(("ke", "kc", "kc"), {}, ""), spec)

    found = observed(snapshot(version, "one"), resource)["ke:kc:kc"]

    if version == "3.10.8":
        assert found.presence is Presence.UNREADABLE
        assert DEAD in found.why
    else:
        assert found.presence is Presence.PRESENT


@pytest.mark.parametrize("version", VERSIONS)
def test_without_a_majority_a_name_in_no_list_is_not_read(version: str) -> None:
    """The quorum queue tells it: by its state, or on 3.10 by its members and those that are online."""
    found = observed(snapshot(version, "two"), queue("kq"), queue("kn"))

    assert found["kq"].presence is Presence.PRESENT
    assert found["kq"].away == (
        "on rabbit@rc1, rabbit@rc2 and rabbit@rc3, of which only rabbit@rc1 runs"
    )
    assert found["kn"].presence is Presence.UNREADABLE
    assert "only 1 of 3 nodes run: rabbit@rc2 and rabbit@rc3 are down" in found["kn"].why


@pytest.mark.parametrize("version", VERSIONS)
def test_one_line_says_what_is_away(version: str) -> None:
    """Without the list of nodes, queues tell which are down."""
    found = snapshot(version, "one")

    said = cluster.state(found.nodes, found.places)

    assert said.is_degraded
    assert said.text.startswith("rabbit@rc3 is down: 2 queues lie on it, ")


def test_what_the_list_of_nodes_says() -> None:
    """As the broker gives it to a user with the tag monitoring."""

    def said(running: str, down: str = "") -> cluster.Cluster:
        listing = [
            *({"name": f"rabbit@rc{n}", "running": True} for n in running),
            *({"name": f"rabbit@rc{n}", "running": False} for n in down),
        ]
        return cluster.state(cluster.listed(listing), ())

    assert said("1") == cluster.Cluster("1 node runs")
    assert said("123") == cluster.Cluster("3 nodes run")
    lost = cluster.Cluster("2 of 3 nodes run: rabbit@rc3 is down", is_degraded=True)
    assert said("12", "3") == lost


def test_one_member_away_is_no_lost_majority() -> None:
    """A queue with a single member on the dead node says nothing of the other nodes."""
    single = cluster.Place(("c",), ("c",), is_away=True)
    whole = cluster.Place(("a", "b", "c"), ("c",))
    places = (single, whole)

    assert cluster.minority(cluster.of_places(places), places) == ""


def test_with_classic_queues_alone_a_majority_is_not_seen() -> None:
    """And the line says so, but only while a node is down."""
    away: Any = (cluster.Place(("a",)), cluster.Place(("b",), ("b",), is_away=True))

    text = cluster.state(cluster.of_places(away), away).text

    assert text.startswith("b is down: 1 queue lies on it; ")
    assert text.endswith("is not readable without the tag monitoring")
    assert cluster.minority(cluster.of_places(away), away) == ""


def test_a_queue_with_a_binding_and_not_listed_is_not_read() -> None:
    """Its name stands in the replicated metadata, so it may be there."""
    vhost = snapshots.Vhost("/", unlisted=frozenset({"kx"}))

    found = observed(snapshots.Snapshot((4, 0), "/", {"/": vhost}), queue("kx"), queue("ky"))

    assert found["kx"].presence is Presence.UNREADABLE
    assert found["ky"].presence is Presence.ABSENT


@pytest.mark.parametrize(
    ("running", "words"),
    [
        (3, "3 nodes run"),
        (2, "2 of 3 nodes run: n3 is down"),
        (
            1,
            (
                "1 of 3 nodes run: n2 and n3 are down; "
                "no majority: nothing can be written, and this is what one part knows"
            ),
        ),
    ],
)
def test_r4_without_a_majority_the_line_of_the_cluster_says_so(running: int, words: str) -> None:
    listing = [{"name": f"n{n}", "running": n <= running} for n in (1, 2, 3)]

    assert cluster.state(cluster.listed(listing), ()).text == words


@pytest.mark.parametrize(("running", "is_refused"), [(3, False), (2, False), (1, True)])
def test_r4_without_a_majority_a_deletion_is_refused(running: int, *, is_refused: bool) -> None:
    """Also without the lock: the cluster may carry it out when its nodes are back."""
    listing = [{"name": f"n{n}", "running": n <= running} for n in (1, 2, 3)]
    found = snapshots.Snapshot((4, 3), "/", {"/": snapshots.Vhost("/")}, cluster.listed(listing))
    address = queue_address("orders")
    gone = Change(address, Action.DELETE, None, Observation(address, Presence.PRESENT))

    refusals = precheck.derived([gone], [], found).refusals

    assert [refusal.why for refusal in refusals] == is_refused * [
        "only 1 of 3 nodes run: n2 and n3 are down, so it cannot be deleted"
    ]


def _member(online: str, state: str = "running") -> dict[str, Any]:
    names = {"members": ["n1", "n2", "n3"], "online": [f"n{number}" for number in online]}
    return {"name": "log", "state": state, "messages_ready": 0, **names}


@pytest.mark.parametrize(
    ("item", "running", "words"),
    [
        (_member("123"), "123", ""),
        (_member("123"), "3", "it lies on n1, n2 and n3, of which only n3 runs"),
        (_member("123"), "12", "its member on n3 is down"),
        (_member("12"), "123", "its member on n3 is not known to run"),
        (_member("1"), "12", "it lies on n1, n2 and n3, of which only n1 is known to run"),
        (_member(""), "123", "it lies on n1, n2 and n3, of which none is known to run"),
        (_member("123", "down"), "123", "it lies on n1, n2 and n3, too few of which answer"),
        ({"name": "log", "node": "n3", "state": "running"}, "12", "it lies on n3, which is down"),
        (
            {"name": "log", "node": "n3", "state": "down"},
            "123",
            "it lies on n3, where it is not known to run",
        ),
    ],
)
def test_what_is_said_of_a_queue_agrees_with_the_list_of_nodes(
    item: dict[str, Any], running: str, words: str
) -> None:
    """A queue may tell of its members what was so some time ago."""
    nodes = cluster.listed({"name": f"n{n}", "running": str(n) in running} for n in (1, 2, 3))
    resource = Resource(queue_address("log"), QueueSpec())

    ((_, _, problem),) = health.health((resource,), {"/": {"log": item}}, "/", nodes).rows
    read = snapshots.queues([item], [item], nodes)["log"]

    assert problem == words
    assert read.away == (words.removeprefix("it lies ") if words.startswith("it lies ") else "")


def test_r4_what_a_dead_letter_queue_on_a_dead_node_holds_is_not_zero() -> None:
    queue = queue_address("orders")
    dead = Resource(
        queue_address("orders.dlq"), QueueSpec(), source=Source("a.yaml", 1, 1, "dead_letter")
    )
    listing = {
        "orders": {"name": "orders", "node": "n1", "state": "running", "messages_ready": 0},
        "orders.dlq": {"name": "orders.dlq", "node": "n2", "state": "down"},
    }

    found = health.health(
        (Resource(queue, QueueSpec()), dead), {"/": listing}, "/", cluster.Nodes()
    )

    ((_, cells, problem),) = found.rows
    assert cells[-1] == "-"
    assert problem == "orders.dlq lies on n2, which is down"
    assert found.verdict == "DEGRADED"


def test_nodes_that_do_not_say_whether_they_run_are_no_answer() -> None:
    """Taken as "down" they would be a cluster without a majority; every broker from 3.10.8 to 4.3.6 says it."""
    with pytest.raises(expected.UnexpectedError, match="running"):
        expected.check([{"name": "rabbit@rc1"}], responses.of("/nodes?columns=name,running"))
