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
    measured([BIZOPS, "apply", "-f", file, "-y"], 1)
    try:
        return Row("no-op plan of the seed", measured(plan, 9), raw("reads.py", runs=9), 0.55, 120)
    finally:
        destroy = ("--confirm", "bizosaas-agents", "--allow-data-loss", "*")
        measured([BIZOPS, "destroy", "-f", file, "-y", *destroy], 1)
        del os.environ["BIZOPS_ENVIRONMENT"]


def _wide() -> Row:
    wide = Wide(1000, 1000, 100)
    try:
        measured(wide.command("apply", "-y"), 1)
        plan = measured(wide.command("plan", "--detailed-exitcode"), 5)
        work = "no-op plan of 1,000 queues, 1,000 topics, 100 services"
        return Row(work, plan, raw("reads.py"), 2.0, 200)
    finally:
        wide.destroy()


if __name__ == "__main__":
    show(rows())
