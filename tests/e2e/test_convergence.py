"""Apply then plan is empty; apply stopped anywhere and run again converges; two at once do no harm."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SOAK = bool(os.environ.get("SOAK"))
KILLS = range(60 if SOAK else 3)
TOPOLOGIES = 100 if SOAK else 5

WIDE = """\
HEAD
%s
kafka:
  owns: {topics: ["TAG.*"]}
  topics:
%s
swarm:
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      environment: {QUEUE_NAME: TAG_q00}
      stop_grace_period: 1s
      deploy: {replicas: 1, update_config: {monitor: 1s}}
"""


def wide(ttl: str, partitions: int) -> str:
    queues = [
        f"    TAG_q{i:02}: {{max_priority: 5, message_ttl: {ttl if i % 2 else '3h'}}}"
        for i in range(30)
    ]
    topics = [
        f"    TAG.t{i:02}: {{partitions: {partitions}, replication_factor: 1}}" for i in range(15)
    ]
    return WIDE % ("\n".join(queues), "\n".join(topics))


def policies(management: Any, tag: str) -> dict[str, list[str]]:
    """Give the names of our queues by the policy of ours that each matches, by asking for the policies alone."""
    import re  # noqa: PLC0415

    found: dict[str, list[str]] = {}
    queues = [
        q["name"]
        for q in management("GET", "queues/%2F?disable_stats=true")
        if q["name"].startswith(f"{tag}_")
    ]
    for policy in management("GET", "policies/%2F"):
        if policy["name"].startswith(f"bizops.{tag}."):
            for queue in queues:
                if re.search(policy["pattern"], queue):
                    found.setdefault(queue, []).append(policy["name"])
    return found


@pytest.mark.parametrize("moment", KILLS)
def test_an_apply_killed_at_any_moment_converges_with_nothing_doubled(
    moment: int, shop: Any, management: Any
) -> None:
    """`kill -9` at a random moment of creating and of changing; the next run finishes, and the one after is empty."""
    chance = random.Random(moment)  # noqa: S311
    for text in (wide("1h", 2), wide("2h", 3)):
        shop.declare(text)
        begun = shop.start("apply", "--auto-approve", "--lock=false")
        time.sleep(chance.uniform(0.2, 2.5))
        begun.send_signal(signal.SIGKILL)
        begun.communicate()

        shop.apply("--lock=false")

        again = shop.run("plan", "--format", "json", "--detailed-exitcode")
        assert again.code == 0, again.out
        doubled = {
            queue: names
            for queue, names in policies(management, shop.tag).items()
            if len(names) > 1
        }
        assert {} == doubled


@pytest.mark.long
def test_a_killed_holder_frees_the_lock_by_itself(shop: Any, management: Any) -> None:
    """The next apply waits for the dead one's lease, names it, and then goes on."""
    shop.declare(wide("1h", 2))
    begun = shop.start("apply", "--auto-approve")
    deadline = time.monotonic() + 30
    while f"bizops.lock.{shop.tag}" not in json.dumps(
        management("GET", "queues/%2F?disable_stats=true")
    ):
        assert time.monotonic() < deadline
        assert begun.poll() is None, begun.communicate()
        time.sleep(0.02)
    begun.send_signal(signal.SIGKILL)
    begun.communicate()

    second = shop.apply()

    assert "waiting" in second.err
    assert str(begun.pid) in second.err


def test_two_applies_at_once_do_the_work_once(shop: Any) -> None:
    """The second waits for the first and then finds the plan stale or nothing to do; nothing fails half-way."""
    shop.declare(wide("1h", 2))
    both = [shop.start("apply", "--auto-approve"), shop.start("apply", "--auto-approve")]

    ended = [process.communicate() for process in both]

    assert 0 in {process.returncode for process in both}, ended
    for process, (out, err) in zip(both, ended, strict=True):
        assert process.returncode == 0 or "moved since" in err or "holds the lock" in err, out + err
    assert shop.run("plan", "--detailed-exitcode").code == 0


QUEUE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["classic", "quorum"]),
        "message_ttl": st.sampled_from(["1s", "30m", "2h", "7d"]),
        "expires": st.sampled_from(["2h", "7d"]),
        "max_length": st.sampled_from([10, 100_000]),
        "max_length_bytes": st.sampled_from(["1MiB", "64MiB"]),
        "overflow": st.sampled_from(["drop-head", "reject-publish"]),
        "dead_letter": st.just({"exchange": "TAG_dlx"}),
        "single_active_consumer": st.booleans(),
        "settings_in": st.sampled_from(["arguments", "policy"]),
    },
)
TOPIC = st.fixed_dictionaries(
    {"partitions": st.integers(1, 4), "replication_factor": st.integers(1, 3)},
    optional={
        "configs": st.fixed_dictionaries(
            {},
            optional={
                "retention.ms": st.sampled_from(["1h", "7d", "-1"]),
                "cleanup.policy": st.sampled_from(["delete", "compact", "compact,delete"]),
                "max.message.bytes": st.sampled_from(["1MiB", "2097152"]),
            },
        )
    },
)
SERVICE = st.fixed_dictionaries(
    {
        "image": st.sampled_from(["PLACEHOLDER:1", "PLACEHOLDER:2"]),
        "deploy": st.just({"replicas": 0}),
    },
    optional={
        "command": st.sampled_from([["sleep", "infinity"], "sleep 60"]),
        "environment": st.sampled_from([{"A": "1"}, ["A=2", "B=x y"]]),
        "networks": st.just(["NETWORK"]),
        "stop_grace_period": st.sampled_from(["1s", "1m30s"]),
        "labels": st.just({"team": "shop"}),
    },
)
TOPOLOGY = st.fixed_dictionaries(
    {
        "rabbitmq": st.fixed_dictionaries(
            {
                "owns": st.just({"queues": ["TAG_*"]}),
                "exchanges": st.just({"TAG_dlx": {"type": "direct"}}),
                "queues": st.dictionaries(
                    st.sampled_from([f"TAG_q{i}" for i in range(6)]), QUEUE, max_size=5
                ),
            }
        ),
        "kafka": st.fixed_dictionaries(
            {
                "owns": st.just({"topics": ["TAG.*"]}),
                "topics": st.dictionaries(
                    st.sampled_from([f"TAG.t{i}" for i in range(4)]), TOPIC, max_size=3
                ),
            }
        ),
        "swarm": st.fixed_dictionaries(
            {
                "networks": st.just({"NETWORK": {"external": True}}),
                "services": st.dictionaries(
                    st.sampled_from([f"TAG-s{i}" for i in range(3)]), SERVICE, max_size=2
                ),
            }
        ),
    }
)


@settings(
    max_examples=TOPOLOGIES,
    deadline=None,
    derandomize=not SOAK,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(topology=TOPOLOGY)
def test_after_apply_the_second_plan_is_empty(topology: dict[str, Any], shop: Any) -> None:
    """Whatever is declared: applied once, there is nothing left to do, and destroyed there is nothing left."""
    connections = {"kafka": {"bootstrap.servers": shop.addresses.bootstrap}}
    shop.declare(json.dumps({"bizops": 1, "name": "TAG", "connections": connections, **topology}))

    shop.apply()

    planned = shop.run("plan", "--detailed-exitcode")
    assert planned.code == 0, planned.out
    gone = shop.destroy()
    assert gone.code == 0, gone.out + gone.err
