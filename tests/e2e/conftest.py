"""The installed command against the real servers: a topology of its own for each test, and independent witnesses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bizops import topology
from bizops.cli.workflow import Workflow
from bizops.provider import Options
from stack.addresses import Addresses, read_addresses
from stack.names import own_name

from .seed import pushed, seed_of_its_own  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stack.servers import Server

ROOT = Path(__file__).parents[2]
SEED = ROOT / "topology"
ADDRESSES = read_addresses(os.environ)
PLACEHOLDER = f"{ADDRESSES.registry}/bizops/placeholder"
PLACEHOLDERS = f"""
swarm:
  service_defaults:
    image: {PLACEHOLDER}:1
    command: [sleep, infinity]
    stop_grace_period: 1s
    deploy:
      update_config: {{parallelism: 2, monitor: 1s}}
      restart_policy: {{delay: 1s}}
  services:
    TAG-agent-orders: {{command: null}}
    TAG-agent-support: {{command: null}}
    TAG-agent-marketing: {{command: null}}
"""
HEAD = """\
bizops: 1
name: TAG
connections: {rabbitmq: {url: "${BROKER:-MANAGEMENT}", amqp_url: "AMQP"}, kafka: {bootstrap.servers: "BOOTSTRAP"}}
rabbitmq:
  owns: {queues: [TAG_*]}
  exchanges: {TAG_dlx: {type: direct}}
  queue_defaults: {dead_letter: {exchange: TAG_dlx}}
  queues:"""
"""What most topologies of these tests begin with; the entries of the queues follow."""
_TAG = re.compile(r"(?<![A-Z_])TAG")
"""Not within the name of a variable, such as IMAGE_TAG."""
PATIENCE = 200
"""Seconds for one command, on a machine that is busy with other tests."""
SECRET = "a-made-up-key-that-must-never-be-printed"


@dataclass(frozen=True)
class Ran:
    """What one command said."""

    code: int
    out: str
    err: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass
class Shop:
    """A topology file with a tag in every name, and the commands on it."""

    tag: str
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    addresses: Addresses = ADDRESSES

    @property
    def file(self) -> Path:
        return self.folder / "topology.yaml"

    def declare(self, text: str) -> None:
        """Write the file; `HEAD` in the text stands for the usual beginning, `TAG` for this test's own tag."""
        head = HEAD.replace("MANAGEMENT", self.addresses.management)
        head = head.replace("AMQP", f"amqp://127.0.0.1:{self.addresses.amqp}")
        text = text.replace("HEAD", head.replace("BOOTSTRAP", self.addresses.bootstrap))
        text = text.replace("PLACEHOLDER", PLACEHOLDER).replace("NETWORK", ADDRESSES.network)
        self.file.write_text(_TAG.sub(self.tag, text))

    def command(self, verb: str, *args: str) -> list[str]:
        return [sys.executable, "-m", "bizops", verb, "-f", str(self.file), *args]

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BIZOPS")}
        kept |= {"NO_COLOR": "1", "COLUMNS": "120", "OPENAI_API_KEY": SECRET}
        # The seed topology asks for these.
        kept["RABBITMQ_MANAGEMENT_URL"] = self.addresses.management
        kept["KAFKA_BOOTSTRAP_SERVERS"] = self.addresses.bootstrap
        return kept | self.env

    def run(self, verb: str, *args: str) -> Ran:
        """Run to the end; no terminal, nothing on standard input. One that takes too long says what it waits for."""
        begun = self.start(verb, *args)
        try:
            out, err = begun.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            begun.terminate()
            out, err = begun.communicate()
            pytest.fail(f"{verb} was still at it after {PATIENCE} s:\n{out}\n{err}")
        assert SECRET not in out + err
        assert "Traceback" not in out + err
        return Ran(begun.returncode, out, err)

    def apply(self, *args: str) -> Ran:
        """Apply without asking, and expect it to work."""
        ran = self.run("apply", "--auto-approve", *args)
        assert ran.code == 0, ran.out + ran.err
        return ran

    def workflow(self) -> Workflow:
        """Give the steps of all commands over the file, so that something can be done between two of them."""
        found = topology.load([str(self.file)], variables=self.environment(), directory=self.folder)
        return Workflow(found, Options(timeout=40))

    def start(self, verb: str, *args: str) -> subprocess.Popen[str]:
        """Begin and do not wait."""
        return subprocess.Popen(
            self.command(verb, *args),
            env=self.environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def destroy(self) -> Ran:
        """Remove everything that the file declares or owns, data and all."""
        return self.run(
            "destroy", "--auto-approve", "--confirm", self.tag, "--prune", "--allow-data-loss", "*"
        )


def witness(*command: str) -> str:
    """Ask a system itself, by its own tool; the test fails with that tool's words."""
    ran = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=120, check=False
    )
    assert ran.returncode == 0, f"{' '.join(command)}: {ran.stderr or ran.stdout}"
    return ran.stdout


@pytest.fixture(name="witness")
def _witness() -> Callable[..., str]:
    return witness


@pytest.fixture
def tag() -> str:
    """Give a name that nobody else uses; at least three literal characters, as `owns` asks."""
    return own_name()


@pytest.fixture
def shop(tag: str, tmp_path: Path) -> Iterator[Shop]:
    """Give an empty topology, and take down what it made in the end."""
    made = Shop(tag, tmp_path)
    yield made
    if made.file.exists():
        made.env = {}
        gone = made.destroy()
        assert gone.code == 0, gone.out + gone.err


@pytest.fixture
def seed(shop: Shop, tag: str) -> Shop:
    """Give the topology that we run, with this test's tag in every name, and a placeholder instead of the workers."""
    names = re.compile(
        r"\b(?=auto_|hitl_|retry\.|events\.|domain\.|ai\.|hitl\.|audit\.|analytics\.|agent-|dlx\b|"
        r"rabbitmq_pass\b|openai_api_key\b|bizosaas-agents)"
    )

    def renamed(path: Path) -> str:
        text = path.read_text().replace("dokploy-network", "NETWORK")
        lines = text.splitlines(keepends=True)
        return "".join(_tagged(line, tag, names) for line in lines)

    shop.declare(
        renamed(SEED / "bizosaas.yaml").replace(f"name: {tag}-bizosaas-agents", f"name: {tag}")
    )
    (shop.folder / "env").mkdir()
    (shop.folder / "env" / "placeholder.yaml").write_text(PLACEHOLDERS.replace("TAG", tag))
    shop.env = {"RABBITMQ_PASS": "guest", "BIZOPS_ENVIRONMENT": "placeholder"}
    return shop


def _tagged(line: str, tag: str, names: re.Pattern[str]) -> str:
    """Put the tag before every name that is ours; comments, images and variables stay."""
    if line.lstrip().startswith(("#", "image:")):
        return line
    return names.sub(lambda found: f"{tag}{_joint(line, found.end())}", line)


def _joint(line: str, at: int) -> str:
    """Join the tag to a name in that name's own style."""
    rest = re.match(r"[a-z]+([_.-]?)", line[at:])
    return (rest[1] if rest else "") or "-"


@pytest.fixture
def publish(management: Callable[..., Any]) -> Callable[[str, int], None]:
    """Put messages on a queue, and wait until the broker counts them."""

    def put(queue: str, number: int) -> None:
        for index in range(number):
            body = {
                "properties": {"delivery_mode": 2},
                "routing_key": queue,
                "payload": f"message {index}",
                "payload_encoding": "string",
            }
            assert management("POST", "exchanges/%2F/amq.default/publish", body)["routed"]

    return put


@pytest.fixture
def counted(rabbitmq: Server) -> Callable[[str, int], int]:
    """Give how many messages are ready, as soon as it is the expected number or after ten seconds."""

    def count(queue: str, expected: int) -> int:
        deadline = time.monotonic() + 10
        while True:
            listing = rabbitmq.run("rabbitmqctl", "-q", "list_queues", "name", "messages")
            found = dict(line.split("\t") for line in listing.splitlines() if "\t" in line)
            number = int(found[queue])
            if number == expected or time.monotonic() > deadline:
                return number
            time.sleep(0.2)

    return count
