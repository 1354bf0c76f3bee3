"""Tags and digests, proven against the local registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bizops.change import Action
from bizops.provider import Scope
from bizops.testing.driving import converge, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bizops.provider import Provider
    from bizops.resource import Resource

pytestmark = pytest.mark.integration


class Repository:
    """A repository of the test's own in the local registry, whose tag can be moved."""

    def __init__(self, docker: Callable[..., str], placeholder: str, name: str) -> None:
        self._docker = docker
        self._placeholder = placeholder
        self.name = f"{placeholder.partition('/')[0]}/bizops-test/{name}"
        self.tag = f"{self.name}:stable"

    def point_at(self, version: str) -> str:
        """Push one of the placeholder images under the tag, and give its digest."""
        self._docker("tag", f"{self._placeholder}:{version}", self.tag)
        said = self._docker("push", self.tag)
        return said.split("digest: ")[1].split()[0]


@pytest.fixture
def repository(
    docker: Callable[..., str], name: str, service: Callable[..., Resource]
) -> Iterator[Repository]:
    """Give a repository; its local tag is removed afterwards."""
    placeholder = str(service().spec.image).rpartition(":")[0]
    made = Repository(docker, placeholder, name)
    yield made
    listed = docker(
        "image", "ls", made.name, "-q", "--no-trunc", "--digests", "--format", "{{.Digest}}"
    )
    docker("image", "rm", made.tag, check=False)
    for digest in set(listed.split()) - {"<none>"}:
        docker("image", "rm", f"{made.name}@{digest}", check=False)


def _live_image(docker: Callable[..., str], name: str) -> str:
    spec = json.loads(docker("service", "inspect", name))[0]["Spec"]
    return str(spec["TaskTemplate"]["ContainerSpec"]["Image"])


def test_a_tag_is_pinned_when_it_is_written_and_equal_afterwards_wherever_it_points(
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    repository: Repository,
) -> None:
    """`repo:tag` equals `repo:tag@any`: a moved tag is no difference of a plain plan."""
    first = repository.point_at("1")
    wanted = service(image=repository.tag)

    converge(live, (wanted,), scope)

    assert f"{repository.tag}@{first}" == _live_image(docker, wanted.address.name)
    repository.point_at("2")
    assert plan_for(live, (wanted,), scope).is_empty


def test_refreshing_shows_a_moved_tag_as_digests_and_writes_the_new_one(
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    repository: Repository,
) -> None:
    """`--refresh-images` resolves what is declared: digest a -> b, and nothing where it has not moved."""
    wanted = service(image=repository.tag)
    first = repository.point_at("1")
    converge(live, (wanted,), scope)
    refreshing = Scope(scope.topology, refresh=("swarm.service/*",))
    assert plan_for(live, (wanted,), refreshing).is_empty
    second = repository.point_at("2")

    (change,) = plan_for(live, (wanted,), refreshing).changes

    (field,) = change.fields
    assert (f"{repository.tag}@{first}", f"{repository.tag}@{second}") == (
        field.before,
        field.after,
    )
    converge(live, (wanted,), refreshing)
    assert f"{repository.tag}@{second}" == _live_image(docker, wanted.address.name)
    assert plan_for(live, (wanted,), refreshing).is_empty
    assert plan_for(live, (wanted,), scope).is_empty


def test_refreshing_one_address_leaves_the_others_alone(
    live: Provider, scope: Scope, service: Callable[..., Resource], repository: Repository
) -> None:
    """Only what the glob names is resolved."""
    repository.point_at("1")
    both = (service("-a", image=repository.tag), service("-b", image=repository.tag))
    converge(live, both, scope)
    repository.point_at("2")
    refreshing = Scope(scope.topology, refresh=(str(both[0].address),))

    changes = plan_for(live, both, refreshing).changes

    assert [Action.UPDATE, Action.NOOP] == [change.action for change in changes]


def test_a_declared_digest_compares_exactly(
    live: Provider,
    scope: Scope,
    service: Callable[..., Resource],
    docker: Callable[..., str],
    repository: Repository,
) -> None:
    """`repo@sha256:...` is kept to the letter, and another digest is a difference."""
    first, second = repository.point_at("1"), repository.point_at("2")
    wanted = service(image=f"{repository.name}@{first}")
    converge(live, (wanted,), scope)
    assert f"{repository.name}@{first}" == _live_image(docker, wanted.address.name)
    assert plan_for(live, (wanted,), scope).is_empty

    (change,) = plan_for(live, (service(image=f"{repository.name}@{second}"),), scope).changes

    assert Action.UPDATE is change.action


def test_a_changed_tag_is_a_change_and_pins_the_new_digest(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Another tag of the same repository is told by its tags and written with its digest."""
    one = service()
    two = service(image=str(one.spec.image).replace(":1", ":2"))
    converge(live, (one,), scope)
    (change,) = plan_for(live, (two,), scope).changes
    assert [(one.spec.image, two.spec.image)] == [(f.before, f.after) for f in change.fields]

    converge(live, (two,), scope)

    assert _live_image(docker, two.address.name).startswith(f"{two.spec.image}@sha256:")


def test_an_image_that_no_registry_knows_is_written_by_its_tag_with_a_warning(
    live: Provider, scope: Scope, service: Callable[..., Resource], docker: Callable[..., str]
) -> None:
    """Nodes may then run different builds, so the outcome says so; the plan asks no registry."""
    wanted = service(image="127.0.0.1:9/bizops/nowhere:1")
    plan = plan_for(live, (wanted,), scope)

    (outcome,) = converge(live, (wanted,), scope).outcomes

    assert () == plan.warnings
    assert "its digest is not pinned" in outcome.detail
    assert "127.0.0.1:9/bizops/nowhere:1" == _live_image(docker, wanted.address.name)
    assert plan_for(live, (wanted,), scope).is_empty


def test_refreshing_what_cannot_be_resolved_is_a_warning(
    live: Provider, scope: Scope, service: Callable[..., Resource]
) -> None:
    """The comparison falls back to the tag and says why."""
    wanted = service(image="127.0.0.1:9/bizops/nowhere:1")
    converge(live, (wanted,), scope)

    plan = plan_for(live, (wanted,), Scope(scope.topology, refresh=("*",)))

    assert plan.is_empty
    assert any("could not be found out" in warning for warning in plan.warnings)
