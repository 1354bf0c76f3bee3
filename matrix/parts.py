"""The parts of the matrix as data: one version of one system each, and the suites that run on it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLUSTER = "rabbitmq-cluster"

RABBITMQ_SUITES = (
    "tests/providers/rabbitmq",
    "tests/cli/test_real_systems.py",
    "tests/e2e/test_done.py",
    "tests/e2e/test_convergence.py",
    "tests/workers/test_submitting.py",
    "tests/workers/test_dead_letters.py",
    "tests/workers/test_publisher.py",
)
KAFKA_SUITES = (
    "tests/providers/kafka",
    "tests/cli/test_real_systems.py",
    "tests/e2e/test_done.py",
    "tests/workers/test_topics.py",
    "tests/workers/test_following.py",
)
REDIS_SUITES = ("tests/workers/test_store.py", "tests/workers/test_submitting.py")
SWARM_SUITES = ("tests/providers/swarm",)


@dataclass(frozen=True, slots=True)
class Part:
    """One version of one system.

    `servers` are the parts of a stack of its own that are started, `settings` those of that stack
    by name; `broker` is its RabbitMQ that the suites use. A part with an `engine` runs on that many
    `nodes` instead. `drills` are further arguments for `python -m drills.cluster`, none for no drill.
    """

    name: str
    system: str
    servers: tuple[str, ...] = ()
    settings: Mapping[str, str] | None = None
    broker: str = "rabbitmq"
    suites: tuple[str, ...] = ()
    engine: str = ""
    nodes: int = 0
    drills: tuple[str, ...] = ()


def _rabbitmq(version: str) -> tuple[Part, Part]:
    single = Part(
        f"rabbitmq-{version}",
        "rabbitmq",
        ("rabbitmq", "kafka", "redis", "registry"),
        {"rabbitmq_version": version},
        suites=RABBITMQ_SUITES,
    )
    cluster = Part(
        f"rabbitmq-{version}-cluster",
        "rabbitmq",
        (CLUSTER,),
        {"rabbitmq_cluster_version": version},
        broker="rabbitmq-1",
        suites=("tests/providers/rabbitmq",),
        drills=("--only", "rabbitmq", "--rabbitmq-version", version),
    )
    return single, cluster


def _kafka(version: str, jars: str) -> Part:
    servers = ("rabbitmq", "kafka", "registry")
    return Part(f"kafka-{version}", "kafka", servers, {"kafka_version": jars}, suites=KAFKA_SUITES)


def _redis(version: str) -> Part:
    servers = ("rabbitmq", "kafka", "redis")
    return Part(
        f"redis-{version}", "redis", servers, {"redis_version": version}, suites=REDIS_SUITES
    )


def _engine(version: str, nodes: int = 1) -> Part:
    name = f"engine-{version}" if nodes == 1 else f"engine-{version}-{nodes}-nodes"
    return Part(name, "swarm", suites=SWARM_SUITES, engine=version, nodes=nodes)


PARTS = (
    *_rabbitmq("3.10"),
    *_rabbitmq("4.0"),
    *_rabbitmq("4.3"),
    _kafka("3.9", "3.9.1"),
    _kafka("4.0", "4.0.0"),
    _kafka("4.3", "4.3.0"),
    _engine("20.10"),
    _engine("26.1"),
    _engine("28.5"),
    _engine("28.5", nodes=3),
    _redis("7"),
    _redis("8"),
)


def choose(patterns: str, parts: Sequence[Part] = PARTS) -> list[Part]:
    """Give the parts that a list of names or globs means, in the matrix's order; all for an empty list.

    Raises ValueError for a pattern that means none.
    """
    wanted = patterns.replace(",", " ").split()
    for pattern in wanted:
        if not any(fnmatchcase(part.name, pattern) for part in parts):
            names = ", ".join(part.name for part in parts)
            message = f"no part is called {pattern}; the parts are {names}"
            raise ValueError(message)
    return [p for p in parts if not wanted or any(fnmatchcase(p.name, w) for w in wanted)]
