"""How long does a plan take that finds nothing to do? Beside the raw clients making the same reads in one program."""

from __future__ import annotations

import os
from pathlib import Path

from measure import BIZOPS, Row, Wide, measured, raw, show


def rows() -> list[Row]:
    """Measure the seed topology, and a wide one."""
    return [_seed(), _wide()]


def _seed() -> Row:
    os.environ |= {
        "RABBITMQ_PASS": "guest",
        "OPENAI_API_KEY": "unused",
        "BIZOPS_ENVIRONMENT": "demo",
    }
    file = str(Path(__file__).parents[1] / "topology" / "bizosaas.yaml")
    plan = [BIZOPS, "plan", "-f", file, "--detailed-exitcode"]
    measured([BIZOPS, "apply", "-f", file, "-y"], runs=1)
    try:
        ours, theirs = measured(plan, raw("reads.py"), runs=9)
        return Row("no-op plan of the seed", ours, theirs, 0.55, 120)
    finally:
        destroy = ("--confirm", "bizosaas-agents", "--allow-data-loss", "*")
        measured([BIZOPS, "destroy", "-f", file, "-y", *destroy], runs=1)
        del os.environ["BIZOPS_ENVIRONMENT"]


def _wide() -> Row:
    wide = Wide(1000, 1000, 100)
    try:
        measured(wide.command("apply", "-y"), runs=1)
        plan = wide.command("plan", "--detailed-exitcode")
        ours, theirs = measured(plan, raw("reads.py"), runs=5)
        work = "no-op plan of 1,000 queues, 1,000 topics, 100 services"
        return Row(work, ours, theirs, 2.0, 200)
    finally:
        wide.destroy()


if __name__ == "__main__":
    show(rows())
