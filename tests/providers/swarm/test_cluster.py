"""A swarm of three nodes that are killed, cut off, frozen and drained: what is said of it, and that all goes on."""

from __future__ import annotations

import os
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException

from bizops import applier, errors, graph
from bizops.change import Status
from bizops.provider import Options, Scope
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.engine import nodes
from bizops.providers.swarm.state import placement
from bizops.resource import Address, Resource
from bizops.testing.driving import converge, destroy, plan_for
from stack.nodes.swarm import Swarm, open_swarm
from stack.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(600)]
ENGINE = os.environ.get("BIZOPS_TEST_NODES_ENGINE", "28.5")
IMAGE = os.environ.get("BIZOPS_TEST_REGISTRY", "127.0.0.1:5000") + "/bizops/placeholder:1"
NAME = "test-swarm"
FAST = {"update_config": {"monitor": "1s"}}
SECONDS = 10.0
"""For one request, and for all addresses together."""


@pytest.fixture(scope="module")
def started() -> Iterator[Swarm]:
    """Start three managers with the image that the tests run."""
    made = open_swarm(NAME, open_state(os.environ))
    made.stop()
    try:
        made.start(ENGINE, count=3, managers=3)
        made.load(IMAGE)
        yield made
    finally:
        made.stop()


@pytest.fixture
def swarm(started: Swarm) -> Swarm:
    """Give the swarm with everything up again, whatever the test before did."""
    for node in started.nodes:
        node.heal()
    for member in _until(lambda: _listed(started), lambda found: len(found) == 3):
        spec = member.attrs["Spec"]
        if (spec["Role"], spec["Availability"]) != ("manager", "active"):
            member.update({**spec, "Role": "manager", "Availability": "active"})
    _until(lambda: _health(started), lambda found: found == [("ready", "reachable")] * 3, 180)
    return started


@pytest.fixture
def connect(swarm: Swarm) -> Iterator[Callable[..., Provider]]:
    """Connect to these nodes, by number, in this order."""
    made = []

    def opened(*numbers: int) -> Provider:
        hosts = [swarm.node(number).url for number in numbers]
        connection = Connection.model_validate({"host": hosts})
        made.append(DEFINITION.connect(connection, Settings(), Options(timeout=SECONDS)))
        return made[-1]

    yield opened
    for provider in made:
        provider.close()


@pytest.fixture
def scope() -> Scope:
    """Give a topology of this test's own."""
    return Scope(f"bz-{uuid.uuid4().hex[:8]}")


def _listed(swarm: Swarm) -> list[Any]:
    return list(swarm.manager().nodes.list())


def _health(swarm: Swarm) -> list[tuple[str, str]]:
    return [
        (m.attrs["Status"]["State"], m.attrs.get("ManagerStatus", {}).get("Reachability", ""))
        for m in _listed(swarm)
    ]


def _until(read: Callable[[], Any], is_so: Callable[[Any], bool], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = read()
        except Exception as error:  # noqa: BLE001 - an election, or a node that is only starting
            found = error
        if not isinstance(found, Exception) and is_so(found):
            return found
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.5)


def _is_down(number: int) -> Callable[[list[Any]], bool]:
    return lambda found: any(
        member.attrs["Description"]["Hostname"] == f"{NAME}-{number}"
        and member.attrs["Status"]["State"] == "down"
        for member in found
    )


def _service(scope: Scope, suffix: str, **deploy: Any) -> Resource:
    spec = {"image": IMAGE, "stop_grace_period": "1s", "deploy": {**FAST, **deploy}}
    name = f"{scope.topology}-{suffix}"
    return Resource(Address("swarm", "service", (name,)), Service.model_validate(spec))


def _three(scope: Scope) -> tuple[Resource, Resource, Resource]:
    """Give one service that may run on node 3 alone, one with four tasks, and a global one."""
    on_three = {"constraints": [f"node.hostname=={NAME}-3"]}
    return (
        _service(scope, "p", replicas=1, placement=on_three),
        _service(scope, "w", replicas=4),
        _service(scope, "g", mode="global"),
    )


def test_s10_what_a_drained_node_still_stops_does_not_count(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """Its task goes on for as long as it may take to stop, and the next one has no place."""
    live, pinned = connect(1), _three(scope)[0]
    deaf = {"command": ["sh", "-c", "trap '' TERM; sleep 600"], "stop_grace_period": "50s"}
    spec = pinned.spec.model_dump(exclude_unset=True, by_alias=True) | deaf
    wanted = (Resource(pinned.address, Service.model_validate(spec)),)
    converge(live, wanted, scope)
    began = time.monotonic()
    member = next(m for m in _listed(swarm) if m.attrs["Description"]["Hostname"] == f"{NAME}-3")
    member.update({**member.attrs["Spec"], "Availability": "drain"})

    plan = _until(lambda: plan_for(live, wanted, scope), lambda found: bool(found.degraded), 30)

    assert time.monotonic() - began < 30
    (change,) = plan.changes
    assert change.observed.degraded.startswith("0 of 1 task runs: no suitable node (")
    assert change.observed.degraded.endswith(f"; node {NAME}-3 is drained")
    assert live.status(wanted, scope).verdict == "DEGRADED"


def test_s10_a_dead_node_is_told_and_its_tasks_do_not_count(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """Nothing is to be written, and one service is not what was declared; what moved elsewhere is fine."""
    live, (pinned, spread, everywhere) = connect(1), _three(scope)
    wanted = (pinned, spread, everywhere)
    converge(live, wanted, scope)
    swarm.node(3).kill()
    _until(lambda: _listed(swarm), _is_down(3))

    def settled() -> Any:
        plan = plan_for(live, wanted, scope)
        return plan if plan.degraded == (pinned.address,) else None

    plan = _until(settled, lambda found: found is not None)

    assert plan.is_empty
    found = {change.address: change.observed for change in plan.changes}
    assert found[pinned.address].degraded.startswith("0 of 1 task runs: no suitable node (")
    assert found[pinned.address].degraded.endswith(f"; node {NAME}-3 is down")
    assert {"running": 4, "desired": 4} == dict(found[spread.address].counts)
    assert {"running": 2, "desired": 2} == dict(found[everywhere.address].counts)
    assert any(f"2 of 3 nodes ready: {NAME}-3 is down" in text for text in plan.warnings)
    health = live.status(wanted, scope)
    assert "DEGRADED" == health.verdict
    assert "one more lost stops all changes" in health.cluster.text
    assert [f"0 of 1 task runs; node {NAME}-3 is down", "", ""] == [row[2] for row in health.rows]

    # A change of what can run is carried out, and what cannot is told before it is written.
    more = (_service(scope, "w", replicas=5), _service(scope, "q", **_deploy_of(pinned)))
    plan = plan_for(live, more, scope)
    assert [text for text in plan.warnings if "no ready node meets" in text and "is down" in text]
    converge(live, more[:1], scope)

    # Tasks of the dead node stay where they are until it is back; nothing waits for them.
    began = time.monotonic()
    destroy(live, wanted, scope)
    assert time.monotonic() - began < 60
    assert not live.observe((), scope).found


def _deploy_of(resource: Resource) -> dict[str, Any]:
    spec = resource.spec
    assert isinstance(spec, Service)
    assert spec.deploy is not None
    assert spec.deploy.placement is not None
    return {"placement": {"constraints": list(spec.deploy.placement.constraints or ())}}


def test_a_network_goes_while_a_node_that_used_it_is_dead(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """Its tasks there are still called running, and hold the network up no longer."""
    live = connect(1)
    network = Resource(Address("swarm", "network", (f"{scope.topology}-net",)), Network())
    spec = {"image": IMAGE, "networks": [network.address.name], "stop_grace_period": "1s"}
    spec["deploy"] = {"replicas": 3, **FAST}
    address = Address("swarm", "service", (f"{scope.topology}-n",))
    user = Resource(address, Service.model_validate(spec), needs=(network.address,))
    converge(live, (network, user), scope)
    swarm.node(3).kill()
    _until(lambda: _listed(swarm), _is_down(3))

    destroy(live, (network, user), scope)

    assert not live.observe((), scope).found


def test_without_a_quorum_nothing_is_read(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """One error names every address and what it said, within the deadline of one request."""
    live = connect(1, 2, 3)
    swarm.node(2).cut()
    swarm.node(3).kill()
    # A leader goes on for some seconds before it notices that nobody follows.
    _until(lambda: _refusal(swarm, 1), lambda said: "does not have a leader" in said)
    began = time.monotonic()

    with pytest.raises(errors.ProviderError) as raised:
        live.observe(_three(scope), scope)

    assert time.monotonic() - began < SECONDS + 5
    assert str(raised.value).startswith("none of 3 managers serves: ")
    assert "The swarm does not have a leader" in str(raised.value)
    assert all(node.url in str(raised.value) for node in swarm.nodes)


def _refusal(swarm: Swarm, number: int) -> str:
    try:
        swarm.node(number).client(timeout=5).nodes.list()
    except DockerException as error:
        return str(error)
    return ""


def test_what_is_no_manager_is_passed_over_and_said(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """A manager that was demoted still answers, and knows nothing of services."""
    swarm.demote(2)
    live = connect(2, 1)
    wanted = _until(
        lambda: live.observe((), scope) if _is_worker(swarm, 2) else None,
        lambda found: found is not None,
    )

    assert swarm.node(1).url == wanted.system.address
    (warning,) = [text for text in wanted.warnings if "was asked" in text]
    assert f"{swarm.node(2).url} is a worker of a swarm" in warning
    assert warning.endswith(f"; so {swarm.node(1).url} was asked")


def _is_worker(swarm: Swarm, number: int) -> bool:
    return swarm.node(number).client().info()["Swarm"]["ControlAvailable"] is False


@pytest.mark.parametrize("harm", ["freeze", "kill"])
def test_a_manager_that_is_lost_in_the_middle_of_an_apply_is_replaced_by_the_next(
    harm: str, swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """What was written is watched through the next address, and nothing is written twice."""
    live = connect(1, 2, 3)
    converge(live, (_service(scope, "w", replicas=2),), scope)
    wanted = _service(scope, "w", replicas=2, update_config={"monitor": "8s"}, labels={"a": "b"})
    plan = plan_for(live, (wanted, _service(scope, "x", replicas=1)), scope)
    # By then the tasks run and are watched.
    doing_harm = threading.Timer(5.0, getattr(swarm.node(1), harm))
    doing_harm.start()
    began = time.monotonic()

    outcomes = applier.apply(graph.steps(plan), {"swarm": live}).outcomes

    doing_harm.join()
    assert [Status.APPLIED] * 2 == [outcome.status for outcome in outcomes], outcomes
    assert time.monotonic() - began < 90
    after = _until(
        lambda: plan_for(live, (wanted, _service(scope, "x", replicas=1)), scope),
        lambda found: not found.degraded,
    )
    assert after.is_empty
    # The next one may be without a leader for a moment, and is passed over then.
    asked = after.systems[0].address
    assert asked in {swarm.node(2).url, swarm.node(3).url}
    assert any(f"so {asked} was asked" in text for text in after.warnings)


def test_a_drained_node_is_told_and_is_no_trouble(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """An operator wished it. What may run there alone is degraded, and says why."""
    live, (pinned, spread, everywhere) = connect(1), _three(scope)
    wanted = (pinned, spread, everywhere)
    converge(live, wanted, scope)
    member = next(m for m in _listed(swarm) if m.attrs["Description"]["Hostname"] == f"{NAME}-3")
    member.update({**member.attrs["Spec"], "Availability": "drain"})

    plan = _until(
        lambda: plan_for(live, wanted, scope), lambda found: found.degraded == (pinned.address,)
    )

    cluster = plan.systems[0].cluster
    assert (f"3 nodes ready; {NAME}-3 is drained; 3 managers", False) == (
        cluster.text,
        cluster.is_degraded,
    )
    degraded = {change.address: change.observed.degraded for change in plan.changes}
    assert degraded[pinned.address].endswith(f"; node {NAME}-3 is drained")
    assert {"running": 2, "desired": 2} == dict(plan.changes[0].observed.counts)
    destroy(live, wanted, scope)


CONSTRAINTS = (
    f"node.hostname=={NAME}-1", f"node.hostname=={NAME.upper()}-1", f"Node.Hostname!={NAME}-1",
    "node.role==manager", "node.role!=worker", "node.role==worker", "node.platform.os==Linux",
    "node.platform.arch==amd64", "node.platform.arch==x86_64", "node.labels.zone==A",
    "node.labels.zone!=a", "node.labels.Zone==a", "engine.labels.disk==ssd", "engine.labels.disk!=ssd",
    "node.ip==ADDRESS", "node.ip!=ADDRESS", "node.ip==ADDRESS/32", "node.ip!=ADDRESS/24",
    "node.ip==rubbish", "node.ip!=rubbish", "node.colour!=red", "node.id==ID", "node.id!=ID",
)  # fmt: skip
"""ADDRESS and ID stand for those of the first node."""


def test_constraints_mean_what_the_scheduler_means(
    swarm: Swarm, connect: Callable[..., Provider], scope: Scope
) -> None:
    """A global service gets a task on each node that meets its constraint: so the engine itself says which do."""
    live = connect(1)
    by_name = {m.attrs["Description"]["Hostname"]: m for m in _listed(swarm)}
    second, first = by_name[f"{NAME}-2"], by_name[f"{NAME}-1"]
    second.update({**second.attrs["Spec"], "Labels": {"zone": "a"}})
    replaced = {"ADDRESS": first.attrs["Status"]["Addr"], "ID": first.id}
    texts = []
    for text in CONSTRAINTS:
        for word, held in replaced.items():
            text = text.replace(word, held)  # noqa: PLW2901 - a step of one replacement
        texts.append(text)
    wanted = [
        _service(scope, f"c{number}", mode="global", placement={"constraints": [text]})
        for number, text in enumerate(texts)
    ]
    plan = plan_for(live, wanted, scope)

    applier.apply(graph.steps(plan), {"swarm": live}, pace=applier.Timing(settle_timeout=20))

    client = swarm.manager()
    members = nodes.parsed(client.api.nodes())
    tasks = client.api.tasks(filters={"desired-state": "running"})
    names = {raw["ID"]: raw["Spec"]["Name"] for raw in client.api.services()}
    for number, text in enumerate(texts):
        name = f"{scope.topology}-c{number}"
        ran = {task["NodeID"] for task in tasks if names.get(task["ServiceID"]) == name}
        assert ran == {m.identity for m in members if placement.allows((text,), m)}, text
    told = {text.split(": ")[0] for text in plan.warnings if "no ready node meets" in text}
    nowhere = {
        str(resource.address)
        for resource, text in zip(wanted, texts, strict=True)
        if not any(placement.allows((text,), m) for m in members)
    }
    assert told == nowhere
    destroy(live, wanted, scope)
