"""The label that tells which settings of a service were declared last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bizops.providers.swarm.compose.services import ports
from bizops.providers.swarm.compose.services.service import Service
from bizops.providers.swarm.spec.field_codecs import Names
from bizops.providers.swarm.spec.field_table import DECLARED, OWNER
from bizops.providers.swarm.spec.spec_edit import blank, changed, owned
from bizops.providers.swarm.state import last_declared, live_settings
from bizops.quantity import Duration
from bizops.resource import Address, Field, Lifecycle, Path, Resource

TOPOLOGY = "shop"
NAMES = Names(networks={"bus": "1"}, secrets={"pw": "2"})
FULL: dict[str, Any] = {
    "image": "worker:1",
    "environment": {"A": "1", "API_KEY": "s3cret-value"},
    "networks": {"bus": {"aliases": ["db"]}},
    "secrets": ["pw"],
    "labels": {"a.b": "c"},
    "ports": ["8080:80"],
    "stop_grace_period": "10s",
    "deploy": {"replicas": 3, "update_config": {"max_failure_ratio": 0.5, "delay": "1s"}},
}


def service(*ignored: str, **settings: Any) -> Resource:
    address = Address("swarm", "service", ("worker",))
    spec = Service.model_validate(settings)
    return Resource(address, spec, lifecycle=Lifecycle(ignore_changes=ignored))


def label(resource: Resource) -> str:
    return last_declared.label(resource, {}, TOPOLOGY, {})


def written(resource: Resource) -> dict[str, Any]:
    """Give the spec that bizops writes for a service."""
    spec = changed(blank("worker"), resource.spec.fields(), NAMES)
    return owned(spec, TOPOLOGY, label(resource))


def observed(spec: dict[str, Any], resource: Resource) -> tuple[tuple[Path, Field], ...]:
    record = last_declared.recorded(spec, TOPOLOGY) or {}
    found = live_settings.fields(spec, NAMES, None)
    return last_declared.marked(found, record, resource.spec.fields(), TOPOLOGY, {})


def ours(spec: dict[str, Any], resource: Resource) -> set[str]:
    return {".".join(path) for path, field in observed(spec, resource) if field.ours}


def notes(spec: dict[str, Any], resource: Resource) -> list[str]:
    record = last_declared.recorded(spec, TOPOLOGY) or {}
    return list(
        last_declared.notes(dict(observed(spec, resource)), record, resource.spec.fields(), {})
    )


def test_s8_all_that_is_declared_is_known_again_by_what_is_live() -> None:
    """But what is the engine's default anyway, and what is handed over."""
    spec = written(service(**FULL))
    bare = service(image="worker:1")
    assert ours(spec, bare) == {
        "deploy.update_config.delay", "deploy.update_config.max_failure_ratio", "environment.A",
        "environment.API_KEY", "labels.a.b", "networks", "networks.bus.aliases", "ports", "secrets",
    }  # fmt: skip
    assert notes(spec, bare) == ["deploy.replicas left the file and is handed over: 3 stays"]


def test_s8_the_label_is_short_and_holds_no_value() -> None:
    text = label(service(**FULL))
    assert "s3cret" not in text
    assert "8080" not in text
    assert len(text) < 400
    many = service(image="w", environment={f"A_VARIABLE_{n}": str(n) for n in range(100)})
    assert len(label(many)) < 100 * 30


def test_s8_what_is_ignored_and_the_image_are_not_recorded() -> None:
    text = label(service("environment", "deploy.update_config.delay", **FULL))
    tree = json.loads(text)
    assert "environment" not in tree
    assert "image" not in tree
    assert set(tree["deploy"]["update_config"]) == {"max_failure_ratio"}


def test_s8_a_digest_of_an_older_value_takes_nothing_away() -> None:
    """An older bizops changed the value and left the label as it was."""
    spec = written(service(image="worker:1", user="1000"))
    spec["TaskTemplate"]["ContainerSpec"]["User"] = "2000"
    bare = service(image="worker:1")
    assert ours(spec, bare) == set()
    assert notes(spec, bare) == ["user left the file and was changed by others since: it stays"]


def test_s8_the_label_of_another_topology_says_nothing() -> None:
    spec = written(service(**FULL))
    spec["Labels"][OWNER] = "other"
    assert last_declared.recorded(spec, TOPOLOGY) is None


def test_s8_what_another_topology_declared_is_not_reset_by_who_adopts_it_with_an_older_version() -> (
    None
):
    """That leaves the label of the topology before, and writes the name of its own."""
    theirs = service(image="worker:1", user="1000")
    spec = changed(blank("worker"), theirs.spec.fields(), NAMES)
    spec = owned(spec, TOPOLOGY, last_declared.label(theirs, {}, "other", {}))
    assert ours(spec, service(image="worker:1")) == set()


def test_s8_a_map_that_is_owned_whole_needs_no_note() -> None:
    """Its keys go anyhow, whoever wrote them."""
    spec = written(service(image="worker:1", environment={"A": "1", "B": "2"}))
    spec["TaskTemplate"]["ContainerSpec"]["Env"] = ["A=1", "B=3"]
    assert notes(spec, service(image="worker:1", environment={"A": "1"})) == []


def test_s8_the_label_is_no_setting() -> None:
    spec = written(service(**FULL))
    found = live_settings.settings(spec, NAMES)
    assert not any(DECLARED in path for path in found)


def test_s8_a_value_that_was_listed_as_sensitive_stays_hidden() -> None:
    hidden = service(image="w:1", environment={"HARMLESS": "s3cret"}, sensitive=["HARMLESS"])
    fields = dict(observed(written(hidden), service(image="w:1")))
    assert "s3cret" not in repr(fields["environment", "HARMLESS"])
    assert fields["environment", "HARMLESS"].ours


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", '{"user":5}', '{"user":{"x":{}}}', '{"a":' * 3000, "[" * 3000]
)
def test_s8_a_label_that_nobody_can_read_says_nothing(text: str) -> None:
    spec = written(service(image="w:1", user="1000"))
    spec["Labels"][DECLARED] = text
    assert ours(spec, service(image="w:1")) == set()
    assert notes(spec, service(image="w:1")) == []


def test_s8_a_label_that_is_very_deep_says_nothing() -> None:
    spec = written(service(image="w:1", user="1000"))
    spec["Labels"][DECLARED] = '{"a":' * 900 + '"x"' + "}" * 900
    assert ours(spec, service(image="w:1")) == set()


def test_a_port_that_was_secret_is_hidden_and_still_one_that_nobody_else_may_have() -> None:
    resource = replace(service(ports=["8087:80"]), hidden=frozenset({("ports", "0")}))
    now = service(ports=["8088:80"])
    record = last_declared.recorded(written(resource), TOPOLOGY) or {}
    found = live_settings.fields(written(resource), NAMES, None)
    shown = dict(last_declared.marked(found, record, now.spec.fields(), TOPOLOGY, {}))
    assert "8087" not in repr(shown["ports",])
    assert ports.published(shown["ports",].value) == {"port 8087/tcp"}


def test_what_the_image_says_comes_into_force_where_a_health_check_says_nothing() -> None:
    """The engine takes 0 for the image's value, so 0 would be no truth."""
    spec = written(service(healthcheck={"test": "true", "interval": "30s"}, stop_grace_period="1s"))
    found = dict(observed(spec, service(healthcheck={"test": "true"})))
    assert found["healthcheck", "interval"].ours
    assert found["healthcheck", "interval"].default is None
    assert found["stop_grace_period",].default == Duration.parse("10s")
