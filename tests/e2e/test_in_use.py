"""A queue goes when its reader has left it, and stays where the reader could not leave (R2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

TEXT = """\
HEAD
    TAG_%(queue)s: {}
swarm:
  services:
    TAG-reader:
      image: PLACEHOLDER:1
      command: %(command)s
      stop_grace_period: 1s
      environment: {QUEUE_NAME: TAG_%(queue)s}
      deploy:
        replicas: 1
        restart_policy: {delay: 1s}
        update_config: {monitor: 2s, failure_action: rollback}
        rollback_config: {monitor: 1s}
"""
RUNS, FAILS = "[sleep, infinity]", "[sh, -c, 'sleep 1; exit 1']"


def declare(shop: Any, queue: str, command: str) -> None:
    shop.declare(TEXT % {"queue": queue, "command": command})


def test_r2_a_queue_stays_where_its_reader_was_rolled_back(
    shop: Any, tag: str, management: Callable[..., Any]
) -> None:
    declare(shop, "old", RUNS)
    shop.apply()

    declare(shop, "new", FAILS)
    ran = shop.run("apply", "--auto-approve", "--prune", "--max-deletes", "9")

    assert ran.code == 1
    assert f"skipped: it needs swarm.service/{tag}-reader, which failed" in ran.out + ran.err
    assert management("GET", f"queues/%2F/{tag}_old")["name"] == f"{tag}_old"

    declare(shop, "new", RUNS)
    shop.apply("--prune", "--max-deletes", "9")
    names = {queue["name"] for queue in management("GET", "queues/%2F?columns=name")}
    assert f"{tag}_old" not in names
    assert shop.run("plan", "--prune").out.count("No changes") == 1
