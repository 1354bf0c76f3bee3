"""`connections.rabbitmq.url` and `amqp_url` as lists of addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from bizops import errors, topology
from bizops.providers.rabbitmq.declared.connection import Connection

if TYPE_CHECKING:
    from pathlib import Path

A, B, C = "http://rc1:15672", "https://rc2:15671", "http://rc3:15672"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (A, (A,)),
        ([A, B], (A, B)),
        (f"{A},{B}", (A, B)),
        (f" {A} , {B}", (A, B)),
        ("http://u:a,b@rc1:15672", (A,)),
        (["http://u:pw@rc1:15672/api/", "http://u:pw@rc3:15672", B], (A, C, B)),
    ],
)
def test_one_address_a_list_or_a_text_with_commas(given: Any, found: tuple[str, ...]) -> None:
    """A text with several is what a variable of the environment can hold; a password may hold a comma."""
    assert found == Connection.model_validate({"url": given}).url


def test_user_and_password_of_any_address_hold_for_all_and_are_in_none() -> None:
    """The first that has them gives them."""
    found = Connection.model_validate({"url": [A, "http://me:s3cret@rc3:15672"]})

    assert ("me", "s3cret") == (found.username, found.password.reveal())
    assert "s3cret" not in repr(found)


def test_all_that_is_wrong_with_addresses_is_said_at_once() -> None:
    """Each with its index, and without what it holds."""
    urls = ["http://a:one@rc1:15672", "rc2:15672", "http://b:two@rc3:15672", A, "http://a:xx@rc4:1"]

    with pytest.raises(ValidationError) as caught:
        Connection.model_validate({"url": urls, "amqp_url": ["amqp://rc1", "http://rc2"]})

    assert [
        (("url", 1), "Value error, must look like http://HOST:15672 or https://HOST:15671"),
        (("url", 2), "Value error, has another user or password than an address before it"),
        (("url", 3), "Value error, is there twice"),
        (("url", 4), "Value error, has another user or password than an address before it"),
        (
            ("amqp_url", 1),
            "Value error, must look like amqp://HOST:5672 or amqps://HOST:5671, without options",
        ),
    ] == [(error["loc"], error["msg"]) for error in caught.value.errors()]


def test_an_empty_list_is_a_fault() -> None:
    """There would be nobody to ask."""
    with pytest.raises(ValidationError) as caught:
        Connection.model_validate({"url": []})
    assert [("url",)] == [error["loc"] for error in caught.value.errors()]


@pytest.mark.parametrize(
    ("amqp", "found"),
    [
        (None, ("amqps://rc2", "amqp://rc1", "amqp://rc3")),
        (["amqp://rc1:1", "amqp://u:p@rc2:2"], ("amqp://u:p@rc2:2", "amqp://rc1:1")),
        ("amqp://lb,amqp://rc3", ("amqp://lb", "amqp://rc3")),
    ],
)
def test_amqp_goes_first_where_the_management_api_answered(
    amqp: Any, found: tuple[str, ...]
) -> None:
    """Left out, it is the hosts of url in their order, on the ports that AMQP has."""
    given = {"url": [A, B, C]} | ({"amqp_url": amqp} if amqp else {})
    assert found == Connection.model_validate(given).asking(B).amqp_urls


def test_the_file_names_the_address_that_is_wrong_and_hides_every_password(tmp_path: Path) -> None:
    """All faults of a list at once, each with its index; no password of any item is shown."""
    file = tmp_path / "t.yaml"
    file.write_text(
        "bizops: 1\nname: t\nconnections:\n  rabbitmq:\n    url:\n"
        "      - http://a:onepass@rc1:15672\n      - http://b:twopass@rc2:15672\n      - rc3\n"
        "rabbitmq: {}\n"
    )

    with pytest.raises(errors.TopologyError) as caught:
        topology.load([str(file)], variables={}, directory=tmp_path)

    said = "\n".join(caught.value.faults)
    assert "url.1: has another user or password" in said
    assert "url.2: must look like" in said
    assert "onepass" not in said
    assert "twopass" not in said


def test_a_variable_may_hold_several_addresses(tmp_path: Path) -> None:
    """And where they come from is told as of one; what is printed of an address is never hidden as a secret."""
    file = tmp_path / "t.yaml"
    file.write_text("bizops: 1\nname: t\nconnections: {rabbitmq: {url: '${URLS}'}}\nrabbitmq: {}\n")
    urls = "http://a:onepass@rc1:15672,http://a:onepass@rc2:15672"

    found = topology.load([str(file)], variables={"URLS": urls}, directory=tmp_path)

    assert ("http://rc1:15672", "http://rc2:15672") == found.connections["rabbitmq"].url  # type: ignore[attr-defined]
    assert {"http://rc1:15672", "http://rc2:15672"} <= found.names
    assert "onepass" in found.secrets
    assert "from URLS" in found.origins["connections.rabbitmq.url"]


def test_a_list_of_addresses_has_its_origin_too(tmp_path: Path) -> None:
    """Where the list begins, and the variables in it."""
    file = tmp_path / "t.yaml"
    file.write_text(
        "bizops: 1\nname: t\nconnections: {rabbitmq: {url: ['${ONE}', 'http://rc2:15672']}}\nrabbitmq: {}\n"
    )

    found = topology.load([str(file)], variables={"ONE": A}, directory=tmp_path)

    assert "connections.rabbitmq.url, from ONE" in found.origins["connections.rabbitmq.url"]
