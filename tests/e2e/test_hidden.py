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
