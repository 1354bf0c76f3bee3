"""A cluster that is away, silent, or not Kafka at all: one clear error each, in time, and nothing on stderr."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from bizops import errors
from bizops.provider import Scope
from bizops.resource import Presence
from bizops.testing.driving import converge, plan_for
from stack.addresses import read_addresses
from tests.providers.kafka.quorum import controller

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider
    from bizops.resource import Resource
    from stack.servers import Server

    Connect = Callable[..., Provider]
    Declare = Callable[..., Resource]

ADDRESSES = read_addresses(os.environ)
AMQP = f"127.0.0.1:{ADDRESSES.amqp}"
pytestmark = pytest.mark.integration


@pytest.fixture
def scope() -> Scope:
    """Most of these look and never write: any scope does."""
    return Scope("nothing")


@pytest.fixture
def silent() -> Iterator[str]:
    """Give the address of a server that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def _failure(live: Provider, scope: Scope) -> errors.ProviderError:
    with pytest.raises(errors.ProviderError) as raised:
        live.observe([], scope)
    return raised.value


@pytest.mark.parametrize(
    ("servers", "settings", "kind", "says"),
    [
        ("127.0.0.1:1", {}, errors.UnreachableError, "127.0.0.1:1: Connect to"),
        ("127.0.0.1:1,127.0.0.1:2", {}, errors.UnreachableError, "127.0.0.1:1, 127.0.0.1:2"),
        (AMQP, {}, errors.WrongSystemError, f"{AMQP} is not a Kafka broker"),
        (
            urlsplit(ADDRESSES.management).netloc,
            {},
            errors.UnreachableError,
            "does not answer as Kafka does",
        ),
        ("nowhere.invalid:9092", {}, errors.UnreachableError, "Failed to resolve"),
        (
            ADDRESSES.bootstrap,
            {"security__protocol": "SSL"},
            errors.UnreachableError,
            "SSL",
        ),
        (
            ADDRESSES.bootstrap,
            {
                "security__protocol": "SASL_PLAINTEXT",
                "sasl__mechanism": "PLAIN",
                "sasl__username": "u",
                "sasl__password": "hunter2",
            },
            errors.DeniedError,
            "SASL PLAIN mechanism handshake failed",
        ),
        (
            ADDRESSES.bootstrap,
            {"sasl__usernme": "u"},
            errors.RejectedError,
            'No such configuration property: "sasl.usernme"',
        ),
        (
            ADDRESSES.bootstrap,
            {"security__protocol": "SSL", "ssl__ca__location": "/nowhere/ca.pem"},
            errors.RejectedError,
            "connections.kafka.ssl.ca.location: /nowhere/ca.pem cannot be read",
        ),
        (
            ADDRESSES.bootstrap,
            {"expect": {"cluster_id": "another"}},
            errors.WrongSystemError,
            "expect.cluster_id is another",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_each_way_to_fail_is_one_clear_error(
    connect: Connect,
    scope: Scope,
    capfd: pytest.CaptureFixture[str],
    servers: str,
    settings: dict[str, object],
    kind: type[errors.ProviderError],
    says: str,
) -> None:
    """The sort of error and its words fit the cause, and librdkafka prints nothing."""
    live = connect(servers, timeout=6, **settings)

    error = _failure(live, scope)
    live.close()

    assert isinstance(error, kind), repr(error)
    assert says in str(error)
    assert error.remedy or kind is not errors.DeniedError
    assert "\n" not in str(error)
    assert "hunter2" not in f"{error} {error.remedy}"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sasl__usernme": "u"}, "sasl.usernme"),
        ({"security__protocol": "TLS"}, "security.protocol"),
        ({"ssl__ca__location": "/nowhere/ca.pem"}, "ssl.ca.location"),
    ],
)
def test_a_setting_that_is_to_blame_is_named(
    connect: Connect, scope: Scope, settings: dict[str, object], named: str
) -> None:
    """So that the error points at its line, and not at that of the servers."""
    error = _failure(connect(ADDRESSES.bootstrap, **settings), scope)

    assert error.setting == f"connections.kafka.{named}"


def test_a_silent_server_is_given_up_after_the_timeout(
    connect: Connect, scope: Scope, silent: str
) -> None:
    """What accepts connections and says nothing is told apart from what refuses them."""
    error = _failure(connect(silent, timeout=3), scope)

    assert "accepts connections and does not answer as Kafka does (3 s)" in str(error)


def test_a_dead_server_beside_a_live_one_does_no_harm(connect: Connect, scope: Scope) -> None:
    """One broker of those that are named is enough."""
    observations = connect(f"127.0.0.1:1,{ADDRESSES.bootstrap}").observe([], scope)

    assert observations.system.identity


@pytest.mark.slow
@pytest.mark.disruptive
def test_a_paused_broker_leaves_topics_readable(
    connect: Connect, scope: Scope, topic: Declare, servers: dict[str, Server]
) -> None:
    """With a broker frozen a plan still tells what is there from what is not.

    Not the active controller: brokers have been seen to wait 70 s for one that hangs, with another one elected (4.3.0).
    """
    there, absent = topic("there", partitions=3, replication_factor=2), topic("absent")
    converge(connect(), [there], scope)
    active = controller(servers["kafka-1"])
    frozen = next(number for number in (3, 2) if number != active)
    others = [ADDRESSES.kafka[number - 1] for number in (1, 2, 3) if number != frozen]
    servers[f"kafka-{frozen}"].pause()
    try:
        paused = connect(",".join(others))
        found = paused.observe([there, absent], scope).found
        presences = {observed.address: observed.presence for observed in found}
    finally:
        servers[f"kafka-{frozen}"].unpause()

    assert presences == {there.address: Presence.PRESENT, absent.address: Presence.ABSENT}
    assert plan_for(connect(), [there], scope).is_empty
