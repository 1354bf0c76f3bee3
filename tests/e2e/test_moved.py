"""What others do between the plan and the consent: a plan that was agreed to is carried out, or nothing is (S3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from bizops import errors
from bizops.applier import Listener, Stop, Timing
from bizops.cli import lock
from bizops.cli.workflow import ApplyOptions, PlanOptions
from bizops.guard import Consents
from bizops.planner import Targeting

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.integration

PRUNE = PlanOptions(Targeting(prune=True), Consents(("*",), max_deletes=9))
UNLOCKED = ApplyOptions(Listener(), Stop(), Timing(), lock.LockOptions(is_wanted=False))
SERVICE = """\
bizops: 1
name: TAG
connections: {swarm: {}}
swarm:
  services:
    TAG-s:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      stop_grace_period: 1s
      environment: {API_TOKEN: "%s"}
      deploy: {replicas: 0}
"""
SECRETS = """\
bizops: 1
name: TAG
connections: {swarm: {}}
swarm:
  secrets: {%s}
"""
QUEUES = """\
HEAD
    TAG_new: %s
"""
TOPICS = """\
bizops: 1
name: TAG
connections: {kafka: {bootstrap.servers: "BOOTSTRAP"}}
kafka:
  owns: {topics: ["TAG.*"]}
  topics: {%s}
"""


def movement(shop: Any, act: Callable[[], object], question: PlanOptions | None = None) -> str:
    """Plan, let others act, apply what was agreed to, and give the words of the refusal."""
    workflow = shop.workflow()
    try:
        asked = question or PlanOptions()
        planned = workflow.plan(asked)
        assert not planned.plan.is_empty
        assert not planned.plan.refusals, planned.plan.refusals
        act()
        with pytest.raises(errors.StalePlanError) as refused:
            workflow.apply(planned, asked, UNLOCKED)
        return str(refused.value)
    finally:
        workflow.close()


def test_s3_a_service_that_others_started_anew_has_moved(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    """The tasks that were to be replaced are others now, and would be started twice."""
    shop.declare(SERVICE % "one")
    shop.apply()
    shop.declare(SERVICE % "two")

    def act() -> None:
        witness("docker", "service", "update", "--force", "--detach", f"{tag}-s")

    assert f"(swarm.service/{tag}-s)" in movement(shop, act)


def test_s3_a_restart_that_others_had_already_is_not_done_again(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    shop.declare(SERVICE % "one")
    shop.apply()

    def act() -> None:
        witness("docker", "service", "update", "--force", "--detach", f"{tag}-s")

    restart = PlanOptions(Targeting(restart=(f"swarm.service/{tag}-s",)))
    assert f"(swarm.service/{tag}-s)" in movement(shop, act, restart)


def test_a_hidden_value_that_others_changed_has_moved(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    """The digest, which is printed, knows values that are hidden only as equal or different."""
    shop.declare(SERVICE % "one")
    shop.apply()
    shop.declare(SERVICE % "two")

    def act() -> None:
        words = ("--env-add", "API_TOKEN=three", "--detach", f"{tag}-s")
        witness("docker", "service", "update", *words)

    assert f"(swarm.service/{tag}-s)" in movement(shop, act)


def rename_a_secret(shop: Any) -> None:
    """Leave the shop with a secret that its file calls otherwise by now."""
    shop.env = {"VALUE": "made-up"}
    shop.declare(SECRETS % "TAG-old: {environment: VALUE}")
    shop.apply()
    shop.declare(SECRETS % "TAG-new: {environment: VALUE}")


def test_a_secret_that_others_made_anew_under_its_name_has_moved(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    rename_a_secret(shop)

    def act() -> None:
        witness("docker", "secret", "rm", f"{tag}-old")
        label = f"bizops.topology={tag}"
        witness("docker", "secret", "create", "--label", label, f"{tag}-old", "/etc/hostname")

    assert f"swarm.secret/{tag}-old" in movement(shop, act, PRUNE)
    assert f"{tag}-old" in witness("docker", "secret", "ls", "--format", "{{.Name}}").split()


def test_a_network_that_others_made_anew_under_its_name_has_moved(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    text = SECRETS.replace("secrets", "networks")
    shop.declare(text % "TAG-old: {}")
    shop.apply()
    shop.declare(text % "TAG-new: {}")

    def act() -> None:
        witness("docker", "network", "rm", f"{tag}-old")
        label = f"bizops.topology={tag}"
        witness("docker", "network", "create", "-d", "overlay", "--label", label, f"{tag}-old")

    assert f"swarm.network/{tag}-old" in movement(shop, act, PRUNE)


def test_a_secret_that_a_service_of_others_begins_to_use_has_moved(
    shop: Any, tag: str, witness: Callable[..., str]
) -> None:
    rename_a_secret(shop)

    def act() -> None:
        words = ("--name", f"{tag}-theirs", "--replicas", "0", "--secret", f"{tag}-old", "--detach")
        witness("docker", "service", "create", *words, "busybox")

    try:
        assert f"swarm.secret/{tag}-old" in movement(shop, act, PRUNE)
    finally:
        witness("docker", "service", "rm", f"{tag}-theirs")


@pytest.mark.parametrize(
    "made", [{"durable": True, "arguments": {"x-queue-type": "quorum"}}, {"durable": False}]
)
def test_a_queue_that_others_made_anew_as_another_one_has_moved(
    shop: Any, tag: str, management: Callable[..., Any], made: dict[str, Any]
) -> None:
    """RabbitMQ gives queues no id: one that was made anew with equal arguments cannot be told from the old one."""
    shop.declare((QUEUES % "{}").replace("TAG_new", "TAG_old"))
    shop.apply()
    shop.declare(QUEUES % "{}")

    def act() -> None:
        management("DELETE", f"queues/%2F/{tag}_old")
        management("PUT", f"queues/%2F/{tag}_old", made)

    assert f"rabbitmq.queue/{tag}_old" in movement(shop, act, PRUNE)


def test_a_policy_of_others_that_begins_to_match_has_moved(
    shop: Any, tag: str, management: Callable[..., Any]
) -> None:
    shop.declare(QUEUES % "{message_ttl: 1h}")
    shop.apply()
    shop.declare(QUEUES % "{message_ttl: 2h}")
    policy = {"pattern": f"^{tag}_new$", "definition": {"max-length": 5}, "priority": 100}

    def act() -> None:
        management("PUT", f"policies/%2F/{tag}-theirs", policy)

    try:
        assert f"rabbitmq.queue/{tag}_new" in movement(shop, act)
    finally:
        management("DELETE", f"policies/%2F/{tag}-theirs")


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_topic_that_others_made_anew_under_its_name_has_moved(
    shop: Any, tag: str, *, is_deleted: bool
) -> None:
    """Its id is another one, though all settings are equal."""
    admin = AdminClient({"bootstrap.servers": shop.addresses.bootstrap})
    text = TOPICS.replace("BOOTSTRAP", shop.addresses.bootstrap)
    shop.declare(
        text % "TAG.t: {partitions: 1, replication_factor: 1, configs: {retention.ms: 7d}}"
    )
    shop.apply()
    entry = "TAG.u" if is_deleted else "TAG.t"
    shop.declare(
        text % f"{entry}: {{partitions: 1, replication_factor: 1, configs: {{retention.ms: 1d}}}}"
    )
    name = f"{tag}.t"

    def act() -> None:
        admin.delete_topics([name], operation_timeout=20)[name].result()
        configs = {"retention.ms": str(7 * 24 * 3600 * 1000)}
        made = NewTopic(name, num_partitions=1, replication_factor=1, config=configs)
        admin.create_topics([made], operation_timeout=20)[name].result()

    assert f"kafka.topic/{name}" in movement(shop, act, PRUNE)
