"""Agents of other packages: whatever their modules do, a command ends with words and the right exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from workers.agents import OURS

ROOT = Path(__file__).parents[3]
PASSWORD = "open-sesame-4711"
AGENTS = """\
import sys
from workers import CrewAIWorker

class Good(CrewAIWorker):
    name, queue, role, goal, backstory = "good", "own_q", "r", "g", "b"
class Submit(Good):
    name = "submit"
class Events(Good):
    name = "events"
class Option(Good):
    name = "-x"
class Nameless(Good):
    name = ""
class Broken(Good):
    name = "a\\nb"
class Queueless(Good):
    queue = ""
class Half(Good):
    queue = "\\udc80"
class Exits(Good):
    def __init__(self, settings):
        sys.exit(0)
class Tells(Good):
    def __init__(self, settings):
        raise RuntimeError("no login with " + settings.rabbitmq_pass.reveal())
class Wordless(Good):
    def __init__(self, settings):
        class Odd(BaseException):
            def __str__(self):
                raise ValueError
        raise Odd
"""
MODULES = {
    "agents_of_a_test": AGENTS,
    "exits": "import sys; sys.exit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "tells": "import os; raise RuntimeError('no login with ' + os.environ['RABBITMQ_PASS'])",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the modules of others."""
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def install(folder: Path, *entries: str) -> None:
    """Install a package with entry points."""
    metadata = folder / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    lines = "\n".join(entries)
    (metadata / "entry_points.txt").write_text(f"[bizops.agents]\n{lines}\n")


def run(folder: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{folder}", "ENGINE": "stub"}
    nowhere = {"RABBITMQ_HOST": "127.0.0.1", "RABBITMQ_PORT": "1", "HEALTH_PORT": "0"}
    return subprocess.run(
        [sys.executable, "-m", "workers", *arguments],
        cwd=folder,
        env={**base, **nowhere, "RABBITMQ_PASS": PASSWORD, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("exits:A", "AGENTS: exits:A: SystemExit: 0"),
        ("interrupts:A", "AGENTS: interrupts:A: KeyboardInterrupt"),
        ("tells:A", "AGENTS: tells:A: RuntimeError: no login with (hidden)"),
        ("agents_of_a_test:Submit", "AGENTS: agents_of_a_test:Submit: an agent's name is"),
        ("agents_of_a_test:Events", "AGENTS: agents_of_a_test:Events: an agent's name is"),
        ("agents_of_a_test:Option", "AGENTS: agents_of_a_test:Option: an agent's name is"),
        ("agents_of_a_test:Nameless", "AGENTS: agents_of_a_test:Nameless: an agent's name is"),
        ("agents_of_a_test:Broken", "AGENTS: agents_of_a_test:Broken: an agent's name is"),
        ("agents_of_a_test:Queueless", "AGENTS: agents_of_a_test:Queueless: its queue must have"),
        ("agents_of_a_test:Half", "AGENTS: agents_of_a_test:Half: its queue must be at most 251"),
    ],
)
def test_a_module_or_class_that_is_no_agent_is_one_error(
    folder: Path, given: str, words: str
) -> None:
    done = run(folder, "--list", AGENTS=given)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {words}")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("Exits", "SystemExit: 0"),
        ("Tells", "RuntimeError: no login with (hidden)"),
        ("Wordless", "Odd, which has no words"),
    ],
)
def test_a_constructor_that_raises_ends_the_worker_with_one_error(
    folder: Path, kind: str, words: str
) -> None:
    done = run(folder, "good", AGENTS=f"agents_of_a_test:{kind}")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: AGENTS: agents_of_a_test:{kind}: {words}\n"


def test_faults_of_agents_come_with_those_of_all_settings(folder: Path) -> None:
    wrong = {"AGENTS": "exits:A,nowhere:A", "LEASE": "abc", "CONCURRENCY": "0", "ENGINE": "crewai"}

    lines = {
        command: [
            line.split()[1].strip(":")
            for line in run(folder, *command, **wrong).stderr.splitlines()
        ]
        for command in (("order",), ("tasks", "dlq", "list"))
    }

    of_all = ["AGENTS", "AGENTS", "CONCURRENCY", "LEASE"]
    assert lines == {("order",): [*of_all, "OPENAI_API_KEY"], ("tasks", "dlq", "list"): of_all}


def test_a_broken_entry_point_of_another_package_is_one_warning(folder: Path) -> None:
    install(
        folder,
        "broken = nowhere:X",
        "good = agents_of_a_test:Good",
        "submit = agents_of_a_test:Good",
    )

    done = run(folder, "--list")

    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == [*OURS, "good"]
    name, module = done.stderr.splitlines()
    assert name.startswith(
        "warning: entry point submit of theirs: agents_of_a_test:Good: an agent's"
    )
    assert module.startswith(
        "warning: entry point broken of theirs: nowhere:X: ModuleNotFoundError"
    )
    # RabbitMQ is nowhere: the commands come as far as that.
    listed = run(folder, "tasks", "dlq", "list")
    assert listed.stderr.splitlines()[:2] == [name, module]
    assert "error: RabbitMQ cannot be reached" in listed.stderr
    assert "error: RabbitMQ cannot be reached" in run(folder, "tasks", "dlq", "list", "good").stderr
    assert run(folder, "broken").stderr.splitlines() == [name, module.replace("warning", "error")]


def test_a_secret_that_was_typed_in_the_wrong_place_is_not_said_again(folder: Path) -> None:
    done = run(folder, f"order{PASSWORD}")

    assert done.returncode == 1
    assert "there is no agent or command order(hidden); " in done.stderr
    assert PASSWORD not in done.stderr
