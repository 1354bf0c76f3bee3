"""The topology that is shipped, and its environments."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from bizops import errors, topology
from bizops.topology.tree import parsing

if TYPE_CHECKING:
    from bizops.topology import Topology

ROOT = Path(__file__).parents[3]
QUEUES = {
    "auto_orders": (10, "1h"),
    "auto_support_tickets": (10, "2h"),
    "auto_inventory": (5, "30m"),
    "auto_marketing": (5, "4h"),
    "auto_seo": (5, "2h"),
    "auto_social_media": (5, "1h"),
    "auto_email_campaigns": (5, "2h"),
    "auto_analytics": (3, "4h"),
    "hitl_approval": (10, "1d"),
    "hitl_exceptions": (10, "12h"),
    "hitl_training": (5, "7d"),
}
TOPICS = {
    "domain.orders": 3,
    "domain.customers": 3,
    "domain.products": 3,
    "domain.leads": 2,
    "domain.content": 2,
    "ai.decisions": 3,
    "ai.completions": 3,
    "ai.errors": 2,
    "hitl.requests": 2,
    "hitl.decisions": 2,
    "hitl.feedback": 2,
    "audit.trail": 5,
    "analytics.metrics": 3,
}
TIERS = {"retry.5s": "5s", "retry.30s": "30s", "retry.2m": "2m", "retry.10m": "10m"}
OUTBOX = "events.outbox"
SERVICES = {
    "agent-orders": (4, "auto_orders", "order"),
    "agent-support": (6, "auto_support_tickets", "support"),
    "agent-marketing": (4, "auto_marketing", "marketing"),
}


def _loaded(environment: str | None = None, **variables: str) -> Topology:
    return topology.load(
        ["topology/bizosaas.yaml"], environment=environment, variables=variables, directory=ROOT
    )


def _fields(found: Topology, kind: str) -> dict[str, dict[tuple[str, ...], Any]]:
    return {
        resource.address.name: resource.spec.fields()
        for resource in found.resources
        if f"{resource.address.provider}.{resource.address.kind}" == kind
    }


def test_the_seed_declares_all_that_the_deployment_needs() -> None:
    """22 queues and their exchange, 6 for the workers, 13 topics, 3 services on the platform's network."""
    found = _loaded()

    counts = Counter(f"{r.address.provider}.{r.address.kind}" for r in found.resources)
    assert counts == {
        "rabbitmq.exchange": 1 + len(TIERS),
        "rabbitmq.queue": 22 + 6,
        "rabbitmq.binding": 11 + len(TIERS),
        "kafka.topic": 13,
        "swarm.network": 1,
        "swarm.secret": 2,
        "swarm.service": 3,
    }
    assert found.name == "bizosaas-agents"
    assert found.warnings == ()
    assert [str(r.address) for r in found.resources if r.external] == [
        "swarm.network/dokploy-network"
    ]


def test_the_queues_have_their_priorities_and_times_to_live() -> None:
    """Each queue of agents and of people, and a dead-letter queue beside each."""
    queues = {
        name: fields
        for name, fields in _fields(_loaded(), "rabbitmq.queue").items()
        if name not in {*TIERS, OUTBOX, f"{OUTBOX}.dlq"}
    }

    declared = {
        name: (fields[("max_priority",)], str(fields[("message_ttl",)]))
        for name, fields in queues.items()
        if not name.endswith(".dlq")
    }
    assert declared == QUEUES
    assert set(queues) == set(QUEUES) | {f"{name}.dlq" for name in QUEUES}
    assert {fields.get(("dead_letter", "exchange")) for name, fields in queues.items()} == {
        "dlx",
        None,
    }


def test_a_retry_tier_leads_back_to_where_a_task_came_from() -> None:
    """Its dead letters go to the queue that their routing key names; a fanout and no key of its own keep that.

    And they are not forgotten before they are there.
    """
    found = _loaded()
    queues, exchanges = _fields(found, "rabbitmq.queue"), _fields(found, "rabbitmq.exchange")

    for name, ttl in TIERS.items():
        assert str(queues[name][("message_ttl",)]) == ttl
        assert queues[name][("dead_letter", "exchange")] == ""
        assert ("dead_letter", "routing_key") not in queues[name]
        assert queues[name][("type",)] == "quorum"
        assert queues[name][("dead_letter", "strategy")] == "at-least-once"
        assert queues[name][("overflow",)] == "reject-publish"
        assert exchanges[name][("type",)] == "fanout"
        (tier,) = [
            r for r in found.resources if r.address.kind == "queue" and r.address.name == name
        ]
        assert tier.spec.settings_in == "arguments"  # type: ignore[attr-defined]
    assert queues[OUTBOX] == {("type",): "classic", ("single_active_consumer",): True}


def test_the_topics_have_their_partitions_copies_and_retention() -> None:
    """Two copies of everything, kept for a week."""
    topics = _fields(_loaded(), "kafka.topic")

    assert {name: fields[("partitions",)] for name, fields in topics.items()} == TOPICS
    assert {fields[("replication_factor",)] for fields in topics.values()} == {2}
    assert {str(fields[("configs", "retention.ms")]) for fields in topics.values()} == {"7d"}


def test_the_services_have_their_replicas_and_queues() -> None:
    """Fourteen tasks of one image, each service on a queue that it needs."""
    found = _loaded()
    services = _fields(found, "swarm.service")

    assert {
        name: (
            fields[("deploy", "replicas")],
            fields[("environment", "QUEUE_NAME")],
            fields[("command",)][-1],
        )
        for name, fields in services.items()
    } == SERVICES
    for name, (_, queue, _) in SERVICES.items():
        assert services[name][("environment", "TASK_TTL")] == QUEUES[queue][1]
    assert {fields[("image",)] for fields in services.values()} == {
        "ghcr.io/bizoholic-digital/bizosaas-agent-workers:latest"
    }
    needs = {r.address.name: [str(need) for need in r.needs] for r in found.resources}
    assert needs["agent-orders"] == [
        "rabbitmq.queue/auto_orders",
        "swarm.network/dokploy-network",
        "swarm.secret/openai_api_key",
        "swarm.secret/rabbitmq_pass",
    ]


@pytest.mark.parametrize(
    ("variables", "image"),
    [
        ({"IMAGE_TAG": "1.4.2"}, "ghcr.io/bizoholic-digital/bizosaas-agent-workers:1.4.2"),
        ({"WORKER_IMAGE": "127.0.0.1:5000/workers:3"}, "127.0.0.1:5000/workers:3"),
    ],
)
def test_the_image_or_its_tag_alone_can_be_chosen(variables: dict[str, str], image: str) -> None:
    """A release is another tag, a local build another image."""
    services = _fields(_loaded(**variables), "swarm.service")

    assert {fields[("image",)] for fields in services.values()} == {image}


def test_production_asks_for_its_password() -> None:
    """The guest of a local broker must never be tried there."""
    with pytest.raises(errors.TopologyError) as caught:
        _loaded("production")

    (fault,) = caught.value.faults
    assert "RABBITMQ_PASS" in fault

    found = _loaded("production", RABBITMQ_PASS="not-guest")
    assert "not-guest" in found.secrets
    assert "not-guest" not in repr(found)
    assert found.connections["rabbitmq"].username == "admin"  # type: ignore[attr-defined]


def test_every_other_environment_loads_as_it_is() -> None:
    """Staging keeps a day and runs one task of each; the demonstration asks a stub instead of a model."""
    staging = _loaded("staging")
    assert {
        str(fields[("configs", "retention.ms")])
        for fields in _fields(staging, "kafka.topic").values()
    } == {"1d"}
    assert {
        fields[("deploy", "replicas")] for fields in _fields(staging, "swarm.service").values()
    } == {1}

    demo = _fields(_loaded("demo"), "swarm.service")
    assert {fields[("environment", "LLM_BASE_URL")] for fields in demo.values()} == {
        "http://llm:8089/v1"
    }
    assert {name: fields[("deploy", "replicas")] for name, fields in demo.items()} == {
        name: replicas for name, (replicas, _, _) in SERVICES.items()
    }


def test_a_yaml_without_its_c_library_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML may be built without libyaml: then loading is slower, and nothing else."""
    fast = _loaded("demo")

    monkeypatch.setattr(parsing, "_Parser", yaml.SafeLoader)

    assert _loaded("demo") == fast
