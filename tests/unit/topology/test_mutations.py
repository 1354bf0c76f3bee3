"""Whatever becomes of a valid file, it loads or it gives faults; and no fault gives a secret away."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizops import errors, topology

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INLINE = "correct-horse-battery-inline"
SHELL = "correct-horse-battery-shell"
VALID = f"""\
bizops: 1
name: demo
x-topic: &topic {{partitions: 3, replication_factor: 2}}
connections:
  kafka:
    bootstrap.servers: "127.0.0.1:9092"
    sasl.username: admin
    sasl.password: {INLINE}
  swarm: {{}}
kafka:
  owns: {{topics: ["domain.*"]}}
  topic_defaults: {{configs: {{retention.ms: 7d}}}}
  topics:
    domain.orders: *topic
    domain.leads: {{<<: *topic, partitions: 2, needs: [kafka.topic/domain.orders]}}
swarm:
  networks: {{backend: {{external: true}}}}
  service_defaults: {{networks: [backend], stop_grace_period: 30s}}
  services:
    web:
      image: "example:${{TAG:-1}}"
      environment: {{LEVEL: info, API_TOKEN: "${{API_TOKEN}}"}}
      deploy: {{replicas: 4}}
      lifecycle: {{ignore_changes: [deploy.replicas]}}
"""
VARIABLES = {"API_TOKEN": SHELL}
PIECES = (
    "\t", "\n", "\r", "\x00", "\x1b[2J", "\u2028", "é", "\ud7ff", " ", ":", ": ", "- ", "{", "}", "[", "]", ",", "#",
    " #", "&a ", "*a", "*topic", "<<: ", "!!python/name:os.system ", "? ", "| \n", ">", "'", '"', "${", "${API_TOKEN}",
    "$${", "${TAG:-${API_TOKEN}}", "null", "~", "on", "12:30", "1_000", "0x1F", ".nan", "-1", "9" * 5000, "---\n", "%",
    "@", "`", "bizops: 1\n", "needs: [swarm.service/web]", "http://a:b@c/", "\\", "kafka", "owns: {}",
)  # fmt: skip


def _inserted(text: str, at: int, piece: str) -> str:
    return text[:at] + piece + text[at:]


def _replaced_value(text: str, at: int, piece: str) -> str:
    values = [found for found in re.finditer(r"(?<=: )[^\n{\[]+", text) if INLINE not in found[0]]
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


MUTATIONS: tuple[Callable[[str, int, str], str], ...] = (
    _inserted, _replaced_value, _without, _without_line, _moved_line, _indented,
)  # fmt: skip


def _loaded(content: bytes, directory: Path) -> str:
    """Load a file and give all that would be printed of it."""
    (directory / "topology.yaml").write_bytes(content)
    try:
        found = topology.load(["topology.yaml"], variables=VARIABLES, directory=directory)
    except errors.TopologyError as error:
        return "\n".join(error.faults) or pytest.fail("refused without a fault")
    return "\n".join([*found.warnings, *found.origins.values()])


def test_the_file_that_is_mutated_is_valid(tmp_path: Path) -> None:
    """Mutations of a faulty file would prove little."""
    (tmp_path / "topology.yaml").write_text(VALID, encoding="utf-8")

    found = topology.load(["topology.yaml"], variables=VARIABLES, directory=tmp_path)

    assert {INLINE, SHELL} <= found.secrets
    assert [str(resource.address) for resource in found.resources] == [
        "kafka.topic/domain.leads",
        "kafka.topic/domain.orders",
        "swarm.network/backend",
        "swarm.service/web",
    ]


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
    assert INLINE not in said
    assert SHELL not in said


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
