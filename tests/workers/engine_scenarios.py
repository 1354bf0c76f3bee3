"""Runs inside the workers' image: real agents against the stack's model provider, one JSON line for each run.

`PREFIX` begins the ids under which the provider counts. Lines without `scenario` are the worker's own log.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from workers import logs
from workers.configuration.settings import load_settings
from workers.engine.crew import CrewEngine
from workers.engine.interface import AgentProfile, Deadline
from workers.errors import RunError
from workers.protocol.task import Task
from workers.redaction import Redactor

PREFIX = os.environ["PREFIX"]
URL = "http://llm:8089/v1"
KEY = "sk-a-key-that-nobody-may-see"
PERSONA = AgentProfile("order", "Order {role} Specialist", "decide {tools}", "You know {input}.")
FAULTS = {
    "429": "status=429 retry_after=7",
    "429-ms": "status=429 retry_after_ms=250",
    "500": "status=500",
    "529": "status=529",
    "408": "status=408",
    "409": "status=409",
    "401": "status=401",
    "403": "status=403",
    "400": "status=400",
    "404": "status=404",
    "422": "status=422",
    "redirect": "status=307",
    "dropped": "drop=1",
    "hang": "hang=1",
    "drip": "drip=0.2",
    "garbage": "garbage=1",
    "empty": "text=''",
    "refused": "finish=content_filter",
    "refusal": "finish=refusal",
    "cut": "finish=length",
    "tool": "text='Action: search\nAction Input: {}'",
}


def make(model: str, **settings: str) -> CrewEngine:
    environment = {"LLM_MODEL": f"{model}/stub", "LLM_BASE_URL": URL, "LLM_TIMEOUT": "1s"}
    keys = {"OPENAI_API_KEY": KEY, "ANTHROPIC_API_KEY": KEY}
    return CrewEngine(load_settings({**environment, **keys, **settings}))


def run(engine: CrewEngine, description: str, deadline: Deadline, **context: Any) -> dict[str, Any]:
    """Give what came of a task, as plain values."""
    began = time.monotonic()
    try:
        answer = engine.run(
            PERSONA, Task("t", description, "a {kind} of answer", context), deadline
        )
    except RunError as error:
        found = {
            "kind": type(error).__name__,
            "message": str(error),
            "error_class": error.error_class,
            "spent": error.spent and [error.spent[0], error.spent[1].calls],
            "is_provider": error.is_provider,
            "retry_after": getattr(error, "retry_after", None),
        }
    else:
        usage = answer.usage
        tokens = [usage.prompt_tokens, usage.completion_tokens]
        found = {"text": answer.text, "model": answer.model, "calls": usage.calls, "tokens": tokens}
    return {**found, "seconds": time.monotonic() - began}


def say(scenario: str, found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"scenario": scenario, **found}) + "\n")


def show_faults(model: str) -> None:
    engine = make(model)
    run(engine, "The first run imports CrewAI.", Deadline(60))
    for fault, directive in FAULTS.items():
        name = f"{model}-{fault}"
        description = f"Decide. [[llm: id={PREFIX}-{name} {directive}]]"
        say(name, run(engine, description, Deadline(30)))
    description = f"Decide {{id}} {{tools}} {{input}} [[llm: id={PREFIX}-{model}-echo echo=1]]"
    say(f"{model}-echo", run(engine, description, Deadline(30), order={"total": "{42}"}))


def show_ways() -> None:
    """Go where nobody is, and where only a proxy leads."""
    away = "http://someone:a-password-in-an-url@127.0.0.1:9/v1"
    say("away", run(make("openai", LLM_BASE_URL=away), "Decide.", Deadline(30)))
    engine = make("openai", LLM_BASE_URL="http://provider.invalid/v1")
    os.environ["http_proxy"] = "http://llm:8089"
    say("proxy", run(engine, f"Decide. [[llm: id={PREFIX}-proxy]]", Deadline(30)))
    del os.environ["http_proxy"]


def show_limits() -> None:
    """A request is under way when the limit comes: 3 s are enough for it to begin on a machine that is busy."""
    engine = make("openai", LLM_TIMEOUT="20s")
    hang = f"Decide. [[llm: id={PREFIX}-%s hang=1]]"
    say("soft-limit", run(engine, hang % "soft-limit", Deadline(3)))
    deadline = Deadline(30)
    threading.Thread(target=call_off_once_asked, args=(deadline, "called-off")).start()
    say("called-off", run(engine, hang % "called-off", deadline))
    say("too-late", run(engine, hang % "too-late", deadline))


def call_off_once_asked(deadline: Deadline, scenario: str) -> None:
    """Call a run off when the provider has its request."""
    url = f"http://llm:8089/calls?id={PREFIX}-{scenario}"
    while deadline.seconds_left:
        with urllib.request.urlopen(url, timeout=10) as answer:
            if json.load(answer)["calls"]:
                deadline.call_off()
        time.sleep(0.05)


def show_threads() -> None:
    """Let eight agents work at a time, each on tasks of its own."""
    engine, mixed = make("openai", LLM_TIMEOUT="30s"), []

    def work(number: int) -> None:
        for task in range(4):
            text = f"answer-{number}-{task}"
            found = run(engine, f"Decide. [[llm: sleep=0.1 text='{text}']]", Deadline(60))
            if (found.get("text"), found.get("calls")) != (text, 1):
                mixed.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("threads", {"mixed": mixed})


def show_leftovers(signals: list[Any]) -> None:
    """Run often, and see what stays."""
    engine = make("openai", LLM_TIMEOUT="30s")

    def weigh() -> list[int]:
        for _ in range(50):
            run(engine, "Decide.", Deadline(60))
        kib = int(Path("/proc/self/statm").read_text().split()[1]) * 4
        return [kib, threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))]

    first, second, third = weigh(), weigh(), weigh()
    files = [
        str(path.relative_to(Path.home())) for path in Path.home().rglob("*") if path.is_file()
    ]
    unchanged = signals == [signal.getsignal(number) for number in signal.valid_signals()]
    found = {"weights": [first, second, third], "files": files, "signals_unchanged": unchanged}
    say("leftovers", found)


def main() -> None:
    logs.configure("debug", Redactor([KEY]))
    signals = [signal.getsignal(number) for number in signal.valid_signals()]
    before = int(Path("/proc/self/statm").read_text().split()[1]) * 4
    began = time.process_time(), time.monotonic()
    run(make("openai"), "The first run imports CrewAI.", Deadline(60))
    after = int(Path("/proc/self/statm").read_text().split()[1]) * 4
    cost = {"cpu": time.process_time() - began[0], "seconds": time.monotonic() - began[1]}
    say("import", {"kib_before": before, "kib_after": after, **cost})
    for model in ("openai", "anthropic"):
        show_faults(model)
    show_ways()
    show_limits()
    show_threads()
    show_leftovers(signals)


if __name__ == "__main__":
    main()
