"""What the topology file may say, and how credentials are hidden."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from bizops.providers.kafka.api.client_config import translated
from bizops.providers.kafka.declared.specs import Connection, TopicSpec


def test_each_setting_has_one_path() -> None:
    """A config key is a path of its own, and numbers may come as text."""
    spec = TopicSpec.model_validate(
        {"partitions": "3", "configs": {"retention.ms": "7d", "segment.ms": None}}
    )

    assert spec.fields() == {("partitions",): 3, ("configs", "retention.ms"): 604_800_000}


@pytest.mark.parametrize(
    ("given", "location"),
    [
        ({"partitions": 0}, ("partitions",)),
        ({"partitions": -1}, ("partitions",)),
        ({"partitions": True}, ("partitions",)),
        ({"partitions": 1.0}, ("partitions",)),
        ({"partitions": 100_001}, ("partitions",)),
        ({"partitions": "many"}, ("partitions",)),
        ({"replication_factor": 10_001}, ("replication_factor",)),
        ({"configs": ["retention.ms"]}, ("configs",)),
        ({"configs": {"retention.ms": "soon"}}, ("configs", "retention.ms")),
        ({"configs": {"retention_ms": 1}}, ("configs", "retention_ms")),
        ({"replicas": 2}, ("replicas",)),
    ],
)
def test_a_fault_stands_at_its_key(given: dict[str, Any], location: tuple[str, ...]) -> None:
    """Every fault names the place that has to be corrected."""
    with pytest.raises(ValidationError) as raised:
        TopicSpec.model_validate(given)

    assert [location] == [error["loc"][: len(location)] for error in raised.value.errors()]


def test_credentials_are_hidden_and_handed_on() -> None:
    """Passwords and keys print as hidden and reach the client as they are."""
    given = {
        "bootstrap.servers": "kafka-1:9092",
        "security.protocol": "SASL_SSL",
        "sasl.password": "hunter2",
        "ssl.key.password": "hunter3",
        "ssl.key.pem": "hunter4",
        "ssl.key.location": "/etc/key.pem",
        "sasl.oauthbearer.client.secret": "hunter5",
        "enable.ssl.certificate.verification": True,
    }

    connection = Connection.model_validate(given)

    assert "hunter" not in repr(connection)
    assert "/etc/key.pem" in repr(connection)
    assert {**given, "enable.ssl.certificate.verification": "true"} == connection.librdkafka()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "required"),
        ({"bootstrap.servers": ""}, "at least one broker"),
        ({"bootstrap.servers": "a:99999"}, "not host:port"),
        ({"bootstrap.servers": "a:b"}, "not host:port"),
        ({"bootstrap.servers": "http://a:9092"}, "without a scheme"),
        ({"bootstrap.servers": "a", "sasl_password": "hunter2"}, "did you mean sasl.password"),
        ({"bootstrap.servers": "a", "sasl.password": {"x": "hunter2"}}, "one value"),
        ({"bootstrap.servers": "a", "expect": {"cluster": "x"}}, "required"),
    ],
)
def test_a_connection_that_cannot_work_is_a_fault(given: dict[str, Any], says: str) -> None:
    """What librdkafka would misread or drop is told beforehand, and never with a credential."""
    with pytest.raises(ValidationError) as raised:
        Connection.model_validate(given)

    told = " ".join(error["msg"] for error in raised.value.errors())
    assert says in told
    assert "hunter" not in told


@pytest.mark.parametrize("servers", ["a", "a:1,b", "SSL://a:9092", "[::1]:9092", "10.0.0.1:65535"])
def test_librdkafkas_ways_to_name_a_server_are_taken(servers: str) -> None:
    """Host names, ports, IPv6 and protocol prefixes."""
    assert servers == Connection.model_validate({"bootstrap.servers": servers}).bootstrap_servers


def test_settings_are_translated_for_the_second_client_or_named() -> None:
    """What kafka-python has no word for is told, never dropped."""
    found, lacking = translated(
        {
            "bootstrap.servers": "SASL_SSL://a:1,b",
            "security.protocol": "sasl_ssl",
            "sasl.mechanisms": "SCRAM-SHA-512",
            "sasl.username": "u",
            "sasl.password": "p",
            "ssl.ca.location": "/ca",
            "ssl.endpoint.identification.algorithm": "none",
            "ssl.keystore.location": "/ks",
            "socket.keepalive.enable": "true",
        }
    )

    assert found == {
        "bootstrap_servers": ["a:1", "b"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "u",
        "sasl_plain_password": "p",
        "ssl_cafile": "/ca",
        "ssl_check_hostname": False,
    }
    assert lacking == ("ssl.keystore.location",)
    assert translated({"bootstrap.servers": "a", "sasl.mechanism": "OAUTHBEARER"})[1]
