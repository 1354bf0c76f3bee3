"""The workers' image as an operator finds it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from stack.worker_image import CHECKOUT

pytestmark = pytest.mark.integration
MAX_MIB = 350
GONE_SECONDS = 6.0


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def image(worker_image: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_docker("image", "inspect", worker_image))[0]
    return found


def test_it_runs_as_nobody_in_particular_and_says_how_it_is(image: dict[str, Any]) -> None:
    """An orchestrator can check a numeric user; signals are passed on, and the command is the topology's."""
    config = image["Config"]
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["/usr/bin/tini", "--"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "workers.probe"]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
def test_w5_sigterm_ends_it_at_any_moment_after_its_start(worker_image: str, delay: float) -> None:
    """Nothing that it connects to is there, and it has nothing to end in order: it goes at once."""
    options = ("--detach", "--network", "none", "--read-only", "--env", "ENGINE=stub")
    name = _docker("run", *options, worker_image, "python", "-m", "workers", "order").strip()
    try:
        time.sleep(delay)
        begun = time.monotonic()
        _docker("kill", "--signal", "TERM", name)
        code = int(_docker("wait", name))
        took = time.monotonic() - begun
    finally:
        _docker("rm", "--force", name)

    assert code in {0, 128 + signal.SIGTERM}
    assert took < GONE_SECONDS


def test_its_labels_say_what_it_is_and_what_it_was_made_from(image: dict[str, Any]) -> None:
    labels = image["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "bizops agent workers"
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.version"]
    assert "org.opencontainers.image.source" in labels
    assert "org.opencontainers.image.revision" in labels


def test_it_is_a_third_of_what_its_packages_would_be(image: dict[str, Any]) -> None:
    """1,011 MB of packages in a base of 114 MB, before the cuts."""
    assert image["Size"] < MAX_MIB << 20


def test_the_topology_s_command_starts_it_on_a_read_only_root(worker_image: str) -> None:
    shown = _docker(
        *("run", "--rm", "--network", "none", "--read-only", worker_image),
        *("python", "-m", "workers", "--list"),
    )
    assert "order            auto_orders" in shown


def test_nothing_of_it_can_run_code_or_install_any(worker_image: str) -> None:
    """No tools of CrewAI's (VU#221883), no LiteLLM, no pip."""
    names = ("crewai_tools", "litellm", "pip")
    code = f"import importlib.util as u; print([n for n in {names!r} if u.find_spec(n)])"
    assert _docker("run", "--rm", "--network", "none", worker_image, "python", "-c", code) == "[]\n"


def test_what_is_built_already_is_not_built_again(worker_image: str) -> None:
    """The tag is a digest of what the image is made of, so the second call only looks; it has the registry's names."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", "image"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{worker_image}\n"
    assert "building" not in done.stderr
    tags = json.loads(_docker("image", "inspect", worker_image))[0]["RepoTags"]
    assert f"127.0.0.1:5000/{worker_image}" in tags


def test_a_push_names_what_a_service_can_be_deployed_from(worker_image: str) -> None:
    """The engine then knows the image by its digest in the registry, which is what a plan pins."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", "push"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"127.0.0.1:5000/{worker_image}",
        "127.0.0.1:5000/bizops/agent-workers:latest",
    ]
    digests = json.loads(_docker("image", "inspect", worker_image))[0]["RepoDigests"]
    assert any(name.startswith("127.0.0.1:5000/bizops/agent-workers@sha256:") for name in digests)


def test_a_registry_that_does_not_answer_is_named(worker_image: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stack", "push", "--registry", "127.0.0.1:9/acme"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    _docker("image", "rm", f"127.0.0.1:9/acme/agent-workers:{worker_image.rpartition(':')[2]}")
    assert done.returncode == 1
    assert "127.0.0.1:9/acme/agent-workers" in done.stderr
    assert "Traceback" not in done.stderr
