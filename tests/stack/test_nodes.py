"""A swarm of nodes on this machine: real engines, real faults, and no trace afterwards."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from docker.errors import DockerException

from stack.errors import StackError
from stack.nodes.network import bridge_name
from stack.nodes.node import CGROUP, CGROUPS
from stack.nodes.swarm import Swarm, open_swarm
from stack.state import open_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(600)]
ENGINE = os.environ.get("BIZOPS_TEST_NODES_ENGINE", "28.5")


@pytest.fixture(scope="module")
def swarm() -> Iterator[Swarm]:
    made = open_swarm("test-nodes", open_state(os.environ))
    made.stop()
    try:
        made.start(ENGINE, count=3, managers=1)
        yield made
    finally:
        made.stop()


def _states(swarm: Swarm) -> dict[str, str]:
    return {
        member.attrs["Description"]["Hostname"]: member.attrs["Status"]["State"]
        for member in swarm.manager().nodes.list()
    }


def _until(expected: Any, read: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while (found := read()) != expected:
        assert time.monotonic() < deadline, f"{found} and not {expected} after {seconds} s"
        time.sleep(0.5)


def test_the_nodes_run_the_engine_that_was_asked_for_and_form_one_swarm(swarm: Swarm) -> None:
    versions = {node.client().version()["Version"].rpartition(".")[0] for node in swarm.nodes}

    assert versions == {ENGINE}
    assert [node.state for node in swarm.nodes] == ["running"] * 3
    _until({f"test-nodes-{n}": "ready" for n in (1, 2, 3)}, lambda: _states(swarm))


def test_a_second_start_leaves_everything_as_it_is(swarm: Swarm) -> None:
    before = [(node.folder / "pid").read_text() for node in swarm.nodes]

    swarm.start(ENGINE, count=3, managers=1)

    assert [(node.folder / "pid").read_text() for node in swarm.nodes] == before
    with pytest.raises(StackError, match="test-nodes has 3 nodes of engine"):
        swarm.start(ENGINE, count=2, managers=1)


@pytest.mark.parametrize(
    ("fault", "state"), [("kill", "dead"), ("freeze", "frozen"), ("cut", "cut")]
)
def test_a_fault_takes_a_node_from_the_swarm_and_heal_brings_it_back(
    swarm: Swarm, fault: str, state: str
) -> None:
    node = swarm.node(2)
    everyone_else = {"test-nodes-1": "ready", "test-nodes-3": "ready"}
    _until({**everyone_else, node.name: "ready"}, lambda: _states(swarm))

    getattr(node, fault)()

    assert node.state == state
    with pytest.raises((StackError, DockerException)):
        node.client(timeout=2).info()
    _until({**everyone_else, node.name: "down"}, lambda: _states(swarm))

    node.heal()

    assert node.state == "running"
    _until({**everyone_else, node.name: "ready"}, lambda: _states(swarm))


def test_a_node_that_is_promoted_manages_and_one_that_is_demoted_does_not(swarm: Swarm) -> None:
    def manages() -> bool:
        return bool(swarm.node(3).client().info()["Swarm"]["ControlAvailable"])

    swarm.promote(3)
    _until(expected=True, read=manages)

    swarm.demote(3)
    _until(expected=False, read=manages)


def test_tasks_of_a_loaded_image_run_on_every_node(swarm: Swarm) -> None:
    image = "127.0.0.1:5000/bizops/placeholder:1"
    swarm.load(image)
    client = swarm.manager()
    network = client.networks.create("between", driver="overlay", attachable=True)
    service = client.services.create(
        image, ["sleep", "infinity"], name="everywhere", mode={"Global": {}}, networks=["between"],
        stop_grace_period=0,
    )  # fmt: skip

    def running() -> int:
        return sum(task["Status"]["State"] == "running" for task in service.tasks())

    try:
        _until(3, running)
    finally:
        service.remove()
        _until(expected=True, read=lambda: _is_gone(network), seconds=30)


def _is_gone(network: Any) -> bool:
    try:
        network.remove()
    except DockerException:
        return False
    return True


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_stop_leaves_no_trace() -> None:
    swarm = open_swarm("test-trace", open_state(os.environ))
    swarm.start(ENGINE, count=1)
    node = swarm.node(1)
    bridge = bridge_name(node.subnet)
    node.freeze()
    # A half state on top: the interface is gone, and nobody says so.
    subprocess.run(["ip", "link", "delete", f"{bridge}-1"], check=True)

    swarm.stop()

    assert str(node.folder) not in _output("ps", "-eo", "args")
    assert bridge not in _output("ip", "link")
    assert bridge not in _output("iptables", "-S")
    assert not list(CGROUPS.glob(f"**/{CGROUP}/test-trace-*"))
    assert str(node.folder) not in Path("/proc/self/mounts").read_text()
    assert not node.folder.parent.exists()
    assert swarm.nodes == ()
    swarm.stop()


def test_a_recorded_process_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    swarm = open_swarm("test-other", open_state({"XDG_STATE_HOME": str(tmp_path)}))
    folder = tmp_path / "bizops-stack" / "nodes" / "swarms" / "test-other"
    (folder / "1").mkdir(parents=True)
    (folder / "swarm.json").write_text(
        '{"engine": "28.5", "count": 1, "managers": 1, "subnet": 250}'
    )
    with subprocess.Popen(["sleep", "60"]) as other:
        (folder / "1" / "pid").write_text(str(other.pid))

        assert swarm.node(1).state == "dead"
        swarm.stop()

        assert other.poll() is None
        other.kill()
