"""Another version of bizops on the same systems: nothing restarts, nothing is lost, and drift stays quiet.

The older version is run from the commit that people have, taken out of this repository's history.
"""

from __future__ import annotations

import io
import subprocess
import tarfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.integration, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
OLDER = "0b6d90934b84dbb35d6c488bb76f7a9e88811e6c"
"""The last commit before clusters were looked at: one policy for all queues with equal settings, up to 30,000 bytes."""

QUEUES = 60
SOON = 3
WIDE = """\
HEAD
%s
    TAG_soon: {message_ttl: %ds}
    TAG_quorum: {type: quorum, max_length: 1000}
kafka:
  owns: {topics: ["TAG.*"]}
  topics: {TAG.events: {partitions: 3, configs: {retention.ms: 14d}}}
swarm:
  networks: {TAG-net: {attachable: true}}
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      environment: {QUEUE_NAME: TAG_soon, TZ: UTC}
      networks: [TAG-net]
      stop_grace_period: 1s
      deploy: {replicas: 2, update_config: {monitor: 1s}}
"""


def wide() -> str:
    """Give a topology whose policies of the older version are far longer than 1,024 bytes."""
    names = [f"orders.of-a-rather-long-name.{number:03}" for number in range(QUEUES)]
    ttls = ("1h", "2h")
    entries = [
        f"    TAG_{name}: {{message_ttl: {ttls[number % len(ttls)]}}}"
        for number, name in enumerate(names)
    ]
    return WIDE % ("\n".join(entries), SOON)


@pytest.fixture(scope="session")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the older version's package."""
    command = ["git", "-C", str(ROOT), "archive", OLDER, "bizops"]
    packed = subprocess.run(command, capture_output=True, check=False)
    if packed.returncode:
        words = packed.stderr.decode().strip()
        pytest.skip(f"the older version is in the history of a full clone: {words}")
    folder = tmp_path_factory.mktemp("older")
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def version(shop: Any, folder: Path) -> Iterator[None]:
    """Run the commands of a block with the package in this folder."""
    shop.env["PYTHONPATH"] = str(folder)
    yield
    del shop.env["PYTHONPATH"]


def started(shop: Any, witness: Callable[..., str]) -> str:
    """Give the tasks: others where one had restarted."""
    return witness("docker", "service", "ps", "-q", f"{shop.tag}-worker")


def tasks(shop: Any, witness: Callable[..., str]) -> str:
    """Give what would change if a task had restarted, or the service had been written."""
    name = f"{shop.tag}-worker"
    index = witness("docker", "service", "inspect", "-f", "{{.Version.Index}}", name)
    return started(shop, witness) + index


@contextmanager
def watched(
    shop: Any, management: Callable[..., Any], publish: Callable[..., Any]
) -> Iterator[None]:
    """Look all the time whether each queue with settings is under a policy, and publish to one with a short TTL."""
    ended = threading.Event()
    bare: set[str] = set()

    def look() -> None:
        while not ended.is_set():
            publish(f"{shop.tag}_soon", 1)
            for queue in management("GET", "queues/%2F?disable_stats=true&columns=name,policy"):
                if queue["name"].startswith(shop.tag) and not queue["name"].endswith(".dlq"):
                    bare.update([] if queue.get("policy") else [queue["name"]])

    watch = threading.Thread(target=look)
    watch.start()
    yield
    ended.set()
    watch.join()
    assert not bare


def quiet(shop: Any) -> dict[str, Any]:
    """Give the plan, in which no object is added, changed, destroyed or refused, while drift says that all is well."""
    plan = shop.run("plan", "--format", "json").json()
    summary = plan["summary"]
    assert not any(summary[word] for word in ("add", "change", "destroy", "refused", "unmanaged"))
    drift = shop.run("drift")
    assert drift.code == 0, drift.out
    return dict(plan)


def test_a_newer_version_restarts_nothing_and_reports_no_drift(
    shop: Any, older: Path, management: Any, publish: Any, counted: Any, witness: Any
) -> None:
    """What it would write is a matter of its own books: the same settings for the same queues."""
    shop.declare(wide())
    with version(shop, older):
        shop.apply()
        assert shop.run("plan", "--detailed-exitcode").code == 0
    before = started(shop, witness)

    plan = quiet(shop)
    assert all(write["is_upkeep"] for write in plan["writes"])
    labelled = f"bizops.declared {shop.tag}-worker"
    assert labelled in {write["identity"] for write in plan["writes"]}
    assert f"label bizops.declared of service {shop.tag}-worker" in shop.run("drift").out
    with watched(shop, management, publish):
        shop.apply()

    assert shop.run("plan", "--detailed-exitcode").code == 0
    assert before == started(shop, witness)
    time.sleep(SOON)
    assert 0 == counted(f"{shop.tag}_soon", 0)


INHERITED = """\
HEAD
    TAG_met: {message_ttl: 1h}
kafka: {topics: {TAG.weekly: {configs: {retention.ms: 7d}}}}
"""


def inheriting(shop: Any, management: Callable[..., Any]) -> None:
    """Make a topic and a queue that have by others what the file declares of them."""
    admin = AdminClient({"bootstrap.servers": shop.addresses.bootstrap})
    topic = NewTopic(f"{shop.tag}.weekly", num_partitions=1, replication_factor=1)
    admin.create_topics([topic])[topic.topic].result()
    dead_letter = {"x-dead-letter-exchange": f"{shop.tag}_dlx"}
    dead_letter["x-dead-letter-routing-key"] = f"{shop.tag}_met"
    body = {"durable": True, "arguments": dead_letter}
    management("PUT", f"queues/%2F/{shop.tag}_met", body)
    policy = {"pattern": f"^{shop.tag}_met$", "apply-to": "queues", "priority": 0}
    policy["definition"] = {"message-ttl": 3_600_000}
    management("PUT", f"policies/%2F/{shop.tag}-ops", policy)


def test_k1_what_an_older_version_left_to_a_default_is_pinned_and_is_no_drift(
    shop: Any, older: Path, management: Any
) -> None:
    # Given a topic and a queue that have what they declare by a default and by a policy of others, and an older
    # version that takes them for done
    shop.declare(INHERITED)
    inheriting(shop, management)
    try:
        with version(shop, older):
            shop.apply()
            assert shop.run("plan", "--detailed-exitcode").code == 0

        # When this version plans
        plan = shop.run("plan", "--format", "json").json()
        drift = shop.run("drift")

        # Then all that it would write is upkeep, and drift notes it
        fields = [field for change in plan["resource_changes"] for field in change["fields"]]
        assert ["the broker's default"] == [field["pins"] for field in fields]
        (write,) = plan["writes"]
        assert write["is_upkeep"]
        assert drift.code == 0
        pinned = f"NOTE       kafka.topic/{shop.tag}.weekly pins retention.ms 7d (today the broker's default)"
        assert pinned in drift.out
        said = " ".join(drift.out.split())
        assert f"pins what {shop.tag}_met has today from policy {shop.tag}-ops" in said

        # And once it has applied, neither version has anything to do
        shop.apply()
        assert shop.run("plan", "--detailed-exitcode").code == 0
        with version(shop, older):
            assert shop.run("plan", "--detailed-exitcode").code == 0
    finally:
        management("DELETE", f"policies/%2F/{shop.tag}-ops")


@pytest.mark.long
def test_two_versions_side_by_side_do_not_fight(
    shop: Any, older: Path, management: Any, publish: Any, counted: Any, witness: Any
) -> None:
    """Whoever applied last: no queue is without its policy, no message without its TTL, and no task restarts."""
    shop.declare(wide())
    shop.apply()
    before = tasks(shop, witness)

    with watched(shop, management, publish):
        for _ in range(2):
            with version(shop, older):
                summary = shop.run("plan", "--format", "json").json()["summary"]
                assert not any(summary[word] for word in ("add", "change", "destroy", "refused"))
                shop.apply()
            quiet(shop)
            shop.apply()

    assert before == tasks(shop, witness)
    time.sleep(SOON)
    assert 0 == counted(f"{shop.tag}_soon", 0)


LEAVING = """\
bizops: 1
name: TAG
connections: {swarm: {}}
swarm:
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      stop_grace_period: 1s
      %s
      deploy: {replicas: 1, update_config: {monitor: 1s}}
"""


def user_of(shop: Any, witness: Callable[..., str]) -> str:
    template = "{{.Spec.TaskTemplate.ContainerSpec.User}}"
    return witness("docker", "service", "inspect", "-f", template, f"{shop.tag}-worker").strip()


def test_s8_the_first_plan_after_an_upgrade_resets_nothing(
    shop: Any, older: Path, witness: Any
) -> None:
    """What the older version had declared cannot be known, and what it changes beside the newer one is not ours."""
    shop.declare(LEAVING % 'user: "1000"')
    with version(shop, older):
        shop.apply()
    before = started(shop, witness)
    shop.declare(LEAVING % "")
    quiet(shop)
    shop.apply()
    assert shop.run("plan", "--detailed-exitcode").code == 0
    assert (user_of(shop, witness), started(shop, witness)) == ("1000", before)

    shop.declare(LEAVING % 'user: "2000"')
    shop.apply()
    shop.declare(LEAVING % 'user: "3000"')
    with version(shop, older):
        shop.apply()
    quiet(shop)
    shop.declare(LEAVING % "")
    said = " ".join(shop.apply().out.split())
    assert "user left the file and was changed by others since: it stays" in said
    assert user_of(shop, witness) == "3000"


@pytest.mark.long
def test_s8_two_versions_do_not_fight_over_what_left_the_file(
    shop: Any, older: Path, witness: Any
) -> None:
    """The older one leaves it, the newer one takes it away, once."""
    shop.declare(LEAVING % 'user: "1000"')
    shop.apply()
    shop.declare(LEAVING % "")
    with version(shop, older):
        shop.apply()
    assert user_of(shop, witness) == "1000"
    shop.apply()
    assert not user_of(shop, witness)
    with version(shop, older):
        assert shop.run("plan", "--detailed-exitcode").code == 0
        shop.apply()
    assert shop.run("plan", "--detailed-exitcode").code == 0


SLOW = """\
HEAD
    TAG_q: {message_ttl: 1h}
swarm:
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      environment: {RUN: "%d"}
      stop_grace_period: 1s
      deploy: {replicas: 1, update_config: {monitor: 12s}}
"""


@pytest.mark.long
@pytest.mark.parametrize("is_older_first", [True, False])
def test_while_one_version_applies_the_other_does_not(
    shop: Any, older: Path, management: Any, is_older_first: bool
) -> None:
    """The lock is the same for both, whatever it is made of."""
    first, second = (older, ROOT) if is_older_first else (ROOT, older)
    shop.declare(SLOW % 1)
    shop.apply()
    shop.declare(SLOW % 2)
    with version(shop, first):
        begun = shop.start("apply", "--auto-approve")
    lock = f"bizops.lock.{shop.tag}"
    while lock not in {q["name"] for q in management("GET", "queues/%2F?disable_stats=true")}:
        assert begun.poll() is None
        time.sleep(0.1)
    shop.declare(SLOW % 3)

    with version(shop, second):
        refused = shop.run("apply", "--auto-approve", "--lock-timeout", "1")

    assert refused.code == 1
    assert "lock" in refused.err
    out, err = begun.communicate(timeout=120)
    assert begun.returncode == 0, out + err
