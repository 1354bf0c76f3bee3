"""Nodes, and what runs on them, as a real swarm told it: three nodes of engine 28.5.2, the second one killed.

`p` has one replica and `node.hostname==swarm-2`, `w` four replicas, `g` is global.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.engine import nodes
from bizops.providers.swarm.state import convergence, placement

RECORDED = json.loads((Path(__file__).parent / "node_down.json").read_text(encoding="utf-8"))


def _nodes(**changes: dict[str, Any]) -> nodes.Nodes:
    """Give the recorded nodes; `changes` by the last digit of the host name, such as `_2={"State": "ready"}`."""
    raws = copy.deepcopy(RECORDED["nodes"])
    for raw in raws:
        for key, value in changes.get("_" + raw["Description"]["Hostname"][-1], {}).items():
            place = {"State": "Status", "Reachability": "ManagerStatus", "Hostname": "Description"}
            raw.setdefault(place.get(key, "Spec"), {})[key] = value
    return nodes.parsed(raws)


def _service(name: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    service = next(raw for raw in RECORDED["services"] if raw["Spec"]["Name"] == name)
    return copy.deepcopy(service), [
        copy.deepcopy(task) for task in RECORDED["tasks"] if task["ServiceID"] == service["ID"]
    ]


READY = {"State": "ready"}
MANAGER = {"Reachability": "reachable"}
LOST = {"Reachability": "unreachable"}


@pytest.mark.parametrize(
    ("changes", "text", "is_degraded"),
    [
        ({"_2": READY}, "3 nodes ready, 1 manager", False),
        ({}, "2 of 3 nodes ready: swarm-2 is down; 1 manager", True),
        ({"_2": {"State": "unknown"}}, "2 of 3 nodes ready: swarm-2 is not heard of yet; 1 manager", True),
        ({"_2": {**READY, "Availability": "drain"}}, "3 nodes ready; swarm-2 is drained; 1 manager", False),
        ({"_2": {**READY, "Availability": "pause"}}, "3 nodes ready; swarm-2 is paused; 1 manager", False),
        ({"_2": {**READY, **MANAGER}, "_3": MANAGER}, "3 nodes ready, 3 managers", False),
        (
            {"_2": LOST, "_3": MANAGER},
            (
                "2 of 3 nodes ready: swarm-2 is down; 2 of 3 managers reachable: swarm-2 is not; "
                "one more lost stops all changes"
            ),
            True,
        ),
        (
            {"_2": {"Hostname": "swarm-1"}},
            "2 of 3 nodes ready: swarm-1 (erbnfx1im69g) is down; 1 manager",
            True,
        ),
    ],
)  # fmt: skip
def test_the_state_of_the_swarm_is_one_line(
    changes: dict[str, dict[str, Any]], text: str, is_degraded: bool
) -> None:
    """A node that is away degrades it, one that an operator drained is only told."""
    cluster = _nodes(**changes).cluster()

    assert (text, is_degraded) == (cluster.text, cluster.is_degraded)


@pytest.mark.parametrize(
    ("managers", "lost", "words"),
    [
        (3, 1, "one more lost stops all changes"),
        (5, 1, ""),
        (5, 2, "one more lost stops all changes"),
        (2, 0, ""),
        (3, 2, "no majority"),
        (2, 1, "no majority"),
        (4, 2, "no majority"),
        (1, 0, ""),
    ],
)
def test_the_last_manager_that_can_be_spared_is_told_and_a_majority_that_is_lost(
    managers: int, lost: int, words: str
) -> None:
    """More than half of the managers have to hear each other."""
    raw = RECORDED["nodes"][0]
    listed = [
        {**raw, "ID": str(number), "ManagerStatus": LOST if number < lost else MANAGER}
        for number in range(managers)
    ]

    said = [nodes.parsed(listed).cluster().text, nodes.minority(listed)]

    found = {each: any(each in text for text in said) for each in ("one more lost", "no majority")}
    assert found == {each: words.startswith(each) for each in found}


@pytest.mark.parametrize(
    ("name", "running", "wanted", "degraded"),
    [
        (
            "p",
            0,
            1,
            (
                "0 of 1 task runs: no suitable node (scheduling constraints not satisfied on 2 nodes; "
                "1 node not available for new tasks); node swarm-2 is down"
            ),
        ),
        ("w", 4, 4, ""),
        ("g", 2, 2, ""),
    ],
)  # fmt: skip
def test_s10_what_was_last_heard_of_a_dead_node_does_not_count(
    name: str, running: int, wanted: int, degraded: str
) -> None:
    """The engine's own numbers are 1/1, 5/4 and 3/2: it counts the tasks of the dead node."""
    service, tasks = _service(name)

    stands = convergence.counted(service, tasks, _nodes(), 0)

    assert (running, wanted, degraded) == (stands.running, stands.wanted, stands.degraded)
    assert service["ServiceStatus"]["RunningTasks"] == convergence.told(service).running > running


def test_a_moment_of_a_rollout_is_told_as_such_and_a_rollout_that_cannot_go_on_is_trouble() -> None:
    """While old tasks stop a new one may find no place; when nothing stops any more it never will."""
    under_way = "an update is under way: 0 of 1 task runs this spec"
    service, tasks = _service("p")
    service["UpdateStatus"] = {"State": "updating"}
    ready = _nodes(_2=READY)
    gone = [task for task in tasks if task["DesiredState"] == "running"]

    assert under_way == convergence.counted(service, tasks, ready, 0).degraded
    assert "0 of 1 task runs" == convergence.counted(service, tasks, ready, 0).problem
    assert convergence.counted(service, gone, ready, 0).degraded.startswith(
        "0 of 1 task runs: no suitab"
    )
    starting = [{**gone[0], "Status": {"State": "starting"}}]
    assert under_way == convergence.counted(service, starting, ready, 0).degraded
    up = [{**gone[0], "Status": {"State": "running"}}]
    assert not convergence.counted(service, up, ready, 0, {gone[0]["ID"]}).degraded


def test_a_new_task_without_a_place_is_told_beside_the_old_one_that_runs() -> None:
    """With `start-first` the old task stays until the new one runs, so the numbers look well."""
    service, tasks = _service("p")
    service["UpdateStatus"] = {"State": "updating"}
    waiting = next(task for task in tasks if task["Status"]["State"] == "pending")
    old = {**waiting, "ID": "old", "Status": {"State": "running"}, "NodeID": _nodes()[0].identity}

    stands = convergence.counted(service, [old, waiting], _nodes(_2=READY), 0)

    assert stands.degraded.startswith("1 of 1 task runs, and another is to: no suitable node")


@pytest.mark.parametrize(
    ("condition", "states", "problem"),
    [
        ("none", ["complete"], ""),
        ("on-failure", ["complete"], ""),
        ("none", ["failed"], "0 of 1 task has ended well"),
        ("any", ["complete"], "0 of 1 task runs"),
    ],
)
def test_a_task_that_was_to_end_and_ended_well_is_not_missing(
    condition: str, states: list[str], problem: str
) -> None:
    """Also where its node is down by now."""
    service, (_, task) = _service("p")
    service["Spec"]["TaskTemplate"]["RestartPolicy"] = {"Condition": condition}
    ended = [{**task, "DesiredState": "shutdown", "Status": {"State": state}} for state in states]

    stands = convergence.counted(service, ended, _nodes(), 0)

    assert problem == stands.problem
    assert bool(stands.degraded) is (condition == "any")


@pytest.mark.parametrize(
    ("before", "seconds", "degraded"),
    [
        ("failed", 2, "0 of 1 task runs: exit 3"),
        ("failed", 8, ""),
        ("shutdown", 2, ""),
    ],
)
def test_s3_a_task_that_came_up_in_the_place_of_one_that_failed_has_to_stay_up(
    before: str, seconds: int, degraded: str
) -> None:
    """It may be the next of many that fail; Swarm would watch it for 5 s after an update."""
    service, (_, task) = _service("p")
    ended = {**task, "ID": "1", "CreatedAt": "1", "DesiredState": "shutdown"}
    ended["Status"] = {"State": before, "Err": "exit 3"}
    up = {**task, "ID": "2", "CreatedAt": "2", "DesiredState": "running"}
    up |= {"Status": {"State": "running"}, "UpdatedAt": "2026-01-02T03:04:05.6Z"}
    now = datetime(2026, 1, 2, 3, 4, 5 + seconds, tzinfo=UTC).timestamp()
    service["ServiceStatus"] = {"RunningTasks": 1, "DesiredTasks": 1}

    assert convergence.is_told(service, [up], now) is (seconds > 5)
    stands = convergence.counted(service, [ended, up], _nodes(_2=READY), now)
    assert stands.degraded == degraded


def test_a_job_counts_its_present_run_alone() -> None:
    """What an earlier run did is history."""
    service, (_, task) = _service("p")
    service["Spec"]["Mode"] = {"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 1}}
    service["ServiceStatus"] = {"DesiredTasks": 1}
    service["JobStatus"] = {"JobIteration": {"Index": 7}}
    done = {**task, "DesiredState": "complete", "Status": {"State": "complete"}}

    def problem(index: int) -> str:
        return convergence.counted(
            service, [{**done, "JobIteration": {"Index": index}}], _nodes(), 0
        ).problem

    assert "" == problem(7)
    assert "0 of 1 task has ended well" == problem(3)


@pytest.mark.parametrize(
    ("constraint", "fits"),
    [
        ("node.hostname==swarm-1", True), ("node.hostname==SWARM-1", True),
        ("Node.Hostname!=swarm-1", False), ("node.id==81adln9z929ylrfjg9kik540a", True),
        ("node.role==manager", True), ("node.role!=worker", True),
        ("node.platform.os==linux", True), ("node.platform.arch==amd64", False),
        ("node.platform.arch==x86_64", True), ("node.labels.zone==a", False),
        ("node.labels.zone!=a", True), ("engine.labels.disk==ssd", False),
        ("node.ip==10.77.0.1", True), ("node.ip==10.77.0.0/24", True),
        ("node.ip!=10.77.0.0/24", False), ("node.ip!=rubbish", False),
        ("node.colour!=red", False),
    ],
)  # fmt: skip
def test_constraints_mean_what_the_scheduler_means(constraint: str, fits: bool) -> None:
    """Of the first node; the tests on a real swarm ask the engine the same."""
    assert fits is placement.allows((constraint,), _nodes()[0])


@pytest.mark.parametrize(
    ("deploy", "warning"),
    [
        ({}, ""),
        ({"placement": {"constraints": ["node.hostname==swarm-1"]}}, ""),
        (
            {"placement": {"constraints": ["node.hostname==swarm-2"]}},
            "deploy.placement.constraints: no ready node meets node.hostname==swarm-2; swarm-2 is down",
        ),
        ({"placement": {"constraints": ["node.hostname==swarm-2"]}, "replicas": 0}, ""),
        (
            {"placement": {"constraints": ["node.labels.zone==a", "node.role==worker"]}},
            "deploy.placement.constraints: no ready node meets node.labels.zone==a",
        ),
        (
            {"placement": {"constraints": ["node.hostname==swarm-1", "node.role==worker"]}},
            "deploy.placement.constraints: no ready node meets node.hostname==swarm-1 and node.role==worker",
        ),
        (
            {"placement": {"max_replicas_per_node": 1}, "replicas": 3},
            "deploy.placement.max_replicas_per_node: 1 on each of 2 nodes that may run it is fewer than 3 replicas",
        ),
        ({"placement": {"max_replicas_per_node": 2}, "replicas": 3}, ""),
        (
            {"resources": {"reservations": {"memory": "500GiB", "cpus": "99"}}},
            (
                "deploy.resources.reservations.memory: no node that may run it has 500GiB\n"
                "deploy.resources.reservations.cpus: no node that may run it has 99"
            ),
        ),
        ({"resources": {"reservations": {"memory": "1GiB", "cpus": "1"}}}, ""),
    ],
)
def test_what_no_ready_node_can_give_is_told_before_anything_is_written(
    deploy: dict[str, Any], warning: str
) -> None:
    """A constraint is named, and the node that is down and would meet it."""
    found = placement.warnings(Service.model_validate({"deploy": deploy}), _nodes())

    assert warning == "\n".join(found)


@pytest.mark.parametrize(
    ("settings", "is_warned"),
    [
        ({"replicas": 2, "update_config": {"order": "start-first"}}, True),
        ({"replicas": 1, "update_config": {"order": "start-first"}}, False),
        ({"mode": "global", "update_config": {"order": "start-first"}}, True),
        ({"mode": "global", "update_config": {"order": "stop-first"}}, False),
        ({"mode": "global", "update_config": {"delay": "1s"}}, False),
    ],
)
@pytest.mark.parametrize("mode", ["host", "ingress"])
def test_a1_start_first_waits_for_ever_where_each_node_holds_the_port(
    settings: dict[str, Any], mode: str, *, is_warned: bool
) -> None:
    """Two of these nodes take tasks. Where one is free the new task starts there."""
    port = {"target": 80, "published": 8080, "mode": mode}
    spec = Service.model_validate({"deploy": settings, "ports": [port]})

    found = "".join(placement.warnings(spec, _nodes()))

    assert ("start-first can never be had" in found) is (is_warned and mode == "host")
