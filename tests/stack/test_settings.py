from __future__ import annotations

import dataclasses

import pytest

from stack.errors import StackError
from stack.settings import Settings, describe_settings, load_settings


def test_without_variables_the_documented_ports_apply() -> None:
    """Whoever sets nothing gets the ports that every example uses."""
    # Given an environment without a variable of ours
    environment = {"PATH": "/bin", "BIZOPS_OTHER": "1"}
    # When it is read
    settings = load_settings(environment)
    # Then every default applies
    assert settings == Settings()
    assert (settings.rabbitmq_port, settings.kafka_1_port, settings.registry_port) == (
        5672,
        9092,
        5000,
    )


def test_a_variable_overrides_its_setting_and_an_empty_one_does_not() -> None:
    """CI systems pass unset variables on as empty ones."""
    # Given one variable with a value and one without
    environment = {"BIZOPS_STACK_REDIS_PORT": "7000", "BIZOPS_STACK_NETWORK": ""}
    # When they are read
    settings = load_settings(environment)
    # Then only the first one counts
    assert settings == dataclasses.replace(Settings(), redis_port=7000)


def test_every_faulty_setting_is_named_at_once() -> None:
    """One round of corrections is enough."""
    # Given an unknown name, a port that is none, a bad name, no version, and a port given twice
    environment = {
        "BIZOPS_STACK_KAFKA_1_PORTS": "1",
        "BIZOPS_STACK_REDIS_PORT": "99999",
        "BIZOPS_STACK_PREFIX": "a b",
        "BIZOPS_STACK_RABBITMQ_VERSION": "3.9",
        "BIZOPS_STACK_REGISTRY_PORT": "9092",
    }
    # When they are read
    with pytest.raises(StackError) as caught:
        load_settings(environment)
    # Then each is named, the unknown one with the nearest that exists
    message = str(caught.value)
    assert "did you mean BIZOPS_STACK_KAFKA_1_PORT?" in message
    assert "BIZOPS_STACK_REDIS_PORT is '99999'" in message
    assert "BIZOPS_STACK_PREFIX is 'a b'" in message
    assert "BIZOPS_STACK_RABBITMQ_VERSION is '3.9': the versions are 3.10, 4.0, 4.3" in message
    assert (
        "port 9092 is given to BIZOPS_STACK_KAFKA_1_PORT and BIZOPS_STACK_REGISTRY_PORT" in message
    )


def test_the_help_lists_every_setting_with_its_default() -> None:
    """No setting is hidden from --help."""
    # Given the settings
    fields = dataclasses.fields(Settings)
    # When they are described
    lines = describe_settings().splitlines()
    # Then there is one line for each
    assert len(lines) == len(fields)
    for line, field in zip(lines, fields, strict=True):
        assert line.split()[0] == f"BIZOPS_STACK_{field.name.upper()}"
        assert not field.default or line.endswith(f"[{field.default}]")
