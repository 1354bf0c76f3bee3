"""What bears a name that the topology owns, and no label of ours (rule 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bizops.planner import Targeting
from bizops.providers.swarm.spec.field_table import OWNER
from bizops.testing.driving import carry_out, plan_for

from .conftest import PLACEHOLDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.provider import Provider, Scope
    from bizops.resource import Resource

pytestmark = pytest.mark.integration
KINDS = ("service", "network", "secret")


@pytest.fixture
def owning(scope: Scope, name: str) -> Scope:
    return replace(scope, owns=tuple((kind, (f"{name}-own*",)) for kind in KINDS))


def made(docker: Callable[..., str], name: str, *options: str) -> None:
    """Make one of each kind by hand."""
    docker("secret", "create", *options, f"{name}-own-secret", "/etc/hostname")
    docker("network", "create", "-d", "overlay", *options, f"{name}-own-net")
    placed = ("--detach", "--replicas", "0", "--no-resolve-image")
    docker("service", "create", *placed, *options, "--name", f"{name}-own-svc", f"{PLACEHOLDER}:1")


def test_what_is_made_by_hand_under_our_names_is_unmanaged_and_pruned(
    live: Provider,
    owning: Scope,
    name: str,
    docker: Callable[..., str],
    service: Callable[..., Resource],
) -> None:
    made(docker, name)
    docker("secret", "create", f"{name}-other", "/etc/hostname")
    wanted = (service("-svc"),)

    shown = plan_for(live, wanted, owning).unmanaged
    assert {each.address.kind for each in shown} == set(KINDS)
    assert all(f"{name}-own" in each.address.name for each in shown)
    assert carry_out(live, plan_for(live, wanted, owning, Targeting(prune=True))).is_ok

    assert not plan_for(live, wanted, owning).unmanaged
    assert f"{name}-other" in docker("secret", "ls", "--format", "{{.Name}}").split()


def test_what_carries_another_topologys_label_is_shown_with_it_and_not_pruned(
    live: Provider,
    owning: Scope,
    name: str,
    docker: Callable[..., str],
    service: Callable[..., Resource],
) -> None:
    made(docker, name, "--label", f"{OWNER}=others")

    plan = plan_for(live, (service("-svc"),), owning, Targeting(prune=True))
    assert carry_out(live, plan).is_ok

    assert {each.address.kind for each in plan.unmanaged} == set(KINDS)
    assert all("topology others declares it, too" in each.notes for each in plan.unmanaged)
    adopted = plan_for(live, (service("-svc"),), owning, Targeting(prune=True, adopt=("*",)))
    assert {change.address.kind for change in adopted.changes} >= set(KINDS)
