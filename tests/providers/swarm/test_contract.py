"""The contract suite against a real swarm, for networks, secrets and services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bizops.provider import Options
from bizops.providers.swarm import DEFINITION
from bizops.providers.swarm.compose.connection import Connection, Settings
from bizops.providers.swarm.compose.network import Network
from bizops.providers.swarm.compose.secret import Secret
from bizops.resource import Address, Resource
from bizops.testing.contract import ProviderContract, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider

pytestmark = pytest.mark.integration


class TestSwarm(ProviderContract):
    """Samples without tasks: what tasks do has tests of its own."""

    @pytest.fixture
    def dead(self) -> Provider:
        """Connect to a port where nobody listens."""
        return DEFINITION.connect(
            Connection(host="tcp://127.0.0.1:9"), Settings(), Options(timeout=2)
        )

    @pytest.fixture
    def samples(
        self, name: str, service: Callable[..., Resource], monkeypatch: pytest.MonkeyPatch
    ) -> list[Sample]:
        """Give one of each kind; the service uses the other two."""
        monkeypatch.setenv("BIZOPS_TEST_SECRET", "made-up")
        network = Resource(
            Address("swarm", "network", (f"{name}-net",)), Network(attachable=True, internal=True)
        )
        secret = Resource(
            Address("swarm", "secret", (f"{name}-secret",)),
            Secret(environment="BIZOPS_TEST_SECRET"),
        )

        def using(**settings: object) -> Resource:
            base = {"networks": [f"{name}-net"], "secrets": [f"{name}-secret"]}
            made = service("-svc", **base, **settings)
            return Resource(made.address, made.spec, needs=(network.address, secret.address))

        variants = (
            using(environment={"A": "2"}),
            using(command=["sleep", "5"], environment={"A": "2"}),
            using(deploy={"labels": {"a": "b"}}),
        )
        return [
            Sample(network),
            Sample(secret),
            Sample(using(environment={"A": "1"}), variants, (network, secret)),
        ]

    @pytest.fixture
    def witness(self, docker: Callable[..., str], name: str) -> Callable[[], str]:
        """Ask the docker CLI about everything that bears the test's name."""

        def read() -> str:
            said = []
            for kind in ("network", "secret", "service"):
                listed = docker(kind, "ls", "--format", "{{.Name}}").split()
                said += [docker(kind, "inspect", each) for each in listed if each.startswith(name)]
            return "\n".join(said)

        return read

    @pytest.fixture
    def stranger(
        self, docker: Callable[..., str], name: str, service: Callable[..., Resource]
    ) -> Callable[[], Callable[[], str]]:
        """Create a service and a network of somebody else."""

        def make() -> Callable[[], str]:
            image = str(service().spec.image)
            docker("network", "create", "--driver", "overlay", f"{name}-foreign")
            docker(
                "service", "create", "--detach", "--quiet", "--replicas", "0",
                "--name", f"{name}-foreign", "--network", f"{name}-foreign", image,
            )  # fmt: skip
            return lambda: (
                docker("service", "inspect", f"{name}-foreign")
                + docker("network", "inspect", f"{name}-foreign")
            )

        return make
