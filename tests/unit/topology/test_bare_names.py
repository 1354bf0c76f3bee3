"""Names without a value, as Compose files have them (A2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops.resource import Secret

if TYPE_CHECKING:
    from tests.unit.topology.conftest import Folder

SHELL = {"TZ": "Europe/Berlin", "API_TOKEN": "pepper-cobalt-vault", "DSN": "db://u:zebra9@h/"}


def _environment(folder: Folder, text: str, *files: str, **variables: str) -> dict[str, Any]:
    folder.write("bizops.yaml", text)
    found = folder.load("bizops.yaml", *files, variables=variables or SHELL)
    (service,) = (r for r in found.resources if r.address.kind == "service")
    fields = service.spec.fields().items()
    return {path[1]: value for path, value in fields if path[0] == "environment"}


@pytest.mark.parametrize("form", ["{TZ: , LEVEL: info, MISSING: }", "[TZ, LEVEL=info, MISSING]"])
def test_a2_a_variable_without_a_value_has_that_of_the_shell(folder: Folder, form: str) -> None:
    """One that is not set is left out, as in Compose."""
    text = f"swarm: {{services: {{web: {{image: e:1, environment: {form}}}}}}}\n"
    assert _environment(folder, text) == {"TZ": "Europe/Berlin", "LEVEL": "info"}


@pytest.mark.parametrize("form", ["{API_TOKEN: , DSN: }", "[API_TOKEN, DSN]"])
def test_a2_a_secret_that_is_passed_on_is_known(folder: Folder, form: str) -> None:
    folder.write(
        "bizops.yaml", f"swarm: {{services: {{web: {{image: e:1, environment: {form}}}}}}}\n"
    )
    found = folder.load(variables=SHELL)
    assert {SHELL["API_TOKEN"], "zebra9"} <= found.secrets


def test_a2_a_name_alone_takes_the_default_away(folder: Folder) -> None:
    """There is something beneath it, so it removes that."""
    text = """\
swarm:
  service_defaults: {environment: {TZ: UTC, LEVEL: info}}
  services: {web: {image: e:1, environment: {TZ: }}}
"""
    assert _environment(folder, text) == {"LEVEL": "info"}


def test_a2_a_default_may_be_passed_on_as_well(folder: Folder) -> None:
    text = """\
swarm:
  service_defaults: {environment: {TZ: }}
  services: {web: {image: e:1}}
"""
    assert _environment(folder, text) == {"TZ": "Europe/Berlin"}


def test_a2_a_name_alone_in_a_later_file_removes_the_variable(folder: Folder) -> None:
    over = "swarm: {services: {web: {environment: {TZ: }}}}\n"
    folder.write("over.yaml", over, head="")
    text = "swarm: {services: {web: {image: e:1, environment: {TZ: UTC, A: '1'}}}}\n"
    assert _environment(folder, text, "over.yaml") == {"A": "1"}


@pytest.mark.parametrize("item", ['"${TZ}"', '"=x"', '"a b"', '"1x"'])
def test_a2_what_is_no_name_in_the_list_is_a_fault(folder: Folder, item: str) -> None:
    folder.write(
        "bizops.yaml", f"swarm: {{services: {{web: {{image: e:1, environment: [{item}]}}}}}}\n"
    )
    assert "environment" in folder.faults(variables=SHELL)


def test_a2_networks_secrets_and_services_may_be_named_alone(folder: Folder) -> None:
    folder.write(
        "bizops.yaml",
        """\
swarm:
  networks:
    front:
    back:
  service_defaults: {image: "example:1"}
  services:
    web: {networks: {front: , back: {aliases: [b]}}}
    api:
rabbitmq:
  queues:
    orders:
kafka:
  topic_defaults: {partitions: 3}
  topics:
    domain.orders:
connections: {kafka: {bootstrap.servers: "k:9092"}}
""",
    )
    found = {str(r.address): r.spec.fields() for r in folder.load().resources}
    assert found["swarm.service/web"]["networks",] == ("back", "front")
    assert {"swarm.network/front", "swarm.service/api", "rabbitmq.queue/orders"} <= found.keys()
    assert found["kafka.topic/domain.orders"]["partitions",] == 3


@pytest.mark.parametrize("kind", ["networks", "secrets"])
def test_a2_external_takes_a_name(folder: Folder, kind: str) -> None:
    folder.write("bizops.yaml", f"swarm: {{{kind}: {{one: {{external: {{name: other}}}}}}}}\n")
    (resource,) = folder.load().resources
    assert resource.external
    assert getattr(resource.spec, "name") == "other"  # noqa: B009 - of this kind's own spec


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("external: {name: other}, name: one", "it has two names"),
        ("external: {named: other}", "external"),
        ("external: {name: [1]}", "external"),
        ("external: {name: other}, driver: overlay", "remove driver"),
    ],
)
def test_a2_a_wrong_external_is_a_fault(folder: Folder, setting: str, words: str) -> None:
    folder.write("bizops.yaml", f"swarm: {{networks: {{one: {{{setting}}}}}}}\n")
    assert words in folder.faults()


def test_a2_a_hidden_variable_stays_hidden(folder: Folder) -> None:
    text = "swarm: {services: {web: {image: e:1, environment: [API_TOKEN]}}}\n"
    assert _environment(folder, text) == {"API_TOKEN": Secret(SHELL["API_TOKEN"])}
