"""What a worker costs: beside Dramatiq and Celery with late acks and results, and under the load it is meant for.

`workers.py` prints three tables; `workers.py speed`, `promises` or `load` one of them. Needs the running stack.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pika
import requests
from confluent_kafka.admin import AdminClient, NewTopic
from measure import clear_servers, own_name, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


ROOT = Path(__file__).parent.parent
RIVALS = Path(__file__).parent / "rivals"
RIVALS_PYTHON = ROOT / ".venv" / "rivals" / "bin" / "python"
HOST = "127.0.0.1"
BROKERS = f"{HOST}:9092"
MANAGEMENT = f"http://{HOST}:15672/api"
TASK = {"description": "work", "expected_output": "nothing"}
PERSISTENT = pika.BasicProperties(delivery_mode=2)
LOGIN = ("guest", "guest")
RUNS = 3
SLOTS = (1, 8, 16, 64)
CONTESTANTS = (
    ("bare path", "bare.py", (5000, 5000, 5000, 5000), sys.executable),
    ("Dramatiq", "dramatiq_worker.py", (1000, 2000, 2000, 2000), str(RIVALS_PYTHON)),
    ("Celery", "celery_worker.py", (1000, 2000, 2000, 2000), str(RIVALS_PYTHON)),
    ("full safe path", "full.py", (200, 1000, 1500, 2000), sys.executable),
)
"""Name, program, tasks for each number of slots, and the Python that has what it needs."""
AGENTS = (
    ("order", "auto_orders", 4, 240),
    ("support", "auto_support_tickets", 6, 600),
    ("marketing", "auto_marketing", 4, 160),
)
"""Agent, queue, replicas, and the tasks an hour that the seed expects of it."""
TOPICS = ("ai.completions", "ai.decisions", "ai.errors", "analytics.metrics", "audit.trail")
AGENT_SECONDS = 12
LOAD_SECONDS = 180


@contextmanager
def vhost() -> Iterator[str]:
    """Give a vhost of this run's own."""
    name = own_name()
    requests.put(f"{MANAGEMENT}/vhosts/{name}", auth=LOGIN, timeout=10).raise_for_status()
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    requests.put(
        f"{MANAGEMENT}/permissions/{name}/guest", json=rights, auth=LOGIN, timeout=10
    ).raise_for_status()
    try:
        yield name
    finally:
        requests.delete(f"{MANAGEMENT}/vhosts/{name}", auth=LOGIN, timeout=30).raise_for_status()


def ask(python: str, program: str, name: str, *arguments: str) -> str:
    """Run a contestant in a vhost; gives what it printed, and ends the benchmark with its words where it fails."""
    environment = {
        **os.environ,
        "BENCH_VHOST": name,
        "BENCH_BEGAN": str(time.time()),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [python, str(RIVALS / program), *arguments],
        env=environment,
        check=False,
        timeout=300,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(
            f"{program} exited {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        )
    return done.stdout


def run(
    python: str, program: str, number: int, slots: int, left_out: Sequence[str] = ()
) -> dict[str, float]:
    """Fill a contestant's queue, let it work, and give its figures: the last line that it printed."""
    with vhost() as name:
        ask(python, program, name, "publish", str(number))
        said = ask(python, program, name, "work", str(number), str(slots), *left_out)
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Give the median of each figure."""
    return {figure: statistics.median(found[figure] for found in runs) for figure in runs[0]}


def speed() -> None:
    """No-op tasks, one process each, in turns, so that a slow minute meets all of them."""
    seen: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(RUNS):
        for name, program, numbers, python in CONTESTANTS:
            for slots, number in zip(SLOTS, numbers, strict=True):
                found = run(python, program, number, slots)
                seen.setdefault((name, slots), []).append(found)
    middle = {key: medians(runs) for key, runs in seen.items()}
    head = ("one process", "slots", "tasks/s", "spread", "CPU/task", "idle", "after", "start")
    rows = [(*head, "budget")]
    for (name, slots), found in middle.items():
        rates = [each["rate"] for each in seen[name, slots]]
        rows.append((
            name, str(slots), f"{found['rate']:,.0f}", f"{min(rates):,.0f}-{max(rates):,.0f}",
            f"{found['cpu_us']:,.0f} µs", f"{found['idle_mib']:.0f} MiB", f"{found['rss_mib']:.0f} MiB",
            f"{found['start']:.2f} s", _budget(name, slots, found, middle["Dramatiq", slots]["rate"]),
        ))  # fmt: skip
    print_table(rows)


def _budget(name: str, slots: int, found: dict[str, float], rival: float) -> str:
    """Say what a row had to reach, and whether it did; `rival` is Dramatiq's rate at as many slots."""
    if name == "bare path":
        return f"Dramatiq's rate {_verdict(found['rate'] >= rival)}"
    wanted = {8: 300, 64: 700}.get(slots)
    if name != "full safe path" or wanted is None:
        return ""
    return ", ".join((
        f"{wanted} tasks/s {_verdict(found['rate'] >= wanted)}",
        f"1.2 ms {_verdict(found['cpu_us'] <= 1200)}",
        f"45 MiB idle {_verdict(found['idle_mib'] <= 45)}",
        f"1 s to consume {_verdict(found['start'] < 1)}",
    ))  # fmt: skip


def promises() -> None:
    """The full safe path without some of its promises: which of them costs what?"""
    rows = [("full safe path", "slots", "tasks/s", "CPU/task")]
    for slots, number in ((8, 1000), (64, 2000)):
        seen: dict[tuple[str, ...], list[dict[str, float]]] = {}
        for _ in range(RUNS):
            for left_out in ((), ("events",), ("records",), ("records", "events")):
                found = run(sys.executable, "full.py", number, slots, left_out)
                seen.setdefault(left_out, []).append(found)
        for left_out, runs in seen.items():
            middle = medians(runs)
            what = f"without {' and '.join(left_out)}" if left_out else "all of it"
            rows.append((
                what, str(slots), f"{middle['rate']:,.0f}", f"{middle['cpu_us']:,.0f} µs",
            ))  # fmt: skip
    print_table(rows)


@contextmanager
def topics() -> Iterator[None]:
    """Make those of the workers' topics that are not there, and remove them again."""
    admin = AdminClient({"bootstrap.servers": BROKERS})
    wanted = set(TOPICS).difference(admin.list_topics(timeout=30).topics)
    made = [NewTopic(name, 3, 2) for name in sorted(wanted)]
    for future in (admin.create_topics(made) if made else {}).values():
        future.result()
    try:
        yield
    finally:
        for future in (admin.delete_topics(sorted(wanted)) if wanted else {}).values():
            future.result()


@contextmanager
def fleet(name: str) -> Iterator[None]:
    """Run the seed's replicas as processes, each agent taking its time over nothing."""
    environment = {
        **os.environ,
        "ENGINE": "stub",
        "STUB_SECONDS": f"{AGENT_SECONDS}s",
        "RABBITMQ_HOST": HOST,
        "RABBITMQ_VHOST": name,
        "KAFKA_BOOTSTRAP_SERVERS": BROKERS,
        "REDIS_URL": f"redis://{HOST}:6379/8",
        "WORKER_OLD_RECORDS": "ignore",
        "HEALTH_PORT": "0",
    }
    command = [sys.executable, "-m", "workers"]
    with tempfile.TemporaryFile() as log:
        processes = [
            subprocess.Popen([*command, agent], env=environment, cwd=ROOT, stdout=log, stderr=log)
            for agent, _, replicas, _ in AGENTS
            for _ in range(replicas)
        ]
        try:
            yield
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(timeout=60)


def load() -> None:
    """The seed's tasks an hour on the seed's replicas: how long does a queue get, and is it empty in the end?"""
    rows = [("agent", "replicas", "tasks/hour", "published", "longest queue", "left", "budget")]
    with (
        vhost() as name,
        pika.BlockingConnection(pika.ConnectionParameters(HOST, 5672, name)) as connection,
    ):
        channel = connection.channel()
        ask(sys.executable, "full.py", name, "declare", *(queue for _, queue, _, _ in AGENTS))
        sent, longest = Counter[str](), Counter[str]()

        def look(queue: str) -> int:
            waiting = channel.queue_declare(queue, passive=True).method.message_count
            longest[queue] = max(longest[queue], waiting)
            return int(waiting)

        with fleet(name):
            begun = time.monotonic()
            while (now := time.monotonic() - begun) < LOAD_SECONDS + AGENT_SECONDS:
                for _, queue, _, hourly in AGENTS:
                    while sent[queue] < min(now, LOAD_SECONDS) * hourly / 3600:
                        task = {**TASK, "id": str(uuid.uuid4())}
                        channel.basic_publish("", queue, json.dumps(task).encode(), PERSISTENT)
                        sent[queue] += 1
                    look(queue)
                connection.sleep(0.5)
            left = {queue: look(queue) for _, queue, _, _ in AGENTS}
    for agent, queue, replicas, hourly in AGENTS:
        is_met = left[queue] == 0 and longest[queue] <= replicas
        rows.append((
            agent, str(replicas), str(hourly), str(sent[queue]), str(longest[queue]), str(left[queue]),
            f"no backlog {_verdict(is_met)}",
        ))  # fmt: skip
    print_table(rows)


def _verdict(is_met: bool) -> str:  # noqa: FBT001 - one word for it
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    chosen = sys.argv[1:] or ["speed", "promises", "load"]
    if "speed" in chosen and not RIVALS_PYTHON.exists():
        sys.exit("Dramatiq and Celery are not installed: make bench does it")
    clear_servers()
    with topics():
        if "speed" in chosen:
            speed()
        if "promises" in chosen:
            promises()
        if "load" in chosen:
            load()
