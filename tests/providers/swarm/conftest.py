"""A swarm to test against: names of each test's own, the docker CLI as a witness, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING, Any

import pytest

from bizops import errors
from bizops.provider import Options, Scope
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings
from bizops.providers.swarm.compose.services.service import Service
from bizops.resource import Address, Resource
from stack.addresses import read_addresses
from stack.names import own_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider

REGISTRY = read_addresses(os.environ).registry
PLACEHOLDER = f"{REGISTRY}/bizops/placeholder"

Docker = "Callable[..., str]"


def _run_docker(*words: str, check: bool = True) -> str:
    done = subprocess.run(
        ("docker", *words), capture_output=True, text=True, check=False, timeout=60
    )
    if check and done.returncode:
        pytest.fail(f"docker {' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


@pytest.fixture(scope="session")
def docker() -> Callable[..., str]:
    """Run the docker CLI and give its output; the test fails where it fails, unless `check` is False."""
    return _run_docker


@pytest.fixture
def live() -> Iterator[Provider]:
    """Connect to the swarm of the local stack; without one, skip on a laptop and fail in CI."""
    provider = DEFINITION.connect(Connection(), Settings(), Options(timeout=20))
    try:
        provider.observe((), Scope("bizops-test"))
    except errors.ProviderError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"needs a swarm: {error}")
    yield provider
    provider.close()


@pytest.fixture
def name(docker: Callable[..., str]) -> Iterator[str]:
    """Give a name of this test's own; what begins with it is removed afterwards."""
    given = own_name()
    yield given
    for kind in ("service", "secret", "network", "config"):
        _remove(docker, kind, given)


def _named(docker: Callable[..., str], kind: str, beginning: str) -> list[str]:
    """Give the names that begin so; the CLI's own filter finds no overlay network by the beginning of its name."""
    listed = docker(kind, "ls", "--format", "{{.Name}}").split()
    return [name for name in listed if name.startswith(beginning)]


def _remove(docker: Callable[..., str], kind: str, beginning: str) -> None:
    """Remove all whose name begins so; a network stays in use until the nodes have let go of the last task."""
    for _ in range(60):
        names = _named(docker, kind, beginning)
        if not names:
            return
        docker(kind, "rm", *names, check=False)
        time.sleep(0.5)


@pytest.fixture
def scope(name: str) -> Scope:
    """Give a topology of this test's own."""
    return Scope(name)


@pytest.fixture
def service(name: str) -> Callable[..., Resource]:
    """Give a service of this test's own: the placeholder image, no tasks, and the settings asked for."""

    def made(suffix: str = "", **settings: Any) -> Resource:
        deploy = {"replicas": 0, **settings.pop("deploy", {})}
        given = {"image": f"{PLACEHOLDER}:1", **settings, "deploy": deploy}
        if deploy.get("mode", "").startswith("global"):
            deploy.pop("replicas")
        address = Address("swarm", "service", (f"{name}{suffix}",))
        return Resource(address, Service.model_validate(given))

    return made
