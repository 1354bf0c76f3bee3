"""The difference between what is declared and what is there, field by field; pure.

Both sides come as settings by path, already normalised by the provider, so equal means `==`, but for one thing that
Python alone calls equal: true is not 1. Nested values are told apart by deepdiff, which is imported only where two
nested values differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bizops.change import FieldChange
from bizops.resource import Field

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bizops.resource import Path


def diff(
    desired: Mapping[Path, Any], observed: Mapping[Path, Field], whole: Collection[str] = ()
) -> tuple[FieldChange, ...]:
    """Give the differences in path order.

    An equal value that the object only inherits is a difference, which pins it. A path that is only observed differs
    where the first segment is in `whole` and managed by the declaration, or where we wrote it ourselves; every other
    undeclared setting is not ours to judge.
    """
    if all(
        path in observed and _is_same(observed[path].value, value) and not observed[path].inherited
        for path, value in desired.items()
    ) and not any(_is_surplus(path, field, desired, whole) for path, field in observed.items()):
        return ()
    return tuple(_changes(desired, observed, whole))


def _changes(
    desired: Mapping[Path, Any], observed: Mapping[Path, Field], whole: Collection[str]
) -> Iterator[FieldChange]:
    nothing = Field(None)
    for path in sorted({*desired, *observed}):
        before = observed.get(path, nothing)
        if path in desired:
            if path not in observed or not _is_same(before.value, desired[path]):
                yield from _nested(path, before, desired[path])
            elif before.inherited:
                yield FieldChange(
                    path, before.value, desired[path], before.origin, pins=before.inherited
                )
        elif _is_surplus(path, before, desired, whole):
            yield FieldChange(
                path, before.value, before.default, before.origin, default_of=before.default_of
            )


def _is_same(before: Any, after: Any) -> bool:  # noqa: ANN401 - any setting
    return bool(before == after) and isinstance(before, bool) == isinstance(after, bool)


def _is_surplus(
    path: Path, field: Field, desired: Mapping[Path, Any], whole: Collection[str]
) -> bool:
    if path in desired:
        return False
    return field.ours or (path[0] in whole and any(key[0] == path[0] for key in desired))


def _nested(path: Path, before: Field, after: Any) -> Iterator[FieldChange]:  # noqa: ANN401
    """Split a difference between two maps into one for each key that differs; leave the rest whole.

    A map inside a field is a tuple of pairs. Lists are shown whole: an index means little to a reader.
    """
    if not (_is_map(before.value) and _is_map(after)):
        yield FieldChange(path, before.value, after, before.origin)
        return
    from deepdiff import DeepDiff  # noqa: PLC0415 - 100 ms that a plan without nested changes saves

    mine, theirs = dict(after), dict(before.value)
    found = DeepDiff(theirs, mine, ignore_order=False, view="tree")
    keys = {item.path(output_format="list")[0] for items in found.values() for item in items}
    for key in sorted(keys):
        yield FieldChange((*path, key), theirs.get(key), mine.get(key), before.origin)


def _is_map(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and bool(value)
        and all(
            isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)  # noqa: PLR2004
            for item in value
        )
    )
