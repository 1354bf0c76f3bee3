"""What a user would do on the first day, each against the real servers and checked by those servers' own tools."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytestmark = pytest.mark.integration

SMALL = """\
HEAD
    TAG_orders: {max_priority: 10, message_ttl: 1h}
    TAG_mail: {max_priority: 5, message_ttl: 1h}
kafka:
  owns: {topics: ["TAG.*"]}
  topics:
    TAG.orders: {partitions: 3, replication_factor: 2, configs: {retention.ms: 7d}}
swarm:
  networks: {NETWORK: {external: true}}
  services:
    TAG-worker:
      image: PLACEHOLDER:1
      command: [sleep, infinity]
      networks: [NETWORK]
      environment: {QUEUE_NAME: TAG_orders}
      stop_grace_period: 1s
      deploy: {replicas: 2}
"""


def test_the_seed_topology_is_applied_and_the_systems_themselves_say_so(
    seed: Any, witness: Any, rabbitmq: Any, servers: Any
) -> None:
    """22 queues and 5 for the workers, 13 topics, 3 services with 14 replicas; then nothing to do, and no drift."""
    seed.apply()

    tag = seed.tag
    queues = rabbitmq.run("rabbitmqctl", "-q", "list_queues", "name", "arguments", "policy")
    mine = [line for line in queues.splitlines() if line.startswith((f"{tag}_", f"{tag}."))]
    assert len(mine) == 22 + 6
    orders = next(line for line in mine if line.startswith(f"{tag}_auto_orders\t"))
    assert '{"x-max-priority",10}' in orders
    assert f"bizops.{tag}." in orders
    ttl = json.loads(rabbitmq.run("rabbitmqctl", "-q", "list_policies", "--formatter", "json"))
    assert {3_600_000} == {
        json.loads(policy["definition"])["message-ttl"]
        for policy in ttl
        if policy["name"] == orders.split("\t")[-1]
    }
    topics = servers["kafka-1"].run("kafka-topics", "--describe")
    described = [
        line
        for line in topics.splitlines()
        if line.startswith(f"Topic: {tag}.") and "PartitionCount" in line
    ]
    assert len(described) == 13
    assert all("ReplicationFactor: 2" in line for line in described)
    assert all("retention.ms=604800000" in line for line in described)
    services = witness("docker", "service", "ls", "--format", "{{.Name}} {{.Replicas}}")
    assert {
        f"{tag}-agent-orders 4/4",
        f"{tag}-agent-support 6/6",
        f"{tag}-agent-marketing 4/4",
    } == {line for line in services.splitlines() if line.startswith(tag)}
    second = seed.run("plan", "--detailed-exitcode")
    assert second.code == 0, second.out
    assert seed.run("drift").code == 0


def test_a_longer_ttl_is_one_change_in_place_that_loses_no_message(
    shop: Any, publish: Any, counted: Any
) -> None:
    """From 1 h to 2 h with a hundred messages in the queue: all of them are there afterwards."""
    shop.declare(SMALL)
    shop.apply()
    publish(f"{shop.tag}_orders", 100)
    assert counted(f"{shop.tag}_orders", 100) == 100
    shop.declare(
        SMALL.replace("max_priority: 10, message_ttl: 1h", "max_priority: 10, message_ttl: 2h")
    )

    planned = shop.run("plan")
    shop.apply()

    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned.out
    assert "1h -> 2h" in planned.out
    assert "100" in planned.out
    assert counted(f"{shop.tag}_orders", 100) == 100
    assert shop.run("drift").code == 0


def test_drift_names_what_was_done_by_hand_and_apply_repairs_what_is_declared(
    shop: Any, management: Any, witness: Any, servers: Any
) -> None:
    """A lost binding, a stray queue, a scaled service, another retention: all four, and the stray only with --prune."""
    shop.declare(SMALL)
    shop.apply()
    tag = shop.tag
    management("DELETE", f"bindings/%2F/e/{tag}_dlx/q/{tag}_orders.dlq/{tag}_orders")
    management("PUT", f"queues/%2F/{tag}_stray", {"durable": True})
    witness("docker", "service", "scale", "--detach=false", f"{tag}-worker=1")
    servers["kafka-1"].run("kafka-configs", "--alter", "--entity-type", "topics", "--entity-name",
                           f"{tag}.orders", "--add-config", "retention.ms=3600000")  # fmt: skip

    drifted = shop.run("drift")

    assert drifted.code == 2, drifted.out + drifted.err
    lines = {line.split()[0]: line for line in drifted.out.splitlines() if tag in line}
    assert f"{tag}_dlx:{tag}_orders:{tag}_orders.dlq" in lines["MISSING"]
    assert f"{tag}_stray" in lines["UNMANAGED"]
    assert "deploy.replicas declared 2, live 1" in drifted.out
    assert "declared 7d, live 1h" in drifted.out

    shop.apply()

    again = shop.run("drift")
    assert again.code == 2
    assert f"{tag}_stray" in again.out
    assert "CHANGED" not in again.out
    assert "MISSING" not in again.out
    shop.apply("--prune")
    assert shop.run("drift").code == 0


def test_a_system_that_is_down_is_reported_and_never_taken_for_empty(shop: Any) -> None:
    """Nothing answers for RabbitMQ: exit 3, the other two are compared, and nothing is said of creating queues."""
    shop.declare(SMALL)
    shop.apply()
    shop.env = {"BROKER": "http://127.0.0.1:1"}

    drifted = shop.run("drift")
    planned = shop.run("plan")
    status = shop.run("status")
    applied = shop.run("apply", "--auto-approve")

    assert (3, 3) == (drifted.code, planned.code)
    assert "NOT READ" in drifted.out
    assert "MISSING" not in drifted.out
    assert "+ rabbitmq" not in planned.out
    assert "127.0.0.1:1" in planned.err
    assert status.code == 3
    assert re.search(r"^rabbitmq +not read$", status.out, re.MULTILINE)
    assert re.search(r"^kafka +3 brokers", status.out, re.MULTILINE)
    assert applied.code == 3
    others = shop.run("plan", "--target", "kafka.*", "--target", "swarm.*")
    assert others.code == 0, others.out + others.err


def test_a_typo_points_at_its_place_and_offers_the_right_name(shop: Any) -> None:
    """The message has file, line, column, the line itself and what was meant."""
    shop.declare(
        "bizops: 1\nname: TAG\nrabbitmq:\n  queues:\n    TAG_orders: {max_priority: 10, ttl: 1h}\n"
    )

    found = shop.run("validate")
    shop.file.unlink()

    assert found.code == 1
    column = len(f"    {shop.tag}_orders: {{max_priority: 10, ") + 1
    assert f"topology.yaml:5:{column}: rabbitmq.queue/{shop.tag}_orders: " in found.err
    assert "ttl: unknown key" in found.err
    assert "message_ttl" in found.err
    assert "^^^" in found.err


def test_a_limit_that_would_drop_messages_is_refused_until_it_is_named(
    shop: Any, publish: Any, counted: Any
) -> None:
    """max_length 10 on a queue that holds a hundred."""
    shop.declare(SMALL)
    shop.apply()
    queue = f"{shop.tag}_orders"
    publish(queue, 100)
    assert counted(queue, 100) == 100
    shop.declare(SMALL.replace("max_priority: 10,", "max_priority: 10, max_length: 10,"))

    refused = shop.run("apply", "--auto-approve")

    assert refused.code == 1
    assert f"--allow-data-loss rabbitmq.queue/{queue}" in refused.out + refused.err
    assert counted(queue, 100) == 100
    shop.apply("--allow-data-loss", f"rabbitmq.queue/{queue}")
    assert counted(queue, 10) == 10


def test_a_service_without_our_label_is_refused_until_it_is_adopted(
    shop: Any, witness: Any, addresses: Any
) -> None:
    """Adoption writes the label and restarts nothing."""
    name = f"{shop.tag}-worker"
    witness("docker", "service", "create", "--detach=false", "--name", name, "--network", addresses.network,
            "--replicas", "2", "--env", f"QUEUE_NAME={shop.tag}_orders", "--stop-grace-period", "1s",
            "--no-resolve-image", f"{addresses.registry}/bizops/placeholder:1", "sleep", "infinity")  # fmt: skip
    tasks = witness("docker", "service", "ps", "-q", name)
    try:
        shop.declare(SMALL)
        refused = shop.run("apply", "--auto-approve")
        assert refused.code == 1
        assert f"--adopt swarm.service/{name}" in refused.out + refused.err

        shop.apply("--adopt", f"swarm.service/{name}")

        label = witness("docker", "service", "inspect", "--format", "{{json .Spec.Labels}}", name)
        assert shop.tag == json.loads(label)["bizops.topology"]
        assert tasks == witness("docker", "service", "ps", "-q", name)
    finally:
        if shop.run("drift").code != 0:
            witness("docker", "service", "rm", name)
