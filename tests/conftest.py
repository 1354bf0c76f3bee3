"""What all tests share: how integration tests behave without servers, and vhosts of a test's own."""

from __future__ import annotations

import fcntl
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import hypothesis
import pytest

from stack.addresses import Addresses, read_addresses
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from stack.servers import Server

pytest.register_assert_rewrite("bizops.testing.contract", "bizops.testing.driving")

# How long one example takes says something of the machine, and nothing of what is tested.
hypothesis.settings.register_profile("bizops", deadline=None)
hypothesis.settings.load_profile("bizops")

ADDRESSES = read_addresses(os.environ)
SERVERS = {"RabbitMQ": ADDRESSES.management, "Kafka": f"kafka://{ADDRESSES.bootstrap}"}


def _missing() -> list[str]:
    """Name what does not listen on loopback; the engine is asked by the tests that need it."""
    missing = []
    for name, url in SERVERS.items():
        address = urlsplit(url)
        try:
            socket.create_connection((address.hostname, address.port), timeout=2).close()
        except OSError:
            missing.append(f"{name} on port {address.port}")
    return missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip integration tests on a laptop without the stack, in CI let them fail; else remove what a killed run left."""
    if os.environ.get("CI") or not any("integration" in item.keywords for item in items):
        return
    missing = _missing()
    if not missing and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        from stack.leftovers import remove_leftovers  # noqa: PLC0415 - only where it is used
        from stack.settings import load_settings  # noqa: PLC0415

        remove_leftovers(load_settings(os.environ))
    if missing:
        reason = f"needs `make stack`: nothing answers for {', '.join(missing)}"
        for item in items:
            if "integration" in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def management() -> Callable[..., Any]:
    """Ask the management API of the broker, past bizops."""
    import requests  # noqa: PLC0415 - only where it is used

    def ask(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method,
            f"{ADDRESSES.management}/api/{path}",
            auth=("guest", "guest"),
            json=body,
            timeout=30,
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    return ask


@pytest.fixture(scope="session")
def servers() -> dict[str, Server]:
    """Handles on the stack's servers by the names of their parts: stop, kill, pause, cut, or run its command line."""
    from stack.servers import open_servers  # noqa: PLC0415 - only where it is used

    return open_servers()


@pytest.fixture(scope="session")
def addresses() -> Addresses:
    """Give where the servers of the stack answer."""
    return ADDRESSES


@pytest.fixture(scope="session")
def rabbitmq(servers: dict[str, Server]) -> Server:
    """Give the handle on the broker that the tests use."""
    return servers[ADDRESSES.rabbitmq]


@pytest.fixture(scope="session")
def topics(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The seed's topics, declared by bizops; by one test process at a time, for they are there for all."""
    from drills.room import apply  # noqa: PLC0415 - only where it is used
    from drills.servers import first_stack  # noqa: PLC0415

    with (tmp_path_factory.getbasetemp().parent / "topics.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        apply(first_stack(), "/", "kafka.*")


@pytest.fixture(scope="session")
def make_vhost(management: Callable[..., Any]) -> Callable[[], AbstractContextManager[str]]:
    """Give what makes an empty vhost for as long as a `with` lasts."""

    @contextmanager
    def make() -> Iterator[str]:
        name = own_name()
        management("PUT", f"vhosts/{name}")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        management("PUT", f"permissions/{name}/guest", rights)
        yield name
        management("DELETE", f"vhosts/{name}")

    return make


@pytest.fixture
def empty_vhost(make_vhost: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """Give a vhost without any queue."""
    with make_vhost() as name:
        yield name


@pytest.fixture
def unused_port() -> Callable[[], int]:
    """Give ports where nobody listens."""

    def make() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            found: int = listener.getsockname()[1]
        return found

    return make
