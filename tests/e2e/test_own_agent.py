"""docs/own-agent.md: what the page says is done, on the seed topology, with an image and a service of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from docs.pages import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Shop

pytestmark = [pytest.mark.integration, pytest.mark.disruptive, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "own-agent.md"


def marked(mark: str) -> dict[str, str]:
    """Give the files, or the steps, of the page by their names."""
    return {block.argument: block.text for block in blocks(PAGE) if block.mark == mark}


@pytest.fixture
def tag(empty_vhost: str) -> str:
    """Let everything of a test have the name of its vhost."""
    return empty_vhost


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Give a folder with the files of the page."""
    for name, text in marked("file").items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n", "utf-8")
    return tmp_path / "project"


@pytest.fixture
def image(tag: str) -> Iterator[str]:
    """Give a name for the image of this test's own."""
    name = f"127.0.0.1:5000/{tag}/refund-agents:1"
    yield name
    subprocess.run(["docker", "rmi", "--force", name], capture_output=True, check=False)


def run(command: str, folder: Path, **environment: str) -> str:
    """Run a command of the page, with this checkout's Python."""
    command = command.replace("python -m", f"{sys.executable} -m")
    done = subprocess.run(
        ["bash", "-ec", command],
        cwd=folder,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_page_makes_an_agent_that_answers_a_task(
    shop: Shop,
    seed_of_its_own: Callable[..., Any],
    tag: str,
    pushed: str,
    project: Path,
    image: str,
) -> None:
    commands = marked("step")
    assert set(commands) == {"list", "build", "apply", "submit"}
    assert re.search(r"refund +auto_refunds +Refund Specialist", run(commands["list"], project))
    run(commands["build"], project, WORKER_IMAGE=pushed, REFUNDS_IMAGE=image, DOCKER_BUILDKIT="0")

    # The services of a test have names of their own, and the whole engine's agents stay as they are.
    own = (project / "refunds.yaml").read_text().replace("agent-refunds", f"{tag}-agent-refunds")
    (shop.folder / "refunds.yaml").write_text(own)
    shop.env["REFUNDS_IMAGE"] = image
    targets = ("--target", f"swarm.service/{tag}-agent-refunds", "--target", "rabbitmq.*")
    try:
        seed_of_its_own("apply", "-f", "refunds.yaml", "-y", *targets, "--target", "kafka.*")
        settings = {
            "AGENTS": "refunds:RefundWorker",
            "RABBITMQ_HOST": "127.0.0.1",
            "RABBITMQ_VHOST": tag,
            "KAFKA_BOOTSTRAP_SERVERS": shop.addresses.bootstrap,
        }
        answer = run(commands["submit"], project, **settings)
        assert answer.strip()
        assert "refund-" in answer.splitlines()[0]
    finally:
        end = ("-y", "--confirm", tag, "--target", "swarm.*")
        seed_of_its_own("destroy", "-f", "refunds.yaml", *end)


def test_an_agent_is_found_by_the_entry_point_of_its_package(project: Path) -> None:
    """As pip writes it: the group of the page's `pyproject.toml`, in the metadata of an installed package."""
    metadata = project / "refunds-1.0.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: refunds\nVersion: 1.0.0\n")
    group, entry = re.findall(r'entry-points."(.*?)"\]\n(.*)', marked("file")["pyproject.toml"])[0]
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{entry.replace(chr(34), '')}\n")

    listed = run("python -m workers --list", project)

    assert re.search(r"refund +auto_refunds +Refund Specialist", listed)
    assert "order            auto_orders" in listed


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere:Agent", "AGENTS: nowhere:Agent: ModuleNotFoundError: No module named 'nowhere'"),
        ("refunds:Other", "AGENTS: refunds:Other: AttributeError: "),
        ("os:path", "AGENTS: os:path is no subclass of workers.CrewAIWorker"),
        ("workers:CrewAIWorker", "AGENTS: workers:CrewAIWorker has no name, queue, role, goal"),
        ("refunds:Twice", "two agents are called order: workers.agents.order:OrderWorker and "),
    ],
)
def test_what_is_no_agent_is_one_line(project: Path, given: str, words: str) -> None:
    with (project / "refunds" / "__init__.py").open("a") as file:
        file.write('\n\nclass Twice(RefundWorker):\n    name = "order"\n')
    done = subprocess.run(
        [sys.executable, "-m", "workers", "--list"],
        cwd=project,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "AGENTS": given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {words}")
