from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bizops.planner import Desired, Targeting, plan
from bizops.provider import Scope
from bizops.resource import Lifecycle, Resource
from bizops.testing import FakeProvider, Thing, fake_address, fake_definition, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.change import Plan


@pytest.fixture(autouse=True)
def _fake() -> Iterator[None]:
    """Let the core find the in-memory provider."""
    with installed(fake_definition()):
        yield


@pytest.fixture
def thing() -> Callable[..., Resource]:
    """Make a resource of the in-memory provider from its name and settings."""

    def make(name: str, needs: tuple[str, ...] = (), **settings: Any) -> Resource:
        lifecycle = settings.pop("lifecycle", Lifecycle())
        external = settings.pop("external", False)
        return Resource(
            fake_address(name),
            Thing(**settings),
            tuple(fake_address(need) for need in needs),
            lifecycle=lifecycle,
            external=external,
        )

    return make


@pytest.fixture
def planned() -> Callable[..., Plan]:
    """Observe the in-memory system and plan."""

    def make(
        live: FakeProvider, *resources: Resource, owns: tuple[str, ...] = (), **choice: Any
    ) -> Plan:
        scope = Scope("shop", (("thing", owns),))
        desired = Desired("shop", tuple(resources), {"fake": scope})
        return plan(desired, {"fake": live.observe(resources, scope)}, Targeting(**choice))

    return make
