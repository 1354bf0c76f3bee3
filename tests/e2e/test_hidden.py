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


def looks(shop: Any, *options: str) -> dict[str, str]:
    """Look at it in every way, and give what was said each time; `options` are for all that take targets."""
    said = {}
    for verb, *others in LOOKS:
        more = () if verb == "status" else options
        ran = shop.run(verb, *others, *more)
        assert ran.code in {0, 2}, ran.out + ran.err
        said[" ".join((verb, *others))] = ran.out + ran.err
    return said


def showing(said: dict[str, str], *secrets: str) -> list[str]:
    """Give the looks that show a secret."""
    return [look for look, text in said.items() if any(secret in text for secret in secrets)]


def test_c1_the_value_of_before_is_hidden_wherever_the_file_says_so(shop: Any) -> None:
    """Also where it is the name of a binding, and in the words of a task that fails with it."""
    shop.declare(EVERYWHERE)
    shop.env = {"API_TOKEN": MARK}
    first = shop.run("apply", "--auto-approve")
    shop.env = {"API_TOKEN": OTHER}

    said = looks(shop)

    assert "executable file not found" in first.out
    assert MARK not in first.out + first.err
    assert showing(said, MARK, OTHER) == []
    for look in ("plan", "drift", "status --all"):
        assert "executable file not found" in " ".join(said[look].split())
    assert all("hidden" in text for text in said.values())
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

    said = looks(shop, "--target", "swarm.*")
    applied = shop.run("apply", "--auto-approve", "--target", "swarm.*")

    assert showing(said, MARK) == []
    assert all("hidden" in text for text in said.values())
    assert applied.code == 0, applied.err
    assert MARK not in applied.out + applied.err


def test_a_variable_that_is_set_is_hidden_though_no_file_names_it(shop: Any) -> None:
    """RabbitMQ has no place to note what was secret of a binding."""
    shop.declare(EVERYWHERE)
    shop.env = {"API_TOKEN": MARK}
    shop.run("apply", "--auto-approve")
    shop.declare(WITHOUT)

    said = looks(shop)

    assert showing(said, MARK) == []
    assert "hidden" in said["plan --verbose --prune"]


AWKWARD = """\
HEAD
    TAG_q: {dead_letter: null}
  bindings:
    - {exchange: TAG_dlx, queue: TAG_q, routing_key: "${API_TOKEN:-none}"}
swarm:
  networks:
    TAG-n: {labels: {a: "${API_TOKEN:-none}", b: open}}
  services:
    TAG-s:
      image: PLACEHOLDER:1
      command: "run --pw ${API_TOKEN:-none} --x"
      cap_add: ["${CAP_TOKEN:-NET_ADMIN}"]
      deploy: {replicas: 0}
"""
FEWER = """\
HEAD
    TAG_q: {dead_letter: null}
swarm:
  networks:
    TAG-n: {}
  services:
    TAG-s: {image: "PLACEHOLDER:1", command: "run --pw none --x", deploy: {replicas: 0}}
"""
PHRASE = "Zk3sQp7/9s+TqPpw8 Vb1xyzzy=:horse7xq 'battery3 Staple4'"
PIECES = ("zk3sqp7", "tqppw8", "vb1xyzzy", "horse7xq", "battery3", "staple4", "zqkwmxv")


def pieces(said: dict[str, str]) -> list[tuple[str, str]]:
    """Give the looks that show a word of the secrets, in whatever letters."""
    return [(look, each) for look, text in said.items() for each in PIECES if each in text.lower()]


def test_c1_no_word_of_a_secret_is_shown_however_it_is_split_or_spelt(shop: Any) -> None:
    """In an address, in the words of a command, in a capability, and in a label that cannot be changed."""
    shop.declare(AWKWARD)
    shop.env = {"API_TOKEN": PHRASE, "CAP_TOKEN": "Zqkwmxv"}
    before = looks(shop)
    first = shop.run("apply", "--auto-approve")
    assert first.code == 0, first.err
    said = looks(shop)
    shop.env = {"API_TOKEN": "another one-9", "CAP_TOKEN": "SYS_TIME"}
    said |= {f"{look}, changed": text for look, text in looks(shop).items()}

    assert pieces({**before, **said, "apply": first.out + first.err}) == []


def test_s8_what_left_the_file_as_a_secret_is_hidden_still_of_networks_too(shop: Any) -> None:
    """A network cannot be changed, so it says itself what was secret of it when it was created."""
    shop.declare(AWKWARD)
    shop.env = {"API_TOKEN": PHRASE, "CAP_TOKEN": "Zqkwmxv"}
    shop.apply()
    shop.env = {}
    shop.declare(FEWER)

    said = looks(shop, "--target", "swarm.*")

    assert pieces(said) == []
    assert "labels.a = (hidden) is fixed" in " ".join(said["plan"].split())
    assert "labels.b = open is fixed" in " ".join(said["plan"].split())
