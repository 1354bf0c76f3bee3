from __future__ import annotations

from bizops.change import FieldChange
from bizops.diff import diff
from bizops.resource import Field


def test_an_undeclared_setting_is_not_ours_to_judge() -> None:
    """What is live and not declared is neither compared nor written."""
    assert () == diff({("size",): 1}, {("size",): Field(1), ("other",): Field(9)})


def test_a_value_that_differs_is_one_change_with_its_origin() -> None:
    """A difference carries both values and where the live one comes from."""
    found = diff({("size",): 2}, {("size",): Field(1, "policy x")})

    assert (FieldChange(("size",), 1, 2, "policy x"),) == found


def test_a_declared_setting_that_is_not_live_differs() -> None:
    """Not there is not equal, even to an empty value."""
    assert (FieldChange(("size",), None, 0),) == diff({("size",): 0}, {})


def test_true_is_not_one() -> None:
    """Systems tell them apart, as RabbitMQ does in arguments; Python alone calls them equal."""
    assert (FieldChange(("x",), before=1, after=True),) == diff({("x",): True}, {("x",): Field(1)})
    assert (FieldChange(("x",), before=False, after=0),) == diff(
        {("x",): 0}, {("x",): Field(value=False)}
    )
    assert () == diff({("x",): True}, {("x",): Field(value=True)})


def test_a_map_owned_whole_loses_what_nobody_declares() -> None:
    """A live key of such a map goes, but only where the map is declared at all."""
    observed = {("env", "A"): Field("1"), ("env", "B"): Field("2")}

    assert (FieldChange(("env", "B"), "2", None),) == diff({("env", "A"): "1"}, observed, {"env"})
    assert () == diff({("size",): 1}, {**observed, ("size",): Field(1)}, {"env"})


def test_what_we_wrote_goes_when_it_is_no_longer_declared() -> None:
    """A setting marked as ours is a difference without being owned whole."""
    observed = {("ttl",): Field(5, "policy bizops.x", ours=True)}

    assert (FieldChange(("ttl",), 5, None, "policy bizops.x"),) == diff({}, observed)


def test_two_maps_differ_key_by_key() -> None:
    """A nested map is told apart into the keys that differ, in order."""
    before = (("a", 1), ("b", 2), ("c", 3))
    after = (("a", 1), ("b", 5), ("d", 4))

    found = diff({("test",): after}, {("test",): Field(before)})

    assert [
        FieldChange(("test", "b"), 2, 5),
        FieldChange(("test", "c"), 3, None),
        FieldChange(("test", "d"), None, 4),
    ] == list(found)


def test_differences_come_in_path_order_whatever_the_input_order() -> None:
    """The same content gives the same changes."""
    desired = {("b",): 1, ("a",): 1, ("c",): 1}

    found = [change.path for change in diff(desired, {("c",): Field(0), ("a",): Field(0)})]

    assert [("a",), ("b",), ("c",)] == found
