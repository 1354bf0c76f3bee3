"""A queue goes when its reader has left it, and stays where the reader could not leave (R2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

READER = """\
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
TEXT = f"""\
HEAD
    TAG_%(queue)s: {{}}
{READER}"""
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


CHAIN = f"""\
HEAD
    TAG_%(queue)s:
      dead_letter: {{exchange: TAG_dlx}}
      message_ttl: 1h
    TAG_%(queue)s_loop: {{dead_letter: {{exchange: "", routing_key: TAG_%(queue)s}}, message_ttl: 1m}}
  bindings: [%(binding)s]
{READER}"""


def test_r2_all_that_leads_to_and_from_a_queue_stays_with_it(
    shop: Any, tag: str, management: Callable[..., Any]
) -> None:
    """Its bindings, its dead-letter queue, and what leads there: without them messages would vanish."""

    def declare(queue: str, command: str, binding: str) -> None:
        shop.declare(CHAIN % {"queue": queue, "command": command, "binding": binding})

    def bindings() -> set[tuple[str, str, str]]:
        found = management("GET", "bindings/%2F")
        mine = [b for b in found if b["destination"] in {f"{tag}_old", f"{tag}_old.dlq"}]
        return {(b["source"], b["routing_key"], b["destination"]) for b in mine}

    # Given a queue with a reader, a binding, a dead-letter queue, and one that waits and leads back to it
    declare("old", RUNS, "{exchange: amq.topic, queue: TAG_old, routing_key: k}")
    shop.apply()
    before = bindings()
    assert (f"{tag}_dlx", f"{tag}_old", f"{tag}_old.dlq") in before
    assert ("amq.topic", "k", f"{tag}_old") in before

    # When the reader is to move to another queue, and cannot
    declare("new", FAILS, "")
    ran = shop.run("apply", "--auto-approve", "--prune", "--max-deletes", "20")

    # Then nothing that its messages come from or go to is gone
    assert ran.code == 1
    assert bindings() == before
    gone = [line for line in ran.out.splitlines() if " destroyed " in line and "✓" in line]
    assert [line for line in gone if "_old_loop" not in line] == []

    # And once the reader has moved all of it goes in one run
    declare("new", RUNS, "")
    shop.apply("--prune", "--max-deletes", "20")
    assert bindings() == set()
    assert shop.run("plan", "--prune").out.count("No changes") == 1


def test_r2_a_run_that_leaves_the_reader_out_tells_who_reads(shop: Any, tag: str) -> None:
    """A target names RabbitMQ alone, and the reader is in Swarm."""
    declare(shop, "old", RUNS)
    shop.apply()
    declare(shop, "new", RUNS)

    planned = shop.run("plan", "--prune", "--target", f"rabbitmq.queue/{tag}_old")

    assert f"swarm.service/{tag}-reader names it in environment.QUEUE_NAME" in " ".join(
        planned.out.split()
    )
    assert planned.code == 0, planned.err
    shop.env = {"DOCKER_HOST": "tcp://127.0.0.1:9"}
    blind = shop.run("plan", "--prune", "--target", f"rabbitmq.queue/{tag}_old")
    shop.env = {}
    assert "swarm was not read, so whether something there uses what is deleted" in blind.out
