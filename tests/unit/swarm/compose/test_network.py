"""What a network was created with, and what of it was secret."""

from __future__ import annotations

from typing import Any

import pytest

from bizops.provider import fixed
from bizops.providers.swarm.compose import network
from bizops.providers.swarm.compose.network import HIDDEN, Network
from bizops.resource import Field, Secret

LIVE: dict[str, Any] = {
    "Driver": "overlay",
    "Options": {"o": "opaque"},
    "IPAM": {"Config": [{"Subnet": "10.97.0.0/24"}]},
    "Labels": {"a": "hunter2", "b": "open", "bizops.topology": "shop"},
}


def observed(hidden: str | None, **declared: Any) -> dict[str, Any]:
    labels = LIVE["Labels"] | ({} if hidden is None else {HIDDEN: hidden})
    raw = {**LIVE, "Labels": labels}
    found = network.observed(raw, Network.model_validate(declared) if declared else None)
    return {".".join(path): value for path, value in found}


def test_what_was_secret_when_it_was_created_is_hidden() -> None:
    paths = frozenset({("labels", "a"), ("driver_opts", "o"), ("ipam", "config", "0")})
    found = observed(network.record(paths)[HIDDEN])
    assert found["labels.a"] == Secret("hunter2")
    assert found["labels.b"] == "open"
    assert found["driver_opts.o"] == Secret("opaque")
    assert repr(found["ipam.config"]) == "((hidden),)"
    assert not any("bizops" in path for path in found)


def test_what_the_file_declares_just_so_is_no_secret_any_more() -> None:
    label = network.record(frozenset({("labels", "a")}))[HIDDEN]
    assert observed(label, labels={"a": "hunter2"})["labels.a"] == "hunter2"
    assert observed(label, labels={"a": "other"})["labels.a"] == Secret("hunter2")


def test_a_network_without_secrets_gets_no_label() -> None:
    assert network.record(frozenset()) == {}


@pytest.mark.parametrize("label", [None, "", "{", "7", "[7]", "null", "[[[]]]"])
def test_a_label_that_nobody_can_read_hides_nothing(label: str | None) -> None:
    assert observed(label)["labels.a"] == "hunter2"


@pytest.mark.parametrize(
    ("value", "text"),
    [("", '""'), (("a", "b"), "[a, b]"), (True, "true"), (Secret("x"), "(hidden)")],
)
def test_what_stays_is_named_with_its_value(value: Any, text: str) -> None:
    said = list(fixed([(("labels", "a"), Field(value))], {}, {}))
    assert said == [f"labels.a = {text} is fixed and declared nowhere: it stays"]
