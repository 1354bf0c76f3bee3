"""A password is shown by neither side of a difference (S4)."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.integration

TEXT = """\
bizops: 1
name: TAG
connections: {swarm: {}}
swarm:
  services:
    TAG-redis:
      image: PLACEHOLDER:1
      command: [redis-server, --requirepass, "${REDIS_PASSWORD:-none}", --port, "${REDIS_PORT:-1}"]
      healthcheck: {test: [CMD-SHELL, "redis-cli -a ${REDIS_PASSWORD:-none} ping"]}
      deploy:
        replicas: 0
        labels: {proxy.token: "${PROXY:-none}", open: "${OPEN:-none}"}
"""
OLD = {
    "REDIS_PASSWORD": "old-hunter",
    "REDIS_PORT": "6379",
    "PROXY": "old-proxy",
    "OPEN": "old-open",
}
NEW = {
    "REDIS_PASSWORD": "new-hunter",
    "REDIS_PORT": "6380",
    "PROXY": "new-proxy",
    "OPEN": "new-open",
}
HIDDEN = ("old-hunter", "new-hunter", "old-proxy", "new-proxy")


@pytest.mark.parametrize(
    ("verb", "options"),
    [
        ("plan", ()),
        ("plan", ("--verbose",)),
        (
            "plan",
            (
                "--format",
                "json",
            ),
        ),
        ("drift", ()),
        (
            "drift",
            (
                "--format",
                "json",
            ),
        ),
        ("apply", ("--auto-approve",)),
        ("apply", ("--auto-approve", "--format", "json")),
        ("apply", ()),
    ],
)
def test_s4_neither_the_old_nor_the_new_password_is_shown(
    shop: Any, verb: str, options: tuple[str, ...]
) -> None:
    shop.declare(TEXT)
    shop.env = OLD
    first = shop.run("apply", "--auto-approve", "--lock=false")
    assert first.code == 0, first.err

    shop.env = NEW
    ran = shop.run(verb, *options)

    said = first.out + first.err + ran.out + ran.err
    assert [secret for secret in HIDDEN if secret in said] == []
    shown = ran.out + ran.err
    assert "6379" in shown
    assert "6380" in shown
    assert "old-open" in shown
    shop.env = OLD


EVERYWHERE = """\
HEAD
    TAG_q: {dead_letter: null}
  bindings:
    - {exchange: TAG_dlx, queue: TAG_q, routing_key: "${API_TOKEN:-none}"}
    - {exchange: amq.headers, queue: TAG_q, routing_key: "", arguments: {k: "${API_TOKEN:-none}"}}
kafka: {topics: {TAG-t: {partitions: 1}}}
swarm:
  services:
    TAG-s:
      image: PLACEHOLDER:1
      command: ["${API_TOKEN:-none}"]
      hostname: "${API_TOKEN:-none}"
      environment: {PLAIN: "${API_TOKEN:-none}"}
      labels: {plain: "${API_TOKEN:-none}"}
      deploy: {replicas: 1, labels: {open: "${API_TOKEN:-none}"}, restart_policy: {delay: 1s, max_attempts: 2}}
"""
WITHOUT = """\
HEAD
    TAG_q: {dead_letter: null}
kafka: {topics: {TAG-t: {partitions: 1}}}
swarm:
  services:
    TAG-s: {image: "PLACEHOLDER:1", command: [sleep, "9999"], deploy: {replicas: 0}}
"""
MARK, OTHER = "mark-SECRET-9731", "other-SECRET-1111"
LOOKS = (
    ("plan",),
    ("plan", "--verbose", "--prune"),
    ("plan", "--format", "json"),
    ("drift",),
    ("drift", "--format", "json"),
    ("status", "--all"),
    ("status", "--format", "json"),
)


def everything(shop: Any) -> str:
    """Look at it in every way, and give all that was said."""
    ran = [shop.run(*look) for look in LOOKS]
    return "".join(each.out + each.err for each in ran)


def test_c1_the_value_of_before_is_hidden_wherever_the_file_says_so(shop: Any) -> None:
    """Also where it is the name of a binding, and in the words of a task that fails with it."""
    shop.declare(EVERYWHERE)
    shop.env = {"API_TOKEN": MARK}
    first = shop.run("apply", "--auto-approve")
    shop.env = {"API_TOKEN": OTHER}

    said = everything(shop)

    assert "executable file not found" in first.out
    assert "executable file not found" in said
    assert MARK not in first.out + first.err + said
    assert OTHER not in said
    applied = shop.run("apply", "--auto-approve", "--prune", "--max-deletes", "9")
    assert MARK not in applied.out + applied.err
    assert OTHER not in applied.out + applied.err


def test_s8_what_left_the_file_as_a_secret_is_hidden_still(shop: Any) -> None:
    """The variable is not set any more, and nothing names it: the service itself says what was secret of it."""
    shop.declare(EVERYWHERE)
    shop.env = {"API_TOKEN": MARK}
    shop.run("apply", "--auto-approve")
    shop.env = {}
    shop.declare(WITHOUT)

    said = [look for look in LOOKS if MARK in _told(shop, *look, "--target", "swarm.*")]
    applied = shop.run("apply", "--auto-approve", "--target", "swarm.*")

    assert not said
    assert applied.code == 0, applied.err
    assert MARK not in applied.out + applied.err


def _told(shop: Any, verb: str, *options: str) -> str:
    if verb == "status":
        options = options[:-2]
    ran = shop.run(verb, *options)
    return str(ran.out + ran.err)


def test_a_variable_that_is_set_is_hidden_though_no_file_names_it(shop: Any) -> None:
    """RabbitMQ has no place to note what was secret of a binding."""
    shop.declare(EVERYWHERE)
    shop.env = {"API_TOKEN": MARK}
    shop.run("apply", "--auto-approve")
    shop.declare(WITHOUT)

    assert MARK not in everything(shop)
