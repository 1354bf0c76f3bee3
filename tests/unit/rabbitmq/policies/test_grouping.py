"""How few policies a change of one queue writes, and that what stands is left alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bizops.providers.rabbitmq.declared import field_types
from bizops.providers.rabbitmq.live.effective_settings import Policy
from bizops.providers.rabbitmq.naming import patterns, regular_expressions
from bizops.providers.rabbitmq.policies import grouping
from bizops.providers.rabbitmq.policies.grouping import Context, Group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bizops.providers.rabbitmq.declared.field_types import Pairs

NEW, OLD = (4, 3), (4, 0)
HOUR = field_types.freeze({"message-ttl": 3_600_000})
DAY = field_types.freeze({"message-ttl": 86_400_000})
EMPTY = Context("t", 100, NEW, {})


def policies(found: Mapping[str, Group]) -> dict[str, Policy]:
    return {name: group.policy for name, group in found.items()}


def again(wanted: Mapping[str, Pairs], live: Mapping[str, Policy]) -> dict[str, Policy]:
    """Give the policies of a plan over live ones, and see that they hold each queue once."""
    found = grouping.groups(wanted, replace(EMPTY, live=live))
    held = sorted(name for group in found.values() for name in group.queues)
    assert sorted(name for name in wanted if wanted[name]) == held
    for group in found.values():
        assert frozenset(group.queues) == patterns.names(group.policy.pattern)
        assert {group.policy.definition} == {wanted[name] for name in group.queues}
    return policies(found)


def listed(names: list[str], definition: Pairs = HOUR) -> Policy:
    """Give a policy as earlier versions of bizops wrote it, however long."""
    pattern = f"^(?:{'|'.join(map(regular_expressions.escaped, sorted(names)))})$"
    return Policy(f"bizops.t.ttl-1h.{len(names):08x}", pattern, "queues", 100, definition)


def hashed(number: int) -> str:
    return f"auto_{hashlib.sha256(str(number).encode()).hexdigest()[:20]}"


@pytest.mark.parametrize(
    "names",
    [[f"auto_{number:04d}" for number in range(3000)], [hashed(number) for number in range(3000)]],
    ids=["numbered", "hashed"],
)
@pytest.mark.parametrize("change", ["another setting", "added", "removed"])
def test_a_change_of_one_queue_of_3000_writes_at_most_three_policies(
    names: list[str], change: str
) -> None:
    """Wherever it stands, and the many others of its setting are not touched."""
    first = dict.fromkeys(names, HOUR)
    live = again(first, {})
    for position in (0, 1, 1499, 2999):
        wanted = dict(first)
        if change == "removed":
            del wanted[names[position]]
        elif change == "added":
            wanted[f"{names[position]}x"] = HOUR
        else:
            wanted[names[position]] = DAY
        then = again(wanted, live)

        assert len(then.keys() - live.keys()) <= 3
        assert len(live.keys() - then.keys()) <= 3
        assert then == again(wanted, then), "the next plan is empty"


def test_many_single_changes_leave_few_policies() -> None:
    """Queues that move one by one share a policy in the end, and what they leave is joined."""
    names = [hashed(number) for number in range(240)]
    wanted = dict.fromkeys(names, HOUR)
    live = again(wanted, {})
    fewest = len(live)
    for name in names[::2]:
        wanted[name] = DAY
        live = again(wanted, live)

    assert len(live) <= 2 * fewest + 2


def test_a_policy_of_an_earlier_version_stays_where_the_broker_takes_it() -> None:
    """So an older bizops beside a newer one does not write what the other wrote anew."""
    names = [hashed(number) for number in range(100)]
    old = listed(names)
    assert len(old.pattern) > 1024
    wanted = dict.fromkeys(names, HOUR)

    kept = grouping.groups(wanted, replace(EMPTY, version=OLD, live={old.name: old}))
    cut = grouping.groups(wanted, replace(EMPTY, live={old.name: old}))

    assert {old.name: old} == policies(kept)
    assert old.name not in cut
    assert all(len(group.policy.pattern) <= 1024 for group in cut.values())


def test_a_small_group_is_named_as_earlier_versions_named_it() -> None:
    """The same pattern, so the same hash."""
    found = grouping.groups(dict.fromkeys(["own_a", "own_b", "own_c"], HOUR), EMPTY)

    assert {"bizops.t.ttl-3600000.b61d04fd": "^(?:own_a|own_b|own_c)$"} == {
        name: group.policy.pattern for name, group in found.items()
    }


def test_two_contents_of_one_digest_get_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one would stand in the other's place, and its queues had no policy."""
    monkeypatch.setattr(grouping, "digest", lambda _content, salt: f"0000000{salt or 0}")
    monkeypatch.setattr(patterns, "MAX_BYTES", 20)

    found = again(dict.fromkeys(["auto_orders", "hitl_review"], HOUR), {})

    assert len(found) == 2


NAMES = [f"own_{letter}{number}" for letter in "abé" for number in range(4)]
WANTED = st.dictionaries(st.sampled_from(NAMES), st.sampled_from([HOUR, DAY]))
LIVE = st.lists(
    st.tuples(
        st.sets(st.sampled_from(NAMES), min_size=1),
        st.sampled_from([HOUR, DAY]),
        st.sampled_from([100, 100, 100, 99]),
        st.sampled_from(["queues", "queues", "all"]),
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(WANTED, LIVE, st.sampled_from([24, 60, 1024]), st.sampled_from([0, 1]))
def test_whatever_is_live_each_queue_is_held_once_and_the_next_plan_is_empty(
    wanted: dict[str, Pairs],
    found: list[tuple[set[str], Pairs, int, str]],
    limit: int,
    salt: int,
) -> None:
    """After any killed runs, hands and versions."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(patterns, "MAX_BYTES", limit)
        live = {}
        for number, (names, definition, priority, scope) in enumerate(found):
            name = f"bizops.t.x.{number + salt:08x}"
            live[name] = Policy(name, patterns.of_one(sorted(names)), scope, priority, definition)
        then = again(wanted, live)

        assert then == again(wanted, then)
        assert then == again(wanted, {**live, **then}), "killed between the creations and deletions"


def test_a_queue_with_a_line_feed_is_left_out() -> None:
    """`$` would match it; so such a pattern is written, and rewritten, with the strict end."""
    wanted = dict.fromkeys(["own_a", "own_b"], HOUR)
    loose = again(wanted, {})
    found = grouping.groups(wanted, replace(EMPTY, live=loose, with_line_feed=frozenset({"own_b"})))

    assert [r"^(?:own_a|own_b)\z"] == [group.policy.pattern for group in found.values()]
