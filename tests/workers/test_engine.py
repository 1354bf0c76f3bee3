"""Real CrewAI agents in the workers' image, against a provider that refuses, hangs and counts.

CrewAI is in no test environment, only in the image: `engine_scenarios.py` runs there, with a read-only root, and the
tests look at what it found and at what the provider counted.
"""

from __future__ import annotations

import fcntl
import json
import subprocess
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCENARIOS = Path(__file__).with_name("engine_scenarios.py")
KEY = "sk-a-key-that-nobody-may-see"
PROVIDERS = ("openai", "anthropic")
TRANSIENT, PERMANENT = "TransientError", "PermanentError"
FAULTS = {
    "429": (TRANSIENT, "rate_limited", True, 7.0),
    "429-ms": (TRANSIENT, "rate_limited", True, 0.25),
    "500": (TRANSIENT, "provider_error", True, None),
    "529": (TRANSIENT, "provider_error", True, None),
    "408": (TRANSIENT, "provider_timeout", True, None),
    "409": (TRANSIENT, "provider_error", True, None),
    "401": (PERMANENT, "provider_auth", True, None),
    "403": (PERMANENT, "provider_auth", True, None),
    "400": (PERMANENT, "bad_request", False, None),
    "404": (PERMANENT, "not_found", False, None),
    "422": (PERMANENT, "bad_request", False, None),
    "redirect": (TRANSIENT, "provider_error", True, None),
    "dropped": (TRANSIENT, "provider_unreachable", True, None),
    "hang": (TRANSIENT, "provider_timeout", True, None),
    "drip": (TRANSIENT, "provider_timeout", True, None),
    "garbage": (TRANSIENT, "provider_error", True, None),
    "empty": (TRANSIENT, "empty_answer", False, None),
    "refused": (PERMANENT, "refused", False, None),
    "refusal": (PERMANENT, "refused", False, None),
    "cut": (PERMANENT, "cut_off", False, None),
}


class Found:
    """What one container printed, and the provider's counts for it."""

    def __init__(self, record: dict[str, str]) -> None:
        self.prefix, self.output, self.errors = record["prefix"], record["output"], record["errors"]
        self.lines = [json.loads(line) for line in self.output.splitlines()]
        self._runs = {line["scenario"]: line for line in self.lines if "scenario" in line}

    def __getitem__(self, scenario: str) -> dict[str, Any]:
        return self._runs[scenario]

    def requests(self, scenario: str) -> int:
        url = f"http://127.0.0.1:8089/calls?id={self.prefix}-{scenario}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(json.load(answer)["calls"])


@pytest.fixture(scope="session")
def found(worker_image: str, tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Run all scenarios in one container, once for all test processes."""
    folder = tmp_path_factory.getbasetemp()
    if folder.name.startswith("popen-"):
        folder = folder.parent
    path = folder / "engine-scenarios.json"
    with (folder / "engine-scenarios.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            path.write_text(json.dumps(_run(worker_image)))
    return Found(json.loads(path.read_text()))


def _run(image: str) -> dict[str, str]:
    prefix = f"engine-{uuid.uuid4().hex[:8]}"
    command = ["docker", "run", "--rm", "--network", "dokploy-network"]
    command += ["--read-only", "--tmpfs", "/tmp", "-e", f"PREFIX={prefix}"]  # noqa: S108 - inside the container
    command += ["-v", f"{SCENARIOS}:/scenarios.py:ro", image, "python", "/scenarios.py"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return {"prefix": prefix, "output": done.stdout, "errors": done.stderr}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_failure_is_told_for_what_it_is_after_one_request(
    found: Found, provider: str, fault: str
) -> None:
    """No loop of the SDK's or of CrewAI's asks again: retries are the worker's, and each costs money."""
    run = found[f"{provider}-{fault}"]
    got = (run["kind"], run["error_class"], run["is_provider"], run["retry_after"])
    assert got == FAULTS[fault]
    assert found.requests(f"{provider}-{fault}") == 1
    assert run["spent"] == [f"{provider}/stub", 1]
    assert run["seconds"] < 5
    assert "\n" not in run["message"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_task_reaches_the_model_as_it_was_written(found: Found, provider: str) -> None:
    """CrewAI fills in what stands in braces; a task's braces are its own, and so is its context."""
    run = found[f"{provider}-echo"]
    for part in (
        "Decide {id} {tools} {input}",
        "a {kind} of answer",
        '"order": {\n  "total": "{42}"\n }',
        "You are Order {role} Specialist. You know {input}.",
    ):
        assert part in run["text"]
    assert run["model"] == f"{provider}/stub"
    assert run["calls"] == found.requests(f"{provider}-echo") == 1
    words = len(run["text"].split())
    assert run["tokens"] == [words, words]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_looks_like_the_call_of_a_tool_is_asked_for_once_more(
    found: Found, provider: str
) -> None:
    """There are no tools; each further question is paid for, and counted."""
    run = found[f"{provider}-tool"]
    assert run["calls"] == found.requests(f"{provider}-tool") == 2


def test_a_provider_that_is_not_there_is_told_without_its_address(found: Found) -> None:
    run = found["away"]
    assert (run["kind"], run["error_class"]) == (TRANSIENT, "provider_unreachable")
    assert "a-password-in-an-url" not in found.output + found.errors


def test_requests_go_through_the_proxy_of_the_environment(found: Found) -> None:
    assert "decision" in found["proxy"]["text"]
    assert found.requests("proxy") == 1


@pytest.mark.parametrize(
    ("scenario", "error_class", "requests"),
    [
        ("soft-limit", "time_limit", 1),
        ("called-off", "called_off", 1),
        ("too-late", "called_off", 0),
    ],
)
def test_a_run_ends_with_its_time_and_no_request_begins_after_it(
    found: Found, scenario: str, error_class: str, requests: int
) -> None:
    """The provider hangs, and is not to blame for the end of the run."""
    run = found[scenario]
    got = (run["kind"], run["error_class"], run["is_provider"])
    assert got == (TRANSIENT, error_class, False)
    assert found.requests(scenario) == requests
    assert run["seconds"] < 10, "the provider would have hung for 20 s"


def test_agents_work_side_by_side_without_mixing_their_answers(found: Found) -> None:
    assert found["threads"]["mixed"] == []


def test_runs_leave_nothing_behind(found: Found) -> None:
    """No thread, no open file, no memory that grows, no signal taken, and no file but the key made by the import."""
    run = found["leftovers"]
    _, second, third = run["weights"]
    assert third[0] - second[0] < 4096, "KiB that 50 runs cost"
    assert third[1:] == second[1:]
    assert run["files"] == [".local/share/crewai/credentials/secret.key"]
    assert run["signals_unchanged"]


def test_crewai_adds_nothing_to_the_log_and_no_key_is_in_it(found: Found) -> None:
    """It prints, and logs an error without a text for each failure; the worker says once what ended a run."""
    assert found.errors == ""
    logged = [line for line in found.lines if "scenario" not in line]
    assert [line for line in logged if line["level"] != "debug"] == []
    assert KEY not in found.output


def test_crewai_is_imported_late(found: Found) -> None:
    """A worker that has no task yet is small; the limit is the one that the workers promise."""
    run = found["import"]
    assert run["kib_before"] < 45 * 1024 < run["kib_after"]


def test_an_image_proves_itself_without_a_network(worker_image: str) -> None:
    """The smoke run of both providers' agents: nothing that they load was cut, and nobody else is asked."""
    done = _smoke(worker_image, "--tmpfs", "/tmp")  # noqa: S108 - inside the container
    assert json.loads(done.stdout)["faults"] == []
    assert done.returncode == 0


def test_a_home_that_cannot_be_written_to_is_said_at_once(worker_image: str) -> None:
    done = _smoke(worker_image)
    assert done.returncode == 1
    assert "HOME (/tmp) cannot be written to (Read-only file system)" in done.stdout


def _smoke(image: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["docker", "run", "--rm", "--network", "none", "--read-only", *options, image]
    command += ["python", "-m", "workers.engine.smoke"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
