"""Times whole commands, start-up and all, and prints them beside what the raw client needs in the same minute."""

from __future__ import annotations

import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
from stack.leftovers import remove_leftovers
from stack.names import own_name
from stack.settings import load_settings

BIZOPS = str(Path(sys.executable).with_name("bizops"))
PLACEHOLDER = "127.0.0.1:5000/bizops/placeholder:1"


@dataclass(frozen=True)
class Cost:
    """Median seconds of the runs, and the largest resident set of any of them in MB."""

    seconds: float
    megabytes: float


def measured(*commands: list[str], runs: int) -> list[Cost]:
    """Run each command so many times, in turns, so that a slow minute of the machine meets all of them."""
    _prepare()
    seen = [[_timed(command) for command in commands] for _ in range(runs)]
    return [
        Cost(statistics.median(run.seconds for run in each), max(run.megabytes for run in each))
        for each in zip(*seen, strict=True)
    ]


@functools.cache
def _prepare() -> None:
    """Give bizops its bytecode, as pip does where it is installed: a checkout may be forbidden to write it.

    And take away what a killed run left on the servers: it would be measured with.
    """
    folder = Path(__file__).parents[1] / "bizops"
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(folder)], check=True)
    clear_servers()


def clear_servers() -> None:
    """Remove what killed runs left on the servers, and say what that was."""
    removed = remove_leftovers(load_settings(os.environ))
    if removed:
        what = ", ".join(f"{count} {kind}" for kind, count in removed.items())
        print(f"removed what a killed run left: {what}", file=sys.stderr)


def _timed(command: list[str]) -> Cost:
    """Run a command once; ends the benchmark with its words where it fails."""
    with tempfile.TemporaryFile("w+") as said:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            sys.exit(f"{' '.join(command)} exited {process.returncode}:\n{said.read()[-3000:]}")
    return Cost(seconds, usage.ru_maxrss / 1024)


def raw(program: str, *arguments: str) -> list[str]:
    """Give the command line of a raw client: a Python program of its own, so that both sides pay for a start."""
    return [sys.executable, str(Path(__file__).parent / "raw" / program), *arguments]


@dataclass(frozen=True)
class Row:
    """One line of the table. `budget` is in seconds; `ratio_budget` where the budget is a ratio."""

    work: str
    ours: Cost
    theirs: Cost
    budget: float | None = None
    megabytes: float | None = None
    ratio_budget: float | None = None

    def cells(self) -> tuple[str, ...]:
        """Give the cells, with a verdict on each budget."""
        ratio = self.ours.seconds / self.theirs.seconds
        budgets = []
        if self.budget is not None:
            budgets.append(_verdict(self.ours.seconds, self.budget, f"{self.budget:g} s"))
        if self.megabytes is not None:
            budgets.append(_verdict(self.ours.megabytes, self.megabytes, f"{self.megabytes:g} MB"))
        if self.ratio_budget is not None:
            budgets.append(_verdict(ratio, self.ratio_budget, f"{self.ratio_budget:g} x raw"))
        return (
            self.work,
            f"{self.ours.seconds:.2f} s",
            f"{self.ours.megabytes:.0f} MB",
            f"{self.theirs.seconds:.2f} s",
            f"{ratio:.1f} x",
            ", ".join(budgets),
        )


HEAD = ("work", "bizops", "memory", "raw client", "ratio", "budget")


def _verdict(value: float, budget: float, text: str) -> str:
    return f"{text} {'met' if value <= budget else 'MISSED'}"


def show(rows: list[Row]) -> None:
    """Print the rows as a Markdown table."""
    print_table([HEAD, *(row.cells() for row in rows)])


def print_table(table: list[tuple[str, ...]]) -> None:
    """Print a Markdown table, its head first."""
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for number, line in enumerate(table):
        print(
            "| "
            + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            + " |"
        )
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")


class Wide:
    """A topology file with so many of each, under names of its own; `destroy` takes it all down."""

    def __init__(self, queues: int = 0, topics: int = 0, services: int = 0) -> None:
        self.tag = own_name()
        self.folder = tempfile.TemporaryDirectory()
        self.file = str(Path(self.folder.name) / "topology.yaml")
        lines = ["bizops: 1", f"name: {self.tag}"]
        if queues:
            lines += ["rabbitmq:", f"  owns: {{queues: [{self.tag}_*]}}", "  queues:"]
            lines += [
                f"    {self.tag}_q{i:04}: {{max_priority: 5, message_ttl: 1h}}"
                for i in range(queues)
            ]
        if topics:
            lines.append("connections: {kafka: {bootstrap.servers: '127.0.0.1:9092'}}")
            lines += ["kafka:", f'  owns: {{topics: ["{self.tag}.*"]}}', "  topics:"]
            lines += [
                f"    {self.tag}.t{i:04}: {{partitions: 1, replication_factor: 2, configs: {{retention.ms: 7d}}}}"
                for i in range(topics)
            ]
        if services:
            lines += [
                "swarm:",
                f"  service_defaults: {{image: '{PLACEHOLDER}', deploy: {{replicas: 0}}}}",
                "  services:",
            ]
            lines += [
                f"    {self.tag}-s{i:03}: {{command: [sleep, infinity]}}" for i in range(services)
            ]
        Path(self.file).write_text("\n".join(lines) + "\n", encoding="utf-8")

    def command(self, verb: str, *options: str) -> list[str]:
        """Give the command line of a verb on this file."""
        return [BIZOPS, verb, "-f", self.file, *options]

    def destroy(self) -> None:
        """Take it all down."""
        consent = ("--confirm", self.tag, "--prune", "--allow-data-loss", "*")
        measured(self.command("destroy", "-y", *consent), runs=1)
