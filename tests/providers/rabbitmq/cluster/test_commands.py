"""The commands as people run them, while nodes are cut off or dead: what is said is true, and said in time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.cluster, pytest.mark.timeout(900)]

TIMEOUT = 10
BEYOND = 15
"""Seconds on top of `--timeout` in which every command ends."""
APPLY = ("apply", "-y")
DESTROY = ("destroy", "-y", "--confirm", "shop", "--allow-data-loss", "*")
INCOMPLETE = 3


@dataclass
class Shop:
    """A topology of two queues on the cluster; its files say which nodes are asked."""

    folder: Path
    nodes: Any

    def declare(self, *asked: int, ttl: str = "7d", more: str = "") -> None:
        """Write the topology; these nodes are its addresses, in this order."""
        urls = ", ".join(f"http://127.0.0.1:{self.nodes.port(number)}" for number in asked)
        text = f"""bizops: 1
name: shop
connections:
  rabbitmq: {{url: [{urls}], username: guest, password: guest}}
rabbitmq:
  vhost: {self.nodes.broker.vhost}
  owns: {{queues: ["own_*"]}}
  queues:
    own_near: {{type: classic, message_ttl: {ttl}}}
    own_votes: {{type: quorum, message_ttl: {ttl}}}
{more}"""
        (self.folder / "bizops.yaml").write_text(text, encoding="utf-8")

    def run(self, *words: str) -> tuple[int, str]:
        """Run a command, and give its exit code and all that it said."""
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "bizops", *words],
            cwd=self.folder,
            env=os.environ | {"NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        seconds = time.monotonic() - begun
        said = f"{done.stdout}{done.stderr}"
        assert seconds < TIMEOUT + BEYOND, said
        assert "Traceback" not in said
        return done.returncode, said

    def definitions(self) -> Any:
        """Give the policies and queues that the first node has; a lock may be left behind, as decision 0021 says."""
        broker = self.nodes.broker
        queues = {item["name"] for item in broker.listing("queues")}
        return broker.policies(), {name for name in queues if not name.startswith("bizops.lock.")}


@pytest.fixture
def shop(tmp_path: Path, nodes: Any) -> Shop:
    """Give a topology that is applied, on a cluster that is whole."""
    found = Shop(tmp_path, nodes)
    found.declare(1)
    assert found.run(*APPLY)[0] == 0
    return found


@pytest.mark.parametrize("how", ["killed", "cut off"])
def test_without_a_majority_nothing_is_written(shop: Shop, nodes: Any, how: str) -> None:
    """Not even a mere setting: a node of Mnesia would take it, and it is lost when the others are back."""
    shop.declare(1, ttl="8d")
    before = shop.definitions()
    if how == "killed":
        nodes.kill(3, 2)
    else:
        nodes.tick(8)
        nodes.cut_off(3, 2)

    plans = [shop.run(command) for command in ("plan", "drift", "status")]
    code, said = shop.run(*APPLY)

    assert shop.definitions() == before
    assert code in {1, INCOMPLETE}
    assert "it may have no majority" in said
    for _, told in plans:
        assert "1 of 3 nodes run" in told
    assert shop.run(*DESTROY)[0] in {1, INCOMPLETE}


def test_r4_without_a_majority_nothing_is_destroyed_without_the_lock_either(
    shop: Shop, nodes: Any
) -> None:
    """The queue lies on the node that runs; a deletion that it does not answer is done when the others are back."""
    file = shop.folder / "bizops.yaml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "own_votes" not in line), encoding="utf-8")
    nodes.publish(1, "own_near", 3)
    nodes.kill(3, 2)

    code, said = shop.run(*DESTROY, "--lock=false")
    nodes.revive()

    assert code == 1
    assert "only 1 of 3 nodes run" in said
    assert "own_near" in shop.definitions()[1]
