"""Files beside each other and over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Folder


def _settings(
    folder: Folder, *files: str, **options: str
) -> dict[str, dict[tuple[str, ...], object]]:
    found = folder.load(*files, **options)
    return {resource.address.name: resource.spec.fields() for resource in found.resources}


def test_maps_merge_by_key_and_scalars_are_replaced(folder: Folder) -> None:
    """An overlay says only what is different."""
    folder.write("base.yaml", "fake: {things: {a: {size: 1, shape: round}, b: {size: 2}}}\n")
    folder.write("over.yaml", "fake: {things: {a: {size: 9}, c: {size: 3}}}\n", head="")

    found = _settings(folder, "base.yaml", "over.yaml")

    assert found == {
        "a": {("size",): 9, ("shape",): "round"},
        "b": {("size",): 2},
        "c": {("size",): 3},
    }


def test_lists_are_replaced_whole(folder: Folder) -> None:
    """Half of a list means nothing."""
    folder.write("base.yaml", "fake: {owns: {things: ['aaa*', 'bbb*']}, things: {}}\n")
    folder.write("over.yaml", "fake: {owns: {things: ['ccc*']}}\n", head="")

    found = folder.load("base.yaml", "over.yaml")

    assert found.scopes["fake"].owns == (("thing", ("ccc*",)),)


def test_null_removes_a_resource_and_a_key_and_opts_out_of_a_default(folder: Folder) -> None:
    """What is below can be taken away without being copied."""
    folder.write(
        "base.yaml",
        """\
        fake:
          thing_defaults: {shape: round}
          things: {gone: {size: 1}, plain: {size: 2}, bare: {size: 3}, own: {size: 4, shape: null}}
        """,
    )
    folder.write(
        "over.yaml",
        "fake: {things: {gone: null, plain: {size: null}, bare: {shape: ~}}}\n",
        head="",
    )

    found = _settings(folder, "base.yaml", "over.yaml")

    assert found == {
        "plain": {("shape",): "round"},
        "bare": {("size",): 3},
        "own": {("size",): 4},
    }


def test_null_removes_a_whole_section(folder: Folder) -> None:
    """An environment may lack a system."""
    folder.write("base.yaml", "fake: {things: {a: {}}}\nkafka: {topics: {b: {}}}\n")
    folder.write("over.yaml", "kafka: null\n", head="")

    assert list(_settings(folder, "base.yaml", "over.yaml")) == ["a"]


def test_a2_a_name_alone_is_an_entry_with_the_defaults(folder: Folder) -> None:
    """As people write it; and in a later file, where no earlier one has that name."""
    folder.write("base.yaml", "fake:\n  thing_defaults: {size: 3}\n  things:\n    a:\n")
    folder.write("over.yaml", "fake:\n  things:\n    b:\n", head="")

    found = _settings(folder, "base.yaml", "over.yaml")

    assert found == {"a": {("size",): 3}, "b": {("size",): 3}}


def test_a2_a_name_alone_removes_what_an_earlier_file_declares(folder: Folder) -> None:
    """Also what is declared there by its name alone."""
    folder.write("base.yaml", "fake:\n  things:\n    a:\n    b: {size: 1}\n    c:\n")
    folder.write("over.yaml", "fake:\n  things:\n    a:\n    b:\n", head="")

    assert list(_settings(folder, "base.yaml", "over.yaml")) == ["c"]


def test_a2_a_null_that_is_written_and_removes_nothing_is_told(folder: Folder) -> None:
    """It may be the misspelt name of what is to go."""
    folder.write("bizops.yaml", "fake: {things: {a: null}}\n")

    found = folder.load()

    assert [str(resource.address) for resource in found.resources] == ["fake.thing/a"]
    assert (
        "null removes nothing here, so this is one with the defaults: write a: {}"
        in found.warnings[0]
    )


@pytest.mark.parametrize(
    "setting", ["size:", "tags: {one: }", "tags: {one: null}", "lifecycle: {protect: }"]
)
def test_a_forgotten_value_is_a_fault(folder: Folder, setting: str) -> None:
    """It would drop the setting in silence, where Compose passes a variable on or takes `{}`."""
    folder.write("bizops.yaml", f"fake:\n  things:\n    a:\n      {setting}\n")

    assert "fake.thing/a: " in folder.faults()
    assert "no value, and nothing beneath that null could remove" in folder.faults()


def test_a_null_says_that_a_field_is_not_managed(folder: Folder) -> None:
    """Written out, it is no slip."""
    folder.write("bizops.yaml", "fake: {things: {a: {size: null, shape: ~}}}\n")

    assert _settings(folder) == {"a": {}}


def test_defaults_fill_each_entry_map_by_map(folder: Folder) -> None:
    """A map in an entry adds to the default's, and wins key by key."""
    folder.write(
        "bizops.yaml",
        """\
        connections: {kafka: {bootstrap.servers: "127.0.0.1:9092"}}
        kafka:
          topic_defaults: {partitions: 2, configs: {retention.ms: 7d, cleanup.policy: compact}}
          topics: {plain: {}, own: {partitions: 3, configs: {retention.ms: 1d}}}
        """,
    )

    found = _settings(folder)

    assert (found["plain"][("partitions",)], found["own"][("partitions",)]) == (2, 3)
    assert str(found["plain"][("configs", "retention.ms")]) == "7d"
    assert str(found["own"][("configs", "retention.ms")]) == "1d"
    assert (
        found["own"][("configs", "cleanup.policy")] == found["plain"][("configs", "cleanup.policy")]
    )


def test_the_place_of_a_resource_stays_where_it_is_declared(folder: Folder) -> None:
    """A plan points at the declaration, not at the last overlay that touched it."""
    folder.write("base.yaml", "fake:\n  things:\n    a: {size: 1}\n")
    folder.write("over.yaml", "fake: {things: {a: {size: 2}}}\n", head="")

    (resource,) = folder.load("base.yaml", "over.yaml").resources

    assert str(resource.source) == "base.yaml:5"


def test_a_fault_in_an_overlay_points_at_the_overlay(folder: Folder) -> None:
    """The line to correct is the one that won."""
    folder.write("base.yaml", "fake: {things: {a: {size: 1}}}\n")
    folder.write("over.yaml", "fake: {things: {a: {size: big}}}\n", head="")

    assert folder.faults("base.yaml", "over.yaml").startswith(
        "over.yaml:1:27: fake.thing/a: size: must be a whole number"
    )


def test_files_of_a_directory_stand_side_by_side(folder: Folder) -> None:
    """One file for each system reads better than one long file."""
    folder.write("topology/a.yaml", "fake: {things: {a: {size: 1}}}\n")
    folder.write("topology/b.yml", "fake: {things: {b: {size: 2}}}\n")
    folder.write("topology/env/production.yaml", "fake: {things: {a: {size: 5}}}\n", head="")
    folder.write("topology/.hidden.yaml", "nonsense")
    folder.write("topology/notes.txt", "nonsense")

    assert sorted(_settings(folder, "topology")) == ["a", "b"]
    assert folder.load("topology").files == ("topology/a.yaml", "topology/b.yml")
    assert _settings(folder, environment="production")["a"] == {("size",): 5}


def test_the_environment_lies_beside_the_first_file_and_over_all(folder: Folder) -> None:
    """`-e` has the last word, whatever else is laid over the first file."""
    folder.write("topology/base.yaml", "fake: {things: {a: {size: 1}}}\n")
    folder.write("topology/env/production.yaml", "fake: {things: {a: {size: 3}}}\n", head="")
    folder.write("more.yaml", "fake: {things: {a: {size: 2}}}\n", head="")

    found = folder.load("topology/base.yaml", "more.yaml", environment="production")

    assert found.environment == "production"
    assert found.files == ("topology/base.yaml", "more.yaml", "topology/env/production.yaml")
    assert [resource.spec.fields() for resource in found.resources] == [{("size",): 3}]


def test_an_unknown_environment_names_those_that_exist(folder: Folder) -> None:
    """Nobody should have to look into the folder."""
    folder.write("topology/base.yaml", "fake: {}\n")
    folder.write("topology/env/production.yaml", "{}\n", head="")
    folder.write("topology/env/staging.yaml", "{}\n", head="")

    assert folder.faults("topology/base.yaml", environment="prodution") == (
        "topology/env/prodution.yaml: no environment prodution: there are production, staging in topology/env\n"
        "  did you mean production?"
    )
