from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bizops import errors, render
from bizops.change import Action, Cluster, EffectKind
from bizops.planner import Desired, Targeting, plan
from bizops.provider import Observations, Scope, Versions
from bizops.resource import Lifecycle, Observation, Presence, Resource, Secret
from bizops.testing import FakeProvider, Thing, fake_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from bizops.change import Plan

Make = Any


def actions(planned: Plan) -> dict[str, Action]:
    return {change.address.name: change.action for change in planned.changes}


def test_the_action_follows_from_presence_and_from_what_may_change(
    thing: Make, planned: Make
) -> None:
    """Absent is created, equal is left alone, and the table of the kind decides the rest."""
    live = FakeProvider({
        "same": {("size",): 1},
        "grown": {("size",): 1},
        "reshaped": {("shape",): "round"},
    })  # fmt: skip

    found = planned(
        live,
        thing("same", size=1),
        thing("grown", size=2),
        thing("reshaped", shape="square"),
        thing("fresh", size=1),
    )

    assert {
        "same": Action.NOOP,
        "grown": Action.UPDATE,
        "reshaped": Action.REPLACE,
        "fresh": Action.CREATE,
    } == actions(found)


def test_a_change_that_can_never_be_made_is_refused_with_a_way_out(
    thing: Make, planned: Make
) -> None:
    """No difference is dropped: what cannot change becomes a refusal that names the field."""
    found = planned(FakeProvider({"t": {("root",): "a"}}), thing("t", root="b"))

    assert [("root", "roots do not move")] == [(r.field, r.why) for r in found.refusals]
    assert all(refusal.remedies for refusal in found.refusals)


def test_a_failed_read_is_never_an_absence(thing: Make, planned: Make) -> None:
    """What could not be read is not created, and the plan is incomplete."""
    live = FakeProvider({"t": {("size",): 1}}, unread=frozenset({"t", "gone"}))

    found = planned(live, thing("t", size=2), thing("gone", size=1))

    assert {} == actions(found)
    assert not found.is_complete
    assert ["gone", "t"] == sorted(observed.address.name for observed in found.unreadable)


def test_an_address_that_the_provider_forgets_is_unreadable(thing: Make) -> None:
    """A provider that says nothing about an address has not said that it is absent."""
    scope = Scope("shop")
    resources = (thing("t", size=1),)
    silent = Observations(FakeProvider().observe((), scope).system)

    found = plan(Desired("shop", resources, {"fake": scope}), {"fake": silent}, Targeting())

    assert not found.is_complete
    assert () == found.changes


def test_ignored_changes_are_shown_and_not_planned(thing: Make, planned: Make) -> None:
    """`ignore_changes` makes a field not managed after creation, and says so."""
    ignored = Lifecycle(ignore_changes=("size",))

    found = planned(FakeProvider({"t": {("size",): 1}}), thing("t", size=2, lifecycle=ignored))

    assert {"t": Action.NOOP} == actions(found)
    assert ["size"] == [field.name for field in found.changes[0].unmanaged]


def test_ignoring_a_path_ignores_all_beneath_it(thing: Make, planned: Make) -> None:
    """`ignore_changes: [deploy]` covers `deploy.replicas`, and no name that merely begins alike."""
    ignored = Lifecycle(ignore_changes=("tags", "siz"))
    live = FakeProvider({"t": {("tags", "x"): "1", ("size",): 1}})

    found = planned(live, thing("t", tags=(("x", "2"),), size=2, lifecycle=ignored))

    assert ["size"] == [field.name for field in found.changes[0].fields]
    assert ["tags.x"] == [field.name for field in found.changes[0].unmanaged]


def test_ignored_fields_are_written_at_creation(thing: Make, planned: Make) -> None:
    """A resource that is not there yet gets every declared field."""
    ignored = Lifecycle(ignore_changes=("size",))

    found = planned(FakeProvider(), thing("t", size=2, lifecycle=ignored))

    assert ["size"] == [field.name for field in found.changes[0].fields]


def test_what_is_owned_and_not_declared_is_unmanaged_until_pruned(
    thing: Make, planned: Make
) -> None:
    """It is shown, and deleted only when asked."""
    live = FakeProvider({"my-stray": {}, "theirs": {}})

    shown = planned(live, thing("my-t"), owns=("my-*",))
    pruned = planned(live, thing("my-t"), owns=("my-*",), prune=True)

    assert ["my-stray"] == [observed.address.name for observed in shown.unmanaged]
    assert {"my-t": Action.CREATE} == actions(shown)
    assert {"my-t": Action.CREATE, "my-stray": Action.DELETE} == actions(pruned)


def test_a_target_pulls_in_what_it_needs_and_nothing_else(thing: Make, planned: Make) -> None:
    """The rest of the topology is left out, and the plan says that it is partial."""
    resources = (thing("a"), thing("b", needs=("a",)), thing("c", needs=("b",)), thing("d"))

    found = planned(FakeProvider(), *resources, targets=("fake.thing/b",))

    assert {"a": Action.CREATE, "b": Action.CREATE} == actions(found)
    assert found.is_complete
    assert found.partial


def test_a_target_does_not_pull_in_what_is_excluded(thing: Make, planned: Make) -> None:
    """`--exclude` wins over what a target needs."""
    resources = (thing("a", size=2), thing("b", needs=("a",)))
    live = FakeProvider({"a": {("size",): 1}})

    found = planned(live, *resources, targets=("fake.thing/b",), excludes=("fake.thing/a",))

    assert {"b": Action.CREATE} == actions(found)


def test_a_misspelt_target_is_an_error_with_the_nearest_name(thing: Make, planned: Make) -> None:
    """A target that names nothing would otherwise look like nothing to do."""
    with pytest.raises(errors.UsageError, match=r"did you mean fake\.thing/orders"):
        planned(FakeProvider(), thing("orders"), targets=("fake.thing/order",))


def test_prune_can_be_told_which_live_object_to_leave_or_to_take(
    planned: Callable[..., Plan], thing: Callable[..., Resource]
) -> None:
    """What a refusal offers must work: an address that is only live can be excluded, and targeted."""
    live = FakeProvider(things={"own_a": {}, "own_b": {}})

    kept = planned(live, thing("own"), owns=("own*",), prune=True, excludes=("fake.thing/own_a",))
    taken = planned(live, thing("own"), owns=("own*",), prune=True, targets=("fake.thing/own_a",))

    assert ["fake.thing/own", "fake.thing/own_b"] == [str(c.address) for c in kept.changes]
    assert ["fake.thing/own_a"] == [str(c.address) for c in taken.changes]
    with pytest.raises(errors.UsageError, match="own_c"):
        planned(live, thing("own"), owns=("own*",), prune=True, excludes=("fake.thing/own_c",))


def test_excluding_an_absent_need_leaves_out_what_needs_it(thing: Make, planned: Make) -> None:
    """Creating something whose need is left out could only fail, so it is left out too, and said."""
    resources = (thing("a"), thing("b", needs=("a",)), thing("c"))

    found = planned(FakeProvider(), *resources, excludes=("fake.thing/a",))

    assert {"c": Action.CREATE} == actions(found)
    assert any("fake.thing/b is left out" in warning for warning in found.warnings)


def test_excluding_a_need_that_is_there_leaves_its_users_in(thing: Make, planned: Make) -> None:
    """What exists serves as a need without being part of the plan."""
    resources = (thing("a", size=2), thing("b", needs=("a",)))

    found = planned(FakeProvider({"a": {("size",): 1}}), *resources, excludes=("fake.thing/a",))

    assert {"b": Action.CREATE} == actions(found)


def test_what_dies_with_a_replaced_object_is_planned_again(thing: Make, planned: Make) -> None:
    """A dependent is made again, also one that nobody declares."""
    declared, foreign = thing("declared", needs=("t",)), thing("foreign", size=3)
    live = FakeProvider(
        {"t": {("shape",): "round"}, "declared": {}, "foreign": {("size",): 3}},
        dependents={"t": (declared, foreign)},
    )

    found = planned(live, thing("t", shape="square"), declared)

    assert {"t": Action.REPLACE, "declared": Action.REPLACE, "foreign": Action.REPLACE} == actions(
        found
    )
    assert {fake_address("t")} == {c.dies_with for c in found.changes if c.address.name != "t"}
    told = {c.address.name for c in found.changes for e in c.effects if "only this run" in e.text}
    assert {"foreign"} == told


def test_destroy_deletes_what_is_declared_except_external_and_protected(
    thing: Make, planned: Make
) -> None:
    """Destroying takes the same steps, with deletions at the end."""
    live = FakeProvider({"a": {}, "ext": {}, "safe": {}, "stray": {}})
    resources = (
        thing("a"),
        thing("ext", external=True),
        thing("safe", lifecycle=Lifecycle(protect=True)),
        thing("absent"),
    )

    found = planned(live, *resources, owns=("stray",), destroy=True)

    assert {"a": Action.DELETE} == actions(found)
    assert ["stray"] == [observed.address.name for observed in found.unmanaged]
    assert any("protected" in warning for warning in found.warnings)


def test_what_could_not_be_changed_can_be_destroyed(thing: Make, planned: Make) -> None:
    """A field that can never change stands in the way of a change, not of a deletion."""
    live = FakeProvider({"t": {("root",): "a"}})

    found = planned(live, thing("t", root="b"), destroy=True)

    assert {"t": Action.DELETE} == actions(found)
    assert () == found.refusals


def test_an_external_resource_must_exist_and_is_never_written(thing: Make, planned: Make) -> None:
    """Absent, it is a refusal; present, it is nothing to do whatever its settings."""
    resource = thing("net", external=True, size=5)

    assert ["external"] == [r.field for r in planned(FakeProvider(), resource).refusals]
    assert {"net": Action.NOOP} == actions(planned(FakeProvider({"net": {("size",): 1}}), resource))


def _owned(owner: str) -> dict[str, Observations]:
    found = Observation(fake_address("t"), Presence.PRESENT, owner=owner)
    return {"fake": Observations(FakeProvider().observe((), Scope("shop")).system, (found,))}


@pytest.mark.parametrize("owner", ["", "other"])
def test_what_carries_no_mark_of_ours_is_refused_until_it_is_adopted(
    owner: str, thing: Make
) -> None:
    """A name that happens to be taken is not ours to write."""
    desired = Desired("shop", (thing("t"),), {"fake": Scope("shop")})

    refused = plan(desired, _owned(owner), Targeting())
    adopted = plan(desired, _owned(owner), Targeting(adopt=("fake.thing/t",)))

    assert [fake_address("t")] == [refusal.address for refusal in refused.refusals]
    assert ((), Action.UPDATE, True) == (
        adopted.refusals,
        adopted.changes[0].action,
        adopted.changes[0].adopts,
    )


def test_what_carries_our_mark_is_ours(thing: Make) -> None:
    """No refusal and no change for what we labelled ourselves."""
    desired = Desired("shop", (thing("t"),), {"fake": Scope("shop")})

    assert plan(desired, _owned("shop"), Targeting()).is_empty


def test_a_change_that_loses_data_says_so(thing: Make, planned: Make) -> None:
    """The effect is what the guard looks at."""
    found = planned(FakeProvider({"t": {("size",): 9}}), thing("t", size=1))

    assert [EffectKind.DATA_LOSS] == [effect.kind for effect in found.changes[0].effects]


def test_the_digest_covers_values_and_knows_secrets_only_as_equal_or_different(
    thing: Make, planned: Make
) -> None:
    """Another value is another digest; another secret that differs likewise is the same one."""
    live = FakeProvider({"t": {("size",): 1}})

    assert planned(live, thing("t", size=2)).digest == planned(live, thing("t", size=2)).digest
    assert planned(live, thing("t", size=2)).digest != planned(live, thing("t", size=3)).digest
    digests = set()
    for value in ("one", "two"):
        wanted = thing("t")
        object.__setattr__(wanted.spec, "tags", (("token", Secret(value)),))
        digests.add(planned(live, wanted).digest)
    assert len(digests) == 1


THINGS = st.dictionaries(
    st.sampled_from("abcdef"),
    st.fixed_dictionaries(
        {},
        optional={
            "size": st.integers(0, 3),
            "shape": st.sampled_from(["round", "square"]),
            "tags": st.dictionaries(st.sampled_from("xyz"), st.sampled_from("12"), max_size=3),
        },
    ),
)


def _resources(things: dict[str, dict[str, Any]]) -> tuple[Resource, ...]:
    return tuple(
        Resource(
            fake_address(name),
            Thing(**{k: tuple(sorted(v.items())) if k == "tags" else v for k, v in spec.items()}),
        )
        for name, spec in sorted(things.items())
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(declared=THINGS, existing=THINGS)
def test_planning_never_mutates_and_the_same_input_gives_the_same_plan(
    declared: dict[str, Any], existing: dict[str, Any], planned: Callable[..., Plan]
) -> None:
    """Two plans of one input are equal, digest and all, and the live side is as it was."""
    live = FakeProvider({r.address.name: r.spec.fields() for r in _resources(existing)})
    before = copy.deepcopy(live.things)
    resources = _resources(declared)

    first = planned(live, *resources, owns=("*",))
    second = planned(live, *reversed(resources), owns=("*",))

    assert first == second
    assert first.digest == second.digest
    assert before == live.things
    assert [] == live.journal


def test_a_degraded_cluster_and_an_unknown_version_are_warned_of(
    thing: Make, planned: Make
) -> None:
    """A member that is away is told by name, and stands in no plan's way."""
    text = "2 of 3 nodes run: node 3 is down"
    found = planned(FakeProvider({"t": {}}, cluster=Cluster(text, is_degraded=True)), thing("t"))

    assert (f"fake: {text}",) == found.warnings
    assert (
        () == planned(FakeProvider({"t": {}}, cluster=Cluster("3 nodes run")), thing("t")).warnings
    )


def test_what_does_not_run_as_declared_is_a_difference_that_blocks_nothing(
    thing: Make, planned: Make
) -> None:
    """It is drift, though no setting differs and there is nothing to write."""
    live = FakeProvider({"t": {}, "stray": {}}, degraded={"t": "0 of 1 runs", "stray": "0 of 2"})
    found = planned(live, thing("t"), owns=("stray",))

    assert ["t"] == [address.name for address in found.degraded]
    assert found.is_empty
    assert found.is_complete
    assert render.drift_verdict(replace(found, unmanaged=())) == 2


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("4.0.5", ""),
        ("3.10.8", ""),
        ("4.3.6", ""),
        ("", ""),
        ("next", ""),
        ("3.9.1", "older"),
        ("5.0", "newer"),
    ],
)
def test_a_version_that_nobody_tried_is_said(version: str, said: str) -> None:
    """Whatever lies between two versions that were tried counts as known."""
    words = Versions(((3, 10), (4, 0), (4, 3))).unknown(version)

    assert words.startswith(said)
    assert bool(words) == bool(said)


def test_what_is_stuck_is_told_until_this_plan_does_something_about_it(
    thing: Make, planned: Make
) -> None:
    """A system that tries again by itself is only degraded."""
    live = FakeProvider(
        {"a": {("size",): 1}, "b": {}}, degraded={"a": "0 of 1 runs", "b": "0 of 1 runs"}
    )
    live.stuck = frozenset({"a"})
    wanted = (thing("a", size=1), thing("b"))

    left, restarted = planned(live, *wanted), planned(live, *wanted, restart=("fake.thing/a",))
    changed = planned(live, thing("a", size=2), thing("b"))

    assert left.stuck == (fake_address("a"),)
    assert len(left.degraded) == 2
    assert (restarted.stuck, changed.stuck) == ((), ())
    (change,) = [c for c in restarted.changes if c.address == fake_address("a")]
    assert (change.action, [field.name for field in change.fields]) == (Action.UPDATE, ["restarts"])
