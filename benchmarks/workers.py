"""What a worker costs: beside Dramatiq and Celery with equivalent settings, and under the load it is meant for.

`workers.py` prints both tables; `workers.py speed` or `workers.py load` one of them. Needs the running stack.
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
    from collections.abc import Iterator


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
CONTESTANTS = (
    ("bare path", "bare.py", 5000, 8, sys.executable),
    ("Dramatiq", "dramatiq_worker.py", 5000, 8, str(RIVALS_PYTHON)),
    ("Celery", "celery_worker.py", 5000, 8, str(RIVALS_PYTHON)),
    ("full safe path", "full.py", 1000, 8, sys.executable),
    ("full safe path, wide", "full.py", 1000, 64, sys.executable),
)
"""Name, program, tasks, slots, and the Python that has what it needs; only `full.py` takes other slots than eight."""
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


def run(python: str, program: str, number: int, slots: int, name: str) -> dict[str, float]:
    """Fill a contestant's queue, let it work, and give its figures: the last line that it printed."""
    ask(python, program, name, "publish", str(number))
    found: dict[str, float] = json.loads(
        ask(python, program, name, "work", str(number), str(slots)).splitlines()[-1]
    )
    return found


def speed() -> None:
    """No-op tasks, one process each, in turns, so that a slow minute meets all of them."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name, *_ in CONTESTANTS}
    for _ in range(RUNS):
        for name, program, number, slots, python in CONTESTANTS:
            with vhost() as place:
                seen[name].append(run(python, program, number, slots, place))
    rival = statistics.median(found["rate"] for found in seen["Dramatiq"])
    budgets = {
        "bare path": lambda found: f"Dramatiq's rate {_verdict(found['rate'] >= rival)}",
        "full safe path, wide": lambda found: f"700 tasks/s {_verdict(found['rate'] >= 700)}",
        "full safe path": lambda found: ", ".join((
            f"300 tasks/s {_verdict(found['rate'] >= 300)}",
            f"45 MiB idle {_verdict(found['idle_mib'] < 45)}",
            f"1 s to consume {_verdict(found['start'] < 1)}",
        )),
    }  # fmt: skip
    rows = [
        (
            "one process",
            "slots",
            "tasks/s",
            "spread",
            "CPU/task",
            "idle",
            "after",
            "start",
            "budget",
        )
    ]
    for name, _, _, slots, _ in CONTESTANTS:
        middle = {
            key: statistics.median(found[key] for found in seen[name]) for key in seen[name][0]
        }
        rates = [found["rate"] for found in seen[name]]
        rows.append((
            name, str(slots), f"{middle['rate']:,.0f}", f"{min(rates):,.0f}-{max(rates):,.0f}",
            f"{middle['cpu_us']:,.0f} µs", f"{middle['idle_mib']:.0f} MiB", f"{middle['rss_mib']:.0f} MiB",
            f"{middle['start']:.2f} s", budgets[name](middle) if name in budgets else "",
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
    chosen = sys.argv[1:] or ["speed", "load"]
    if "speed" in chosen and not RIVALS_PYTHON.exists():
        sys.exit("Dramatiq and Celery are not installed: make bench does it")
    clear_servers()
    with topics():
        if "speed" in chosen:
            speed()
        if "load" in chosen:
            load()
