"""The contract of a provider, as a test suite."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from bizops import errors, graph
from bizops.change import Action, Status
from bizops.planner import Targeting
from bizops.resource import Presence, Resource
from bizops.testing.driving import converge, destroy, plan_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bizops.provider import Provider, Scope


@dataclass(frozen=True)
class Sample:
    """One resource to create; variants of it that each change one thing in place; what it needs to exist first."""

    resource: Resource
    variants: tuple[Resource, ...] = ()
    support: tuple[Resource, ...] = ()


class ProviderContract:
    """What every provider keeps. A subclass gives these fixtures:

    `live` a connected provider; `dead` one whose system does not answer; `scope` with a topology name of its own;
    `samples` a list of `Sample` with names of their own; `witness` a function that asks the system itself, by other
    means than the provider, and gives everything about what is named in the samples as text; `stranger` a function
    that makes something like a sample that is not in any of them and gives a function that reads it back as text.
    """  # noqa: D415 - ends with the list

    @pytest.fixture(autouse=True)
    def _clean(self, live: Provider, samples: Sequence[Sample], scope: Scope) -> Iterator[None]:
        """Leave nothing behind, whatever the test did."""
        yield
        for sample in reversed(samples):
            destroy(live, (sample.resource, *sample.support), scope)

    def test_an_unknown_name_is_absent(
        self, live: Provider, samples: Sequence[Sample], scope: Scope
    ) -> None:
        """Looking for what is not there gives ABSENT, not an error and not silence."""
        resources = [sample.resource for sample in samples]

        found = {o.address: o for o in live.observe(resources, scope).found}

        assert [Presence.ABSENT] * len(resources) == [
            found[resource.address].presence for resource in resources
        ]

    def test_what_is_created_is_observed_equal_and_a_second_plan_is_empty(
        self, live: Provider, samples: Sequence[Sample], scope: Scope
    ) -> None:
        """Creating then observing gives the declared value for every declared field."""
        for sample in samples:
            wanted = (*sample.support, sample.resource)

            converge(live, wanted, scope)

            found = {o.address: o for o in live.observe(wanted, scope).found}
            live_fields = dict(found[sample.resource.address].fields)
            declared = sample.resource.spec.fields()
            assert declared == {
                path: live_fields[path].value if path in live_fields else "(not observed)"
                for path in declared
            }
            assert plan_for(live, wanted, scope).is_empty

    def test_every_in_place_field_can_be_changed_and_is_seen(
        self, live: Provider, samples: Sequence[Sample], scope: Scope
    ) -> None:
        """Each variant is one UPDATE, after which a plan for it is empty and one for the first is not."""
        for sample in samples:
            converge(live, (*sample.support, sample.resource), scope)
            for variant in sample.variants:
                wanted = (*sample.support, variant)
                planned = plan_for(live, wanted, scope)
                actions = {c.address: c.action for c in planned.changes}
                assert Action.UPDATE is actions[variant.address], (variant, planned.changes)

                converge(live, wanted, scope)

                assert plan_for(live, wanted, scope).is_empty, variant

    def test_what_is_deleted_is_absent(
        self, live: Provider, samples: Sequence[Sample], scope: Scope
    ) -> None:
        """Deleting then observing gives ABSENT, and deleting again is nothing to do."""
        for sample in samples:
            wanted = (*sample.support, sample.resource)
            converge(live, wanted, scope)

            destroy(live, wanted, scope)

            found = {o.address: o for o in live.observe(wanted, scope).found}
            assert Presence.ABSENT is found[sample.resource.address].presence
            assert plan_for(live, wanted, scope, Targeting(destroy=True)).is_empty

    def test_observe_never_writes(
        self,
        live: Provider,
        samples: Sequence[Sample],
        scope: Scope,
        witness: Callable[[], str],
    ) -> None:
        """The system's own word about everything is the same before and after a plan that would change it all."""
        for sample in samples:
            converge(live, (*sample.support, sample.resource), scope)
        before = witness()

        for sample in samples:
            for variant in sample.variants:
                plan_for(live, (*sample.support, variant), scope)

        assert before
        assert before == witness()

    def test_a_stopped_apply_sends_nothing_more_and_says_what_it_did_not_send(
        self,
        live: Provider,
        samples: Sequence[Sample],
        scope: Scope,
        witness: Callable[[], str],
    ) -> None:
        """What is SKIPPED is not there, what is APPLIED is, and the next run does the rest."""
        for sample in samples:
            if sample.support:
                converge(live, sample.support, scope)
        wanted = [resource for sample in samples for resource in (*sample.support, sample.resource)]
        plan = plan_for(live, wanted, scope)
        steps = [
            step for step in graph.steps(plan).steps.values() if step.action is not Action.NOOP
        ]
        before = witness()

        unsent = live.apply(steps, lambda: True)

        assert {Status.SKIPPED} == {outcome.status for outcome in unsent}
        assert before == witness()

        asked = itertools.count()
        ended = {
            o.step.change.address: o.status
            for o in live.apply(steps, lambda: next(asked) > 0)
            if o.step.change
        }

        found = {o.address: o.presence for o in live.observe(wanted, scope).found}
        assert Status.APPLIED in ended.values()
        assert {
            found[address] for address, status in ended.items() if status is Status.SKIPPED
        } <= {Presence.ABSENT}
        converge(live, wanted, scope)
        assert plan_for(live, wanted, scope).is_empty

    def test_errors_are_ours(self, dead: Provider, samples: Sequence[Sample], scope: Scope) -> None:
        """A system that does not answer is a ProviderError with words, or says so for each address."""
        resources = [sample.resource for sample in samples]

        with pytest.raises(errors.ProviderError) as raised:
            dead.observe(resources, scope)

        assert str(raised.value)

    def test_a_name_that_is_not_ours_is_never_touched(
        self,
        live: Provider,
        samples: Sequence[Sample],
        scope: Scope,
        stranger: Callable[[], Callable[[], str]],
    ) -> None:
        """What nobody declares is the same after create, change and destroy of everything else."""
        read = stranger()
        before = read()

        for sample in samples:
            for wanted in (sample.resource, *sample.variants):
                converge(live, (*sample.support, wanted), scope)
            destroy(live, (*sample.support, sample.resource), scope)

        assert before
        assert before == read()
