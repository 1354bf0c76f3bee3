"""Whatever becomes of a valid file, it loads or it gives faults; and no fault gives a secret away."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizops import errors, render, topology
from bizops.redaction import Redaction
from bizops.render import Style

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORDS = {
    "INLINE": "correct-horse-battery-inline",
    "MANAGEMENT": "staple-zebra-management",
    "LISTED": "walnut-quartz-listed",
    "PINNED": "violet-jigsaw-pinned",
    "DATABASE": "copper-walrus-database",
}
"""The secrets that stand in the file, by what they are for."""
GUARDS = {
    "INLINE": ("sasl.password: {}",),
    "MANAGEMENT": ("://admin:{}@",),
    "LISTED": ("DB_PASSWORD={}",),
    "PINNED": (" PIN: {}", "sensitive: [PIN]"),
    "DATABASE": ("://app:{}@",),
}
"""What makes each of them a secret: while this is as it was, none of its words may be shown."""
VARIABLES = {
    "API_TOKEN": "lantern-oxygen-shell",
    "RABBIT": "mustard-bishop-rabbit",
    "VAULT": "pepper-cobalt-vault",
}
"""Secrets of the shell: by its name, as a password, and behind a Swarm secret."""
VALID = """\
bizops: 1
name: demo
x-topic: &topic {{partitions: 3, replication_factor: 2}}
connections:
  kafka:
    bootstrap.servers: "127.0.0.1:9092"
    sasl.username: admin
    sasl.password: {INLINE}
  rabbitmq: {{url: "http://admin:{MANAGEMENT}@127.0.0.1:15672", username: admin, password: "${{RABBIT}}"}}
  swarm: {{}}
kafka:
  owns: {{topics: ["domain.*"]}}
  topic_defaults: {{configs: {{retention.ms: 7d}}}}
  topics:
    domain.orders: *topic
    domain.leads: {{<<: *topic, partitions: 2, needs: [kafka.topic/domain.orders]}}
rabbitmq:
  vhost: /
  owns: {{queues: ["auto_*"], exchanges: [dlx]}}
  exchanges: {{dlx: {{type: direct}}}}
  queue_defaults: {{dead_letter: {{exchange: dlx}}}}
  queues:
    auto_orders: {{max_priority: 10, message_ttl: 1h}}
    auto_mail: {{type: quorum, max_length_bytes: 64MiB, dead_letter: {{exchange: dlx, routing_key: x}}}}
  bindings:
    - {{exchange: amq.topic, queue: auto_mail, routing_key: "mail.#", arguments: {{a: [1, {{b: true}}]}}}}
  policies:
    own: {{pattern: ^own_.*$, apply_to: queues, priority: 5, definition: {{max-length: 100, expires: 1h}}}}
swarm:
  networks: {{backend: {{external: true}}}}
  secrets: {{vault: {{environment: VAULT}}}}
  service_defaults: {{networks: [backend], stop_grace_period: 30s}}
  services:
    web:
      image: "example:${{TAG:-1}}"
      environment:
        LEVEL: info
        API_TOKEN: "${{API_TOKEN}}"
        PIN: {PINNED}
        DATABASE: postgres://app:{DATABASE}@db/app
        QUEUE_NAME: auto_orders
      sensitive: [PIN]
      secrets: [vault]
      ports: ["8080:80"]
      volumes: ["data:/data:ro"]
      healthcheck: {{test: [CMD, "true"], interval: 10s}}
      deploy: {{replicas: 4, resources: {{limits: {{cpus: "0.5", memory: 64MiB}}}}}}
      lifecycle: {{ignore_changes: [deploy.replicas]}}
    api:
      image: example:1
      environment: ["DB_PASSWORD={LISTED}", LEVEL=info]
""".format(**WORDS)
PIECES = (
    "\t", "\n", "\r", "\x00", "\x1b[2J", "\u2028", "é", "\ud7ff", " ", ":", ": ", "- ", "{", "}", "[", "]", ",", "#",
    " #", "&a ", "*a", "*topic", "<<: ", "!!python/name:os.system ", "? ", "| \n", ">", "'", '"', "${", "${API_TOKEN}",
    "$${", "${TAG:-${API_TOKEN}}", "null", "~", "on", "12:30", "1_000", "0x1F", ".nan", "-1", "9" * 5000, "---\n", "%",
    "@", "`", "bizops: 1\n", "needs: [swarm.service/web]", "http://a:b@c/", "\\", "kafka", "owns: {}",
)  # fmt: skip


def _inserted(text: str, at: int, piece: str) -> str:
    return text[:at] + piece + text[at:]


def _replaced_value(text: str, at: int, piece: str) -> str:
    values = list(re.finditer(r"(?<=: )[^\n{\[,}]+", text))
    if not values:
        return text
    found = values[at % len(values)]
    return text[: found.start()] + piece + text[found.end() :]


def _without(text: str, at: int, piece: str) -> str:
    return text[:at] + text[at + len(piece) :]


def _without_line(text: str, at: int, _piece: str) -> str:
    lines = text.splitlines(keepends=True)
    del lines[at % len(lines)]
    return "".join(lines)


def _moved_line(text: str, at: int, piece: str) -> str:
    lines = text.splitlines(keepends=True)
    line = lines.pop(at % len(lines))
    lines.insert(len(piece) * 7 % (len(lines) + 1), line)
    return "".join(lines)


def _indented(text: str, at: int, _piece: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[at % len(lines)] = "  " + lines[at % len(lines)]
    return "".join(lines)


def _misspelt_key(text: str, at: int, _piece: str) -> str:
    keys = list(re.finditer(r"[\w.]{3,}(?=: )", text))
    if not keys:
        return text
    place = keys[at % len(keys)].start() + at % 3
    return text[:place] + text[place + 1] + text[place] + text[place + 2 :]


def _twice(text: str, at: int, _piece: str) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(at % len(lines), lines[at % len(lines)])
    return "".join(lines)


MUTATIONS: tuple[Callable[[str, int, str], str], ...] = (
    _inserted, _replaced_value, _without, _without_line, _moved_line, _indented, _misspelt_key,
    _twice,
)  # fmt: skip


def _loaded(content: bytes, directory: Path) -> str:
    """Load a file and give all that would be printed of it."""
    (directory / "topology.yaml").write_bytes(content)
    try:
        found = topology.load(["topology.yaml"], variables=VARIABLES, directory=directory)
    except errors.TopologyError as error:
        refused = error
    else:
        fields = [resource.spec.fields() for resource in found.resources]
        said = f"{found.warnings} {found.origins} {fields}"
        return Redaction(found.secrets).text(said)  # also where a secret serves as a name
    assert refused.faults
    assert all(re.match(r"topology\.yaml(:\d+:\d+)?: ", fault) for fault in refused.faults)
    style = Style(colour=False, width=80, unicode=True)
    return f"{render.error_text(refused, style)} {render.error_json(refused)}"


def _shown(text: str, said: str) -> list[str]:
    """Give the secrets of a text that are shown all the same."""
    secrets = [
        WORDS[name]
        for name, guards in GUARDS.items()
        if all(guard.format(WORDS[name]) in text for guard in guards)
    ]
    return [secret for secret in (*secrets, *VARIABLES.values()) if secret in said]


def test_the_file_that_is_mutated_is_valid(tmp_path: Path) -> None:
    """Mutations of a faulty file would prove little, and so would a file without secrets."""
    (tmp_path / "topology.yaml").write_text(VALID, encoding="utf-8")

    found = topology.load(["topology.yaml"], variables=VARIABLES, directory=tmp_path)

    assert {WORDS["INLINE"], WORDS["MANAGEMENT"], *VARIABLES.values()} <= found.secrets
    assert {WORDS["LISTED"], WORDS["PINNED"]} <= found.secrets
    assert _shown(VALID, VALID) == list(WORDS.values())
    assert {str(resource.address) for resource in found.resources} == {
        "kafka.topic/domain.leads",
        "kafka.topic/domain.orders",
        "rabbitmq.binding/amq.topic:mail.%23:auto_mail#b3bda48a",
        "rabbitmq.binding/dlx:auto_orders:auto_orders.dlq",
        "rabbitmq.exchange/dlx",
        "rabbitmq.policy/own",
        "rabbitmq.queue/auto_mail",
        "rabbitmq.queue/auto_orders",
        "rabbitmq.queue/auto_orders.dlq",
        "swarm.network/backend",
        "swarm.secret/vault",
        "swarm.service/api",
        "swarm.service/web",
    }


@settings(
    max_examples=400,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    slips=st.lists(
        st.tuples(st.sampled_from(MUTATIONS), st.integers(0, len(VALID)), st.sampled_from(PIECES)),
        min_size=1,
        max_size=2,
    )
)
def test_a_mutated_file_loads_or_gives_faults_and_never_a_secret(
    tmp_path: Path, slips: list[tuple[Callable[[str, int, str], str], int, str]]
) -> None:
    """No mutation ends in a traceback, and none prints a secret."""
    # Given a slip or two in a valid file
    text = VALID
    for mutation, at, piece in slips:
        text = mutation(text, at, piece)

    # When it is loaded, then all that is said of it holds no secret
    said = _loaded(text.encode("utf-8", "surrogatepass"), tmp_path)
    assert _shown(text, said) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_file_of_random_bytes_loads_or_gives_faults(tmp_path: Path, seed: int) -> None:
    """Damage beyond a slip of the hand is told as well."""
    # Given a valid file with a dozen bytes overwritten at random
    dice = random.Random(seed)  # noqa: S311 - a fixed seed, nothing secret
    for _ in range(25):
        content = bytearray(VALID.encode())
        for _ in range(12):
            content[dice.randrange(len(content))] = dice.randrange(256)

        # When it is loaded, then it loads or gives faults
        _loaded(bytes(content), tmp_path)
