"""What do many derived policies cost? bizops that writes and compares them, and the broker that matches them.

`policies.py [QUEUES ...] [--names FORM ...] [--ttls NUMBER ...]`: 3000 and 10000 queues, names that are numbered or
hashed, one TTL or thirty, where nothing is given. 10,000 hashed names keep the broker busy for an hour. Beside each
vhost with policies stands one with the same queues and none: declaring 200 more queues and publishing 20,000 messages
is done on both in turns. The broker is that of the local stack, or of BIZOPS_STACK_RABBITMQ_PORT and
BIZOPS_STACK_RABBITMQ_MANAGEMENT_PORT.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pika
import requests
from measure import BIZOPS, print_table

from stack.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.adapters.blocking_connection import BlockingChannel

    Work = Callable[[BlockingChannel, int], None]

SETTINGS = load_settings(os.environ)
HTTP, AMQP = SETTINGS.rabbitmq_management_port, SETTINGS.rabbitmq_port
PREFIX = "bench-policies-"
MANY, FEW = PREFIX + "many", PREFIX + "none"
DECLARED, PUBLISHED, TURNS = 200, 20_000, 3
FORMS = ("numbered", "hashed")
HEAD = ("queues", "settings", "names", "policies", "longest", "apply", "change of one", "written",
        "no-op plan", "declare", "publish")  # fmt: skip

session = requests.Session()
session.auth = ("guest", "guest")
session.trust_env = False


def main(given: argparse.Namespace) -> None:
    """Print the table."""
    table = [HEAD]
    try:
        for size, form, settings in itertools.product(given.queues, given.names, given.ttls):
            table.append(row(size, settings, form))
            print(*table[-1], sep="  ", file=sys.stderr, flush=True)
    finally:
        clean()
    print_table(table)


def row(size: int, settings: int, form: str) -> tuple[str, ...]:
    """Measure one topology."""
    clean()
    for vhost in (MANY, FEW):
        call("PUT", f"vhosts/{vhost}", {})
    names = [name(number, form) for number in range(size)]
    ttls = {each: f"{number % settings + 1}h" for number, each in enumerate(names)}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "topology.yaml"
        applied = command(file, ttls, "apply", "-y")
        before = policies()
        planned = command(file, ttls, "plan", "--detailed-exitcode")
        changed = command(file, ttls | {names[size // 2]: "99h"}, "apply", "-y")
        written = policies().keys() - before.keys()
    call("POST", f"definitions/{FEW}", {"queues": [queue(each) for each in names]})
    declared, published = turns(declare), turns(publish)
    return (
        f"{size:,}",
        str(settings),
        form,
        str(len(before)),
        f"{max(len(pattern.encode()) for pattern in before.values()):,} B",
        f"{applied:.1f} s",
        f"{changed:.1f} s",
        str(len(written)),
        f"{planned:.1f} s",
        declared,
        published,
    )


def name(number: int, form: str) -> str:
    """Give a queue's name of 25 characters: one that begins as its neighbours do, or one that does not."""
    if form == "numbered":
        return f"auto_orders_eu_west_{number:05d}"
    return f"auto_{hashlib.sha256(str(number).encode()).hexdigest()[:20]}"


def command(file: Path, ttls: dict[str, str], *words: str) -> float:
    """Run a verb on a topology with these queues; gives the seconds, and ends with its words where it fails."""
    head = ["bizops: 1", "name: bench-policies", "connections:", "  rabbitmq:",
            f"    url: http://127.0.0.1:{HTTP}", f"    amqp_url: amqp://127.0.0.1:{AMQP}",
            "rabbitmq:", f"  vhost: {MANY}", "  queues:"]  # fmt: skip
    lines = [*head, *(f"    {each}: {{message_ttl: {ttl}}}" for each, ttl in ttls.items())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    words = (BIZOPS, *words, "-q", "--timeout", "900", "-f", str(file))
    started = time.perf_counter()
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(words)} exited {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}")
    return time.perf_counter() - started


def policies() -> dict[str, str]:
    """Give the patterns of the policies by name."""
    return {item["name"]: item["pattern"] for item in call("GET", f"policies/{MANY}")}


def turns(work: Work) -> str:
    """Do the same on both vhosts in turns; give both medians and their ratio."""
    seen = [(timed(work, MANY, turn), timed(work, FEW, turn)) for turn in range(TURNS)]
    many, few = (statistics.median(side) for side in zip(*seen, strict=True))
    return f"{many:.2f} s / {few:.2f} s = {many / few:.1f} x"


def timed(work: Work, vhost: str, turn: int) -> float:
    """Give the seconds that work takes over a connection that is there already."""
    connection = pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", AMQP, vhost))
    channel = connection.channel()
    started = time.perf_counter()
    work(channel, turn)
    seconds = time.perf_counter() - started
    connection.close()
    return seconds


def declare(channel: BlockingChannel, turn: int) -> None:
    """Declare queues that no policy is for: each is matched against all of them."""
    for number in range(DECLARED):
        channel.queue_declare(f"other_{turn}_{number:03d}", durable=True)


def publish(channel: BlockingChannel, turn: int) -> None:
    """Publish to one of them; a last question makes sure that all have arrived."""
    target = f"other_{turn}_000"
    for _ in range(PUBLISHED):
        channel.basic_publish("", target, b"x" * 100)
    channel.queue_declare(target, durable=True, passive=True)


def queue(each: str) -> dict[str, Any]:
    """Give a queue as definitions have it."""
    return {"name": each, "durable": True, "auto_delete": False, "arguments": {}}


def clean() -> None:
    """Remove our vhosts, also those that a killed run left."""
    for vhost in call("GET", "vhosts"):
        if vhost["name"].startswith(PREFIX):
            call("DELETE", f"vhosts/{vhost['name']}")


def call(method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON
    """Ask the management API."""
    url = f"http://127.0.0.1:{HTTP}/api/{path}"
    answer = session.request(method, url, json=body, timeout=600)
    answer.raise_for_status()
    return answer.json() if answer.content else None


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("queues", type=int, nargs="*", default=[3_000, 10_000])
    parser.add_argument("--names", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--ttls", type=int, nargs="+", default=[1, 30])
    main(parser.parse_args())
